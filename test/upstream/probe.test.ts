import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BackendSettings } from '../../src/core/settings.ts';
import type { ProbeResult, Upstream } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { HandClock } from '../support/hand-clock.ts';
import { startOllamaServer } from '../support/ollama-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import { ProviderServer } from '../support/provider-server.ts';
import type { WireFormat } from '../support/provider-server.ts';
import { aBackend, silentLog } from '../support/upstream-attempts.ts';

const closers: (() => Promise<void>)[] = [];

/** A bare HTTP server; gives its URL. */
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

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function upstreamTo(
  settings: Partial<BackendSettings>,
  clock?: HandClock,
): Promise<Upstream> {
  const upstream = await createUpstream({
    backends: [aBackend(settings)],
    log: silentLog,
    ...(clock ? { clock } : {}),
  });
  closers.push(async () => upstream.close());
  return upstream;
}

async function probed(
  server: ProviderServer,
  settings: Partial<BackendSettings>,
): Promise<ProbeResult> {
  closers.push(async () => server.close());
  const upstream = await upstreamTo({ url: server.url, ...settings });
  return upstream.probe('backend', 5_000);
}

/** A server that answers any path with what the test says. */
async function answering(other: WireFormat['other']): Promise<ProviderServer> {
  return new ProviderServer({
    modelPaths: [],
    answer: () => ({}),
    events: () => [],
    error: (_status, message) => ({ error: { message } }),
    other,
    refuses: () => null,
  }).start();
}

describe('a probe', () => {
  it('lists the models of an OpenAI backend with its key, and calls none of them', async () => {
    const server = await startOpenAiServer({ apiKey: 'sk-b', models: ['gpt-4o', 'gpt-4o-mini'] });
    const { models, latencyMs } = await probed(server, { apiKey: 'sk-b', apiKeyEnv: 'KEY' });
    expect(models).toEqual([
      { id: 'gpt-4o', contextLength: null, vision: null, tools: null },
      { id: 'gpt-4o-mini', contextLength: null, vision: null, tools: null },
    ]);
    expect(latencyMs).toBeGreaterThan(0);
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1/models',
    ]);
  });

  it('asks Anthropic in its own way', async () => {
    const server = await startAnthropicServer({ apiKey: 'sk-ant' });
    const { models } = await probed(server, { type: 'anthropic', apiKey: 'sk-ant' });
    expect(models?.map(({ id }) => id)).toEqual(['claude-sonnet-4-5']);
    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/models']);
  });

  it('gives the models of Google their bare names', async () => {
    const server = await startOpenAiServer({
      base: '/v1beta/openai',
      models: ['models/gemini-2.5-pro'],
    });
    const { models } = await probed(server, { type: 'google', apiKey: 'k' });
    expect(models?.map(({ id }) => id)).toEqual(['gemini-2.5-pro']);
  });

  it('lists the models of Ollama with their details, asked once, under both names of a latest', async () => {
    const server = await startOllamaServer({ models: ['llama3:latest', 'llava:13b'] });
    closers.push(async () => server.close());
    const upstream = await upstreamTo({ url: server.url, type: 'ollama', kind: 'local' });
    const first = await upstream.probe('backend', 5_000);
    expect(first.models).toEqual([
      { id: 'llama3', contextLength: 8192, vision: false, tools: true },
      { id: 'llama3:latest', contextLength: 8192, vision: false, tools: true },
      { id: 'llava:13b', contextLength: 8192, vision: true, tools: false },
    ]);
    expect((await upstream.probe('backend', 5_000)).models).toEqual(first.models);
    const paths = server.requests.map(({ path }) => path).toSorted();
    expect(paths).toEqual(['/api/show', '/api/show', '/api/tags', '/api/tags']);
  });

  it('does without the details of Ollama', async () => {
    const server = await startOllamaServer({ showsDetails: false, models: ['phi4:14b'] });
    const { models } = await probed(server, { type: 'ollama' });
    expect(models).toEqual([{ id: 'phi4:14b', contextLength: null, vision: null, tools: null }]);
  });

  it('asks llama.cpp for its health, and does without', async () => {
    const healthy = await answering(({ path }) =>
      path === '/health' ? { status: 'ok' } : { data: [{ id: 'm', meta: { n_ctx_train: 4096 } }] },
    );
    const old = await answering(({ path }) =>
      path === '/v1/models' ? { data: [{ id: 'm', meta: { n_ctx_train: 4096 } }] } : undefined,
    );
    for (const server of [healthy, old]) {
      const { models } = await probed(server, { type: 'llamacpp' });
      expect(models).toEqual([{ id: 'm', contextLength: 4096, vision: null, tools: null }]);
      expect(server.requests.map(({ path }) => path)).toEqual(['/health', '/v1/models']);
    }
  });

  it('reads what the various servers tell about a model', async () => {
    const entries = [
      { id: 'vllm', max_model_len: 32768 },
      {
        id: 'openrouter',
        context_length: 200000,
        architecture: { input_modalities: ['text', 'image'] },
        supported_parameters: ['tools'],
      },
      {
        id: 'mistral',
        max_context_length: 128000,
        capabilities: { vision: false, function_calling: true },
      },
      { id: 'groq', context_window: 131072 },
      { id: 'odd', context_length: -1 },
      { id: '' },
      'no object',
    ];
    const facts = [
      { id: 'vllm', contextLength: 32768, vision: null, tools: null },
      { id: 'openrouter', contextLength: 200000, vision: true, tools: true },
      { id: 'mistral', contextLength: 128000, vision: false, tools: true },
      { id: 'groq', contextLength: 131072, vision: null, tools: null },
      { id: 'odd', contextLength: null, vision: null, tools: null },
    ];
    expect((await probed(await answering(() => ({ data: entries })), {})).models).toEqual(facts);
    expect((await probed(await answering(() => entries), {})).models).toEqual(facts);
  });

  it('asks a simulated backend like any other', async () => {
    const upstream = await upstreamTo({ type: 'simulated', models: ['gpt-4-turbo'] });
    expect((await upstream.probe('backend', 5_000)).models).toEqual([
      { id: 'gpt-4-turbo', contextLength: 128_000, vision: true, tools: true },
    ]);
  });

  it('is content with a generic server that lists no models', async () => {
    const server = await answering(() => undefined);
    expect((await probed(server, { type: 'generic' })).models).toBeNull();
  });
});

