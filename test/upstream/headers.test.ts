import { afterEach, describe, expect, it } from '@jest/globals';
import type { BackendSettings, BackendType } from '../../src/core/settings.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { Behaviour, ProviderServer, RecordedRequest } from '../support/provider-server.ts';
import {
  aBackend,
  anAttempt,
  CHAT_BODY,
  readAll,
  silentLog,
} from '../support/upstream-attempts.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Everything that a careless or curious client may send. */
const CLIENT_HEADERS = {
  host: 'gateway.example',
  authorization: 'Bearer sk-client',
  'x-api-key': 'sk-client',
  'api-key': 'sk-client',
  'proxy-authorization': 'Basic sk-client',
  cookie: 'session=sk-client',
  'x-forwarded-for': '10.0.0.1',
  connection: 'close, x-hop',
  'x-hop': '1',
  te: 'trailers',
  'transfer-encoding': 'chunked',
  'content-encoding': 'gzip',
  'accept-encoding': 'gzip, br',
  'content-length': '3',
  expect: '100-continue',
  upgrade: 'websocket',
  'openai-organization': 'org-client',
  'x-stainless-lang': 'js',
  'user-agent': 'OpenAI/JS',
  'openai-beta': 'assistants=v2',
  'anthropic-beta': 'context-1m-2025-08-07',
  'anthropic-dangerous-direct-browser-access': 'true',
};

async function call(
  server: ProviderServer,
  settings: Partial<BackendSettings>,
  body: Record<string, unknown> = CHAT_BODY,
): Promise<{ request: RecordedRequest; headers: Record<string, unknown>; text: string }> {
  closers.push(async () => server.close());
  const upstream = await createUpstream({
    backends: [aBackend({ url: server.url, ...settings })],
    log: silentLog,
  });
  closers.push(async () => upstream.close());
  const answer = await upstream.open(anAttempt({ body, clientHeaders: CLIENT_HEADERS }));
  const text = await readAll(answer);
  const request = server.calls.at(-1);
  if (!request)
    throw new Error(`no call arrived, but ${server.requests.map((r) => r.path).join()}`);
  return { request, headers: { ...answer.headers }, text };
}

describe('headers to a backend', () => {
  it('are ours, but for the few of the client that are harmless', async () => {
    const { request } = await call(await startOpenAiServer(), { apiKey: 'sk-backend' });
    const { host, ...headers } = request.headers;
    expect(host).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(headers).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      authorization: 'Bearer sk-backend',
      connection: 'keep-alive',
      'content-length': String(request.body.length),
      'content-type': 'application/json',
      'openai-beta': 'assistants=v2',
      'user-agent': 'nexus-gateway',
      'x-request-id': 'req-1',
    });
  });

  it('hold no key where the backend has none', async () => {
    const { request } = await call(await startOpenAiServer(), { type: 'vllm', kind: 'local' });
    expect(request.headers).not.toHaveProperty('authorization');
    expect(JSON.stringify(request.headers)).not.toContain('sk-client');
  });

  it('ask for an event stream where the client streams', async () => {
    const { request } = await call(await startOpenAiServer(), {}, { ...CHAT_BODY, stream: true });
    expect(request.headers.accept).toBe('text/event-stream');
  });

  it('carry the key of an Anthropic backend as it wants it', async () => {
    const server = await startAnthropicServer({ apiKey: 'sk-ant' });
    const { request } = await call(server, { type: 'anthropic', apiKey: 'sk-ant' });
    expect(request.headers).toMatchObject({
      'x-api-key': 'sk-ant',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'context-1m-2025-08-07',
    });
    expect(request.headers).not.toHaveProperty('authorization');
    expect(JSON.stringify(request.headers)).not.toContain('sk-client');
  });

  it('drop a request id that could end a header line', async () => {
    const server = await startOpenAiServer();
    closers.push(async () => server.close());
    const upstream = await createUpstream({
      backends: [aBackend({ url: server.url })],
      log: silentLog,
    });
    closers.push(async () => upstream.close());
    const clientHeaders = { 'openai-beta': 'x\r\nauthorization: Bearer evil' };
    const attempt = anAttempt({ request: { id: 'a\r\nx-evil: 1' }, clientHeaders });
    await readAll(await upstream.open(attempt));
    expect(server.calls[0]?.headers).not.toHaveProperty('x-request-id');
    expect(server.calls[0]?.headers).not.toHaveProperty('openai-beta');
    expect(server.calls[0]?.headers).not.toHaveProperty('x-evil');
  });

  it('go to the path of the type, below the path of the URL', async () => {
    const paths: readonly (readonly [BackendType, string, string])[] = [
      ['openai', '', '/v1/chat/completions'],
      ['openai', '/openai', '/openai/v1/chat/completions'],
      ['google', '', '/v1beta/openai/chat/completions'],
      ['ollama', '', '/v1/chat/completions'],
      ['llamacpp', '/', '/v1/chat/completions'],
    ];
    for (const [type, prefix, path] of paths) {
      const server = await startOpenAiServer({ base: path.replace('/chat/completions', '') });
      const { request } = await call(server, { type, url: server.url + prefix });
      expect(request.path).toBe(path);
    }
  });
});

