import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { BackendSettings } from '../../src/core/settings.ts';
import type { Upstream } from '../../src/core/upstream.ts';
import { UpstreamFailure } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { HandClock } from '../support/hand-clock.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import {
  aBackend,
  anAttempt,
  CHAT_BODY,
  readAll,
  silentLog,
} from '../support/upstream-attempts.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/loopback-certificate.ts';

const STREAM_BODY = { ...CHAT_BODY, stream: true };
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function openAi(options?: Parameters<typeof startOpenAiServer>[0]): Promise<ProviderServer> {
  const server = await startOpenAiServer(options);
  closers.push(async () => server.close());
  return server;
}

async function upstreamTo(
  url: string,
  clock?: HandClock,
  settings: Partial<BackendSettings> = {},
): Promise<Upstream> {
  const upstream = await createUpstream({
    backends: [aBackend({ url, ...settings })],
    log: silentLog,
    ...(clock ? { clock } : {}),
  });
  closers.push(async () => upstream.close());
  return upstream;
}

/** A server below HTTP: what it does with a connection is the test's. */
async function listenTcp(server: Server, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await nextTurn();
  });
  return (server.address() as AddressInfo).port;
}

async function failureOf(promise: Promise<unknown>): Promise<UpstreamFailure> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(UpstreamFailure);
  return outcome as UpstreamFailure;
}

describe('a failure before the headers', () => {
  it('is connect, never sent, when nothing listens', async () => {
    const server = createTcpServer();
    const port = await listenTcp(server);
    server.close();
    await nextTurn();
    const upstream = await upstreamTo(`http://127.0.0.1:${port}`);
    const failure = await failureOf(upstream.open(anAttempt()));
    expect(failure).toMatchObject({ kind: 'connect', wasSent: false });
    expect(failure.message).toBe(`connection refused at http://127.0.0.1:${port}`);
  });

  it('is connect, never sent, when the host has no address', async () => {
    const upstream = await upstreamTo('http://nobody.invalid:8080');
    const failure = await failureOf(upstream.open(anAttempt()));
    expect(failure).toMatchObject({ kind: 'connect', wasSent: false });
    expect(failure.message).toBe('host name nobody.invalid was not found');
  });

  it('is connect, never sent, when the certificate is not trusted', async () => {
    const server = createHttpsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE });
    const port = await listenTcp(server);
    const upstream = await upstreamTo(`https://127.0.0.1:${port}`);
    const failure = await failureOf(upstream.open(anAttempt()));
    expect(failure).toMatchObject({ kind: 'connect', wasSent: false });
    expect(failure.message).toMatch(/^TLS with https:.* failed: DEPTH_ZERO_SELF_SIGNED_CERT$/);
  });

  it('is connect, never sent, while a TLS handshake does not end', async () => {
    const server = createTcpServer();
    const port = await listenTcp(server);
    const clock = new HandClock();
    const upstream = await upstreamTo(`https://127.0.0.1:${port}`, clock);
    const opened = failureOf(upstream.open(anAttempt({ attempt: { firstByteTimeoutMs: 60_000 } })));
    await once(server, 'connection');
    clock.advance(10_000);
    expect(await opened).toMatchObject({ kind: 'connect', wasSent: false });
    expect(clock.pending).toBe(0);
  });

  it('is connect when the key can not be put into a header, and does not quote it', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url, undefined, { apiKey: 'sk-se\ncret' });
    const failure = await failureOf(upstream.open(anAttempt()));
    expect(failure).toMatchObject({ kind: 'connect', wasSent: false });
    expect(failure.message).not.toContain('cret');
    expect(server.requests).toHaveLength(0);
  });

  it('is timeout, sent, when the headers do not come in time, and hangs up', async () => {
    const server = await openAi();
    server.behave({ until: new Promise(() => {}) });
    const clock = new HandClock();
    const upstream = await upstreamTo(server.url, clock);
    const opened = failureOf(upstream.open(anAttempt({ attempt: { firstByteTimeoutMs: 2_000 } })));
    const request = await server.arrival();
    clock.advance(1_999);
    await nextTurn();
    clock.advance(1);
    const failure = await opened;
    expect(failure).toMatchObject({ kind: 'timeout', wasSent: true });
    expect(failure.message).toBe(`no answer from ${server.url} within 2000 ms`);
    expect(await request.finished).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('is reset, sent, when the backend dies after the request', async () => {
    const server = await openAi();
    server.behave({ dies: 'beforeHeaders' });
    const upstream = await upstreamTo(server.url);
    const failure = await failureOf(upstream.open(anAttempt()));
    expect(failure).toMatchObject({ kind: 'reset', wasSent: true });
  });

  it('is reset, sent, when the answer is not HTTP', async () => {
    const server = createTcpServer((socket) => {
      socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    });
    const port = await listenTcp(server);
    const upstream = await upstreamTo(`http://127.0.0.1:${port}`);
    const failure = await failureOf(upstream.open(anAttempt()));
    expect(failure).toMatchObject({ kind: 'reset', wasSent: true });
    expect(failure.message).toContain('is not HTTP');
  });
});