describe('a probe that fails says plainly why', () => {
  const reason = async (probe: Promise<ProbeResult>): Promise<string> =>
    probe.then(
      () => 'it did not fail',
      (error: Error) => error.message,
    );

  it('when nothing listens', async () => {
    const server = await startOpenAiServer();
    await server.close();
    const upstream = await upstreamTo({ url: server.url });
    expect(await reason(upstream.probe('backend', 5_000))).toBe(
      `connection refused at ${server.url}`,
    );
  });

  it('when the key is refused, or missing, without quoting it', async () => {
    const server = await startOpenAiServer({ apiKey: 'right' });
    const key = { apiKey: 'wrong-key', apiKeyEnv: 'OPENAI_API_KEY' };
    expect(await reason(probed(server, key))).toBe('401: the key in OPENAI_API_KEY was refused');
    expect(await reason(probed(server, {}))).toBe(
      '401: a key is needed; name its environment variable in api_key_env',
    );
  });

  it('when there is no such page, or no such list', async () => {
    const empty = await answering(() => undefined);
    expect(await reason(probed(empty, {}))).toBe(
      `404: nothing at ${empty.url}/v1/models; check the url`,
    );
    const chatty = await answering(() => 'Ollama is running');
    expect(await reason(probed(chatty, {}))).toBe(
      `${chatty.url} answered with something that is no model list`,
    );
  });

  it('when the server has trouble, or its model is still loading', async () => {
    const url = await listen((_, response) => {
      response.writeHead(503).end('{"error":{"message":"Loading model"}}');
    });
    const loading = await upstreamTo({ url, type: 'llamacpp' });
    expect(await reason(loading.probe('backend', 5_000))).toBe('503: the model is still loading');
    const troubled = await upstreamTo({ url, type: 'vllm' });
    expect(await reason(troubled.probe('backend', 5_000))).toBe(
      '503: the model list could not be read',
    );
  });

  it('when the list never ends', async () => {
    const url = await listen((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(64 * 1024)));
      };
      response.on('drain', more);
      more();
    });
    const upstream = await upstreamTo({ url });
    expect(await reason(upstream.probe('backend', 20_000))).toBe(
      'the model list is too long to be one',
    );
  });

  it.each(['the headers', 'the rest of the body'])('when %s do not come in time', async (part) => {
    const { promise: asked, resolve: arrive } = Promise.withResolvers<void>();
    const url = await listen((_, response) => {
      if (part !== 'the headers') response.write('{"data":[');
      arrive();
    });
    const clock = new HandClock();
    const upstream = await upstreamTo({ url }, clock);
    const outcome = reason(upstream.probe('backend', 3_000));
    await asked;
    clock.advance(3_000);
    expect(await outcome).toBe(`no answer from ${url} within 3000 ms`);
    expect(clock.pending).toBe(0);
  });
});

describe('routes', () => {
  it('are those that a type can serve', async () => {
    const types = ['openai', 'google', 'anthropic', 'exo', 'ollama', 'simulated'] as const;
    const upstream = await createUpstream({
      backends: types.map((type) => aBackend({ name: type, type, url: 'http://127.0.0.1:9' })),
      log: silentLog,
    });
    closers.push(async () => upstream.close());
    // Requests of other formats reach whoever answers a chat.
    const bridged = ['messages', 'responses'];
    const all = ['chat', 'completions', 'embeddings', ...bridged];
    expect(types.map((type) => [...upstream.routesOf(type)].toSorted())).toEqual([
      all,
      ['chat', 'embeddings', ...bridged],
      ['chat', ...bridged],
      ['chat', ...bridged],
      all,
      all,
    ]);
  });
});