describe('headers to the client', () => {
  const behaviour: Behaviour = {
    headers: {
      'set-cookie': ['__cf_bm=secret; HttpOnly'],
      server: 'cloudflare',
      'alt-svc': 'h3=":443"',
      'cf-ray': '1',
      via: '1.1 somewhere',
      'strict-transport-security': 'max-age=1',
      'access-control-allow-origin': '*',
      'openai-organization': 'org-backend',
      'x-nexus-cost-estimated': '0.0000',
      'www-authenticate': 'Bearer',
      'keep-alive': 'timeout=5',
      'retry-after': '7',
      'retry-after-ms': '7000',
      'x-should-retry': 'true',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': '6ms',
      'openai-processing-ms': '420',
      'openai-version': '2020-10-01',
      'x-request-id': 'req_provider',
    },
  };

  it('are those that mean something to a client, and no other', async () => {
    const server = await startOpenAiServer();
    server.behave(behaviour);
    const { headers, text } = await call(server, {});
    expect(headers).toEqual({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      'retry-after': '7',
      'retry-after-ms': '7000',
      'x-should-retry': 'true',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': '6ms',
      'openai-processing-ms': '420',
      'openai-version': '2020-10-01',
      'x-upstream-request-id': 'req_provider',
    });
  });

  it('say no length for a stream or a translated answer', async () => {
    const streamed = await startOpenAiServer();
    const { headers } = await call(streamed, {}, { ...CHAT_BODY, stream: true });
    expect(headers).not.toHaveProperty('content-length');
    const anthropic = await startAnthropicServer();
    anthropic.behave({
      headers: { 'request-id': 'req_011', 'anthropic-ratelimit-tokens-remaining': '9' },
    });
    const translated = await call(anthropic, { type: 'anthropic', apiKey: 'k' });
    expect(translated.headers).toEqual({
      'content-type': 'application/json',
      'anthropic-ratelimit-tokens-remaining': '9',
      'x-upstream-request-id': 'req_011',
    });
  });

  it('and an error are cut where the error is no explanation any more', async () => {
    const server = await startOpenAiServer();
    const body = 'x'.repeat(4 * 1024 * 1024);
    server.behave({ status: 500, raw: { contentType: 'text/plain', body } });
    const { text } = await call(server, {});
    expect(text.length).toBeGreaterThanOrEqual(1024 * 1024);
    expect(text.length).toBeLessThan(2 * 1024 * 1024);
  });

  it('and errors never hold the key of the backend', async () => {
    const server = await startOpenAiServer();
    server.behave({
      status: 401,
      errorMessage: 'Incorrect API key provided: sk-backend.',
      headers: { 'x-ratelimit-key': 'sk-backend' },
    });
    const { headers, text } = await call(server, { apiKey: 'sk-backend' });
    expect(text).toContain('Incorrect API key provided: [key redacted by the gateway].');
    expect(JSON.stringify(headers)).not.toContain('sk-backend');
  });
});
