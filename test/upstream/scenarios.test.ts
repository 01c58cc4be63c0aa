/**
 * What happens between a gateway and its backends in real life, over real sockets: the scenarios by which the transport
 * was chosen, so that another one under the same interface can be measured by them.
 */
import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Upstream } from '../../src/core/upstream.ts';
import type { UpstreamFailure } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { startOllamaServer } from '../support/ollama-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import {
  aBackend,
  anAttempt,
  CHAT_BODY,
  readAll,
  silentLog,
} from '../support/upstream-attempts.ts';

const STREAM_BODY = { ...CHAT_BODY, stream: true };
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function upstreamTo(...urls: readonly string[]): Promise<Upstream> {
  const backends = urls.map((url, index) => aBackend({ name: `backend-${index}`, url }));
  const upstream = await createUpstream({ backends, log: silentLog });
  closers.push(async () => upstream.close());
  return upstream;
}

function attemptAt(index: number, options: Parameters<typeof anAttempt>[0] = {}) {
  return anAttempt({ ...options, attempt: { backend: `backend-${index}`, ...options.attempt } });
}

describe('one request', () => {
  it('goes to one backend after another until one answers, each time whole', async () => {
    const refusing = await startOpenAiServer();
    await refusing.close();
    const servers = await Promise.all(Array.from({ length: 4 }, async () => startOpenAiServer()));
    closers.push(
      async () => void (await Promise.all(servers.map(async (server) => server.close()))),
    );
    const [resetting, failing, hanging, good] = servers;
    resetting?.behave({ dies: 'beforeHeaders' });
    failing?.behave({ status: 503 });
    hanging?.behave({ until: new Promise(() => {}) });
    good?.behave({ text: 'finally' });
    const upstream = await upstreamTo(refusing.url, ...servers.map(({ url }) => url));

    const body = { ...CHAT_BODY, padding: 'x'.repeat(200_000) };
    const outcomes: unknown[] = [];
    for (let index = 0; index < 5; index += 1) {
      const attempt = attemptAt(index, {
        body,
        attempt: { firstByteTimeoutMs: index === 3 ? 50 : 5_000 },
      });
      const answer = await upstream.open(attempt).catch((error: UpstreamFailure) => error.kind);
      outcomes.push(typeof answer === 'string' ? answer : answer.status);
      if (typeof answer !== 'string') await readAll(answer);
    }
    expect(outcomes).toEqual(['connect', 'reset', 503, 'timeout', 200]);
    for (const server of servers) expect(server.calls[0]?.json).toEqual(body);
  });
});

describe('a stream', () => {
  it('is relayed event by event, as each one comes', async () => {
    let next: () => void = () => {};
    const url = await listen((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      let sent = 0;
      next = () => {
        sent += 1;
        response.write(`data: {"choices":[{"delta":{"content":"${sent}"}}]}\n\n`);
      };
    });
    const upstream = await upstreamTo(url);
    const controller = new AbortController();
    const { signal } = controller;
    const answer = await upstream.open(attemptAt(0, { body: STREAM_BODY, attempt: { signal } }));
    const events = answer.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (const expected of ['1', '2', '3']) {
      next();
      const { value } = (await events.next()) as { value: Buffer };
      expect(answer.reader.push(value).toString()).toContain(`"content":"${expected}"`);
    }
    controller.abort();
    await expect(events.next()).rejects.toMatchObject({ kind: 'aborted' });
  });

  it('waits at its source while nobody reads it', async () => {
    let written = 0;
    const event = `data: {"choices":[{"delta":{"content":"${'x'.repeat(65_536)}"}}]}\n\n`;
    const { promise: full, resolve: noticeFull } = Promise.withResolvers<void>();
    const url = await listen((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = (): void => {
        while (written < 100 * 1024 * 1024) {
          written += event.length;
          if (!response.write(event)) break;
        }
        noticeFull();
      };
      response.on('drain', more);
      more();
    });
    const upstream = await upstreamTo(url);
    const controller = new AbortController();
    const { signal } = controller;
    const answer = await upstream.open(attemptAt(0, { body: STREAM_BODY, attempt: { signal } }));
    await full;
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Buffers of both sockets and of the stream, but nowhere near all of it.
    expect(written).toBeLessThan(32 * 1024 * 1024);
    controller.abort();
    expect(answer.reader.isComplete()).toBe(false);
  });
});

describe('an answer before the whole request was sent', () => {
  it('is taken as the answer', async () => {
    const url = await listen((_, response) => {
      response.writeHead(413, { 'content-type': 'application/json', connection: 'close' });
      response.end('{"error":{"message":"too large"}}');
    });
    const upstream = await upstreamTo(url);
    const body = { ...CHAT_BODY, padding: 'x'.repeat(16 * 1024 * 1024) };
    const answer = await upstream.open(attemptAt(0, { body }));
    expect(answer.status).toBe(413);
    expect(await readAll(answer)).toContain('too large');
  });
});

describe('a redirect', () => {
  it('is not followed, so that no key goes where it was not configured to go', async () => {
    const elsewhere = await startOpenAiServer();
    closers.push(async () => elsewhere.close());
    const url = await listen((_, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/v1/chat/completions` }).end();
    });
    const upstream = await upstreamTo(url);
    const answer = await upstream.open(attemptAt(0));
    await readAll(answer);
    expect(answer.status).toBe(307);
    expect(answer.headers).not.toHaveProperty('location');
    expect(elsewhere.requests).toHaveLength(0);
  });
});

describe('many calls at once', () => {
  it('to three kinds of backend get each their own answer', async () => {
    const servers = [
      { type: 'openai' as const, server: await startOpenAiServer() },
      { type: 'anthropic' as const, server: await startAnthropicServer() },
      { type: 'ollama' as const, server: await startOllamaServer() },
    ];
    for (const { type, server } of servers) {
      closers.push(async () => server.close());
      server.behave({ text: `said by ${type}`, pieceBytes: 60 });
    }
    const upstream = await createUpstream({
      backends: servers.map(({ type, server }) => aBackend({ name: type, type, url: server.url })),
      log: silentLog,
    });
    closers.push(async () => upstream.close());
    const calls = Array.from({ length: 60 }, async (_, index) => {
      const { type } = servers[index % servers.length] ?? { type: '' };
      const body = index % 2 === 0 ? CHAT_BODY : STREAM_BODY;
      const answer = await upstream.open(anAttempt({ body, attempt: { backend: type } }));
      await readAll(answer);
      expect(answer.reader.outputText()).toBe(`said by ${type}`);
      expect(answer.reader.usage()).toMatchObject({ input: 12, output: 5 });
      expect(answer.reader.isComplete()).toBe(true);
    });
    await Promise.all(calls);
  });
});