describe('an abort', () => {
  it('before the call sends nothing', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url);
    const signal = AbortSignal.abort();
    const failure = await failureOf(upstream.open(anAttempt({ attempt: { signal } })));
    expect(failure).toMatchObject({ kind: 'aborted', wasSent: false });
    expect(server.requests).toHaveLength(0);
  });

  it('in the same step as the call sends nothing', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url);
    const controller = new AbortController();
    const opened = failureOf(upstream.open(anAttempt({ attempt: { signal: controller.signal } })));
    controller.abort();
    expect(await opened).toMatchObject({ kind: 'aborted', wasSent: false });
    expect(await readAll(await upstream.open(anAttempt()))).toContain('Hello there');
    expect(server.requests).toHaveLength(1);
  });

  it('in any of the first steps of a call never hangs and never crashes', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url);
    for (let steps = 0; steps < 12; steps += 1) {
      const controller = new AbortController();
      const { signal } = controller;
      const opened = failureOf(upstream.open(anAttempt({ attempt: { signal } })));
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      controller.abort();
      expect(await opened).toMatchObject({ kind: 'aborted' });
    }
  });

  it('before the headers hangs up and may have been billed', async () => {
    const server = await openAi();
    server.behave({ until: new Promise(() => {}) });
    const upstream = await upstreamTo(server.url);
    const controller = new AbortController();
    const opened = failureOf(upstream.open(anAttempt({ attempt: { signal: controller.signal } })));
    const request = await server.arrival();
    controller.abort();
    expect(await opened).toMatchObject({ kind: 'aborted', wasSent: true });
    expect(await request.finished).toBe(false);
  });

  it('in the middle of a stream ends the body with the failure and hangs up', async () => {
    const server = await openAi();
    server.behave({ text: 'word '.repeat(1000), eventDelayMs: 5 });
    const upstream = await upstreamTo(server.url);
    const controller = new AbortController();
    const { signal } = controller;
    const answer = await upstream.open(anAttempt({ body: STREAM_BODY, attempt: { signal } }));
    const read = failureOf(
      (async () => {
        for await (const chunk of answer.body) {
          answer.reader.push(chunk as Buffer);
          if (answer.reader.outputText() !== '') controller.abort();
        }
      })(),
    );
    expect(await read).toMatchObject({ kind: 'aborted', wasSent: true });
    expect(await server.calls[0]?.finished).toBe(false);
    expect(answer.reader.outputText()).toContain('word');
    expect(answer.reader.isComplete()).toBe(false);
  });

  it('after the end of the body changes nothing', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url);
    const controller = new AbortController();
    const { signal } = controller;
    await readAll(await upstream.open(anAttempt({ attempt: { signal } })));
    controller.abort();
    await readAll(await upstream.open(anAttempt()));
    expect(server.calls.map((call) => call.clientPort)).toEqual(
      Array(2).fill(server.calls[0]?.clientPort),
    );
  });
});

describe('the client of the gateway', () => {
  it('can leave without ending the upstream call', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url);
    const { promise: clientLeft, resolve: leave } = Promise.withResolvers<void>();
    server.behave({ until: clientLeft });
    const attempt = anAttempt({ body: STREAM_BODY });
    const opened = upstream.open(attempt);
    await server.arrival();
    attempt.clientRequest.destroy();
    attempt.clientResponse.destroy();
    attempt.clientResponse.emit('close');
    leave();
    const answer = await opened;
    await readAll(answer);
    expect(answer.reader.usage()).toMatchObject({ input: 12, output: 5 });
    expect(await server.calls[0]?.finished).toBe(true);
  });
});

