/** A backend that answers at once with one kilobyte, in a process of its own: what is measured is what stands before it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const content = 'All work and no play makes a dull benchmark. '.repeat(16);
const body = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-stub',
    object: 'chat.completion',
    created: 0,
    model: 'stub-model',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 180, completion_tokens: 160, total_tokens: 340 },
  }),
);
const models = Buffer.from(
  JSON.stringify({ object: 'list', data: [{ id: 'stub-model', object: 'model' }] }),
);

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
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
