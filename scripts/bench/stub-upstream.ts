/**
 * A backend that answers at once with one kilobyte, or streams as many chunks as `max_tokens` says, one every ten
 * milliseconds. In a process of its own: what is measured is what stands before it.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const CHUNK_MS = 10;

const content = 'All work and no play makes a dull benchmark. '.repeat(16);
const usage = { prompt_tokens: 180, completion_tokens: 160, total_tokens: 340 };
const head = { id: 'chatcmpl-stub', created: 0, model: 'gpt-4o' };
const body = Buffer.from(
  JSON.stringify({
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage,
  }),
);
const models = Buffer.from(
  JSON.stringify({ object: 'list', data: [{ id: 'gpt-4o', object: 'model' }] }),
);

function event(choices: readonly object[], more: object = {}): string {
  const document = { ...head, object: 'chat.completion.chunk', choices, ...more };
  return `data: ${JSON.stringify(document)}\n\n`;
}

const chunk = event([{ index: 0, delta: { content: 'a word or two' }, finish_reason: null }]);
const last = event([{ index: 0, delta: {}, finish_reason: 'stop' }]);

interface Asked {
  readonly stream?: boolean;
  readonly max_tokens?: number;
  readonly stream_options?: { readonly include_usage?: boolean };
}

function stream(response: ServerResponse, asked: Asked): void {
  let left = asked.max_tokens ?? 1;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const timer = setInterval(() => {
    left -= 1;
    if (left >= 0) {
      response.write(chunk);
      return;
    }
    clearInterval(timer);
    const counted = asked.stream_options?.include_usage ? event([], { usage }) : '';
    response.end(`${last}${counted}data: [DONE]\n\n`);
  }, CHUNK_MS);
  response.on('close', () => clearInterval(timer));
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (piece: Buffer) => chunks.push(piece));
  request.on('end', () => {
    const sent = Buffer.concat(chunks);
    // Parsed only where it is needed: what this process costs is taken from the one that is measured.
    if (sent.includes('"stream":true')) {
      stream(response, JSON.parse(sent.toString()) as Asked);
      return;
    }
    const answer = request.method === 'GET' ? models : body;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': answer.length,
    });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