describe('a body', () => {
  it('breaks off with an error when the backend dies in the middle of it', async () => {
    const server = await openAi();
    server.behave({ dies: 2 });
    const upstream = await upstreamTo(server.url);
    const answer = await upstream.open(anAttempt({ body: STREAM_BODY }));
    await expect(readAll(answer)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(answer.reader.isComplete()).toBe(false);
    expect(answer.reader.outputText()).toBe('Hello');
  });

  it('breaks off with an error when it is shorter than its length says', async () => {
    const server = createHttpServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{"half":', () => response.destroy());
    });
    const port = await listenTcp(server);
    const upstream = await upstreamTo(`http://127.0.0.1:${port}`);
    await expect(readAll(await upstream.open(anAttempt()))).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
  });

  it('is not read ahead of its reader', async () => {
    const server = await openAi();
    const total = 64 * 1024 * 1024;
    server.behave({ raw: { contentType: 'application/json', body: Buffer.alloc(total, 0x20) } });
    const upstream = await upstreamTo(server.url);
    const answer = await upstream.open(anAttempt());
    const received = (): number => answer.body.readableLength;
    for (let turn = 0; turn < 200; turn += 1) await nextTurn();
    expect(received()).toBeLessThan(1024 * 1024);
    let bytes = 0;
    for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(total);
  });

  it('is decompressed when a backend compresses against our word', async () => {
    const server = await openAi();
    server.behave({ gzip: true, text: 'compressed' });
    const upstream = await upstreamTo(server.url);
    const answer = await upstream.open(anAttempt());
    expect(await readAll(answer)).toContain('"compressed"');
    expect(answer.reader.usage()).toMatchObject({ output: 5 });
    expect(answer.headers).not.toHaveProperty('content-encoding');
    expect(answer.headers).not.toHaveProperty('content-length');
  });

  it.each([
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ])('is decompressed from %s', async (encoding, compress) => {
    const server = await openAi();
    const raw = { contentType: 'application/json', body: compress('{"plain":true}') };
    server.behave({ raw, headers: { 'content-encoding': encoding } });
    const upstream = await upstreamTo(server.url);
    expect(await readAll(await upstream.open(anAttempt()))).toBe('{"plain":true}');
  });

  it('breaks off when what is said to be compressed is not', async () => {
    const server = await openAi();
    const raw = { contentType: 'application/json', body: 'plain' };
    server.behave({ raw, headers: { 'content-encoding': 'gzip' } });
    const upstream = await upstreamTo(server.url);
    const answer = await upstream.open(anAttempt());
    await expect(readAll(answer)).rejects.toMatchObject({ code: 'Z_DATA_ERROR' });
  });

  it('keeps an encoding that we do not know, and says so', async () => {
    const server = await openAi();
    const raw = { contentType: 'application/json', body: 'opaque' };
    server.behave({ raw, headers: { 'content-encoding': 'aes128gcm' } });
    const upstream = await upstreamTo(server.url);
    const answer = await upstream.open(anAttempt());
    expect(answer.headers).toMatchObject({ 'content-encoding': 'aes128gcm' });
    expect(await readAll(answer)).toBe('opaque');
  });
});

describe('sockets', () => {
  it('are used again by the next call', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url);
    for (let call = 0; call < 3; call += 1) await readAll(await upstream.open(anAttempt()));
    expect(new Set(server.calls.map((call) => call.clientPort)).size).toBe(1);
  });

  it('are bounded for each backend, and waiting calls get their turn', async () => {
    const server = await openAi();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    server.behave({ until: gate });
    const upstream = await upstreamTo(server.url);
    const answers = Array.from({ length: 300 }, async () =>
      readAll(await upstream.open(anAttempt({ attempt: { firstByteTimeoutMs: 20_000 } }))),
    );
    while (server.calls.length < 256) await server.arrival();
    expect(await server.connectionCount()).toBe(256);
    open();
    await Promise.all(answers);
    expect(server.calls).toHaveLength(300);
    expect(await server.connectionCount()).toBeLessThanOrEqual(256);
  });

  it('of waiting calls that are aborted are never taken', async () => {
    const server = await openAi();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    server.behave({ until: gate });
    const upstream = await upstreamTo(server.url);
    const first = Array.from({ length: 256 }, async () =>
      readAll(await upstream.open(anAttempt())),
    );
    while (server.calls.length < 256) await server.arrival();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = failureOf(upstream.open(anAttempt({ attempt: { signal } })));
    await nextTurn();
    controller.abort();
    expect(await waiting).toMatchObject({ kind: 'aborted', wasSent: false });
    open();
    await Promise.all(first);
    expect(server.calls).toHaveLength(256);
  });

  it('and calls in flight end with close', async () => {
    const server = await openAi();
    const upstream = await upstreamTo(server.url);
    await readAll(await upstream.open(anAttempt()));
    server.behave({ until: new Promise(() => {}) });
    const opened = failureOf(upstream.open(anAttempt()));
    const request = await server.arrival();
    await upstream.close();
    expect(await opened).toMatchObject({ kind: 'aborted' });
    expect(await request.finished).toBe(false);
    while ((await server.connectionCount()) > 0) await nextTurn();
    expect(await failureOf(upstream.open(anAttempt()))).toMatchObject({ kind: 'aborted' });
  });

  it('speak TLS to a backend whose certificate is trusted', async () => {
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, TEST_CERTIFICATE]);
    const server = createHttpsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"over":"tls"}');
    });
    const port = await listenTcp(server);
    const upstream = await upstreamTo(`https://127.0.0.1:${port}`);
    try {
      expect(await readAll(await upstream.open(anAttempt()))).toBe('{"over":"tls"}');
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it('reach a backend by an IPv6 address', async () => {
    const server = createHttpServer((_, response) => response.end('{"over":"v6"}'));
    const port = await listenTcp(server, '::1');
    const upstream = await upstreamTo(`http://[::1]:${port}`);
    expect(await readAll(await upstream.open(anAttempt()))).toBe('{"over":"v6"}');
  });
});
