/** `POST /v1/responses` and the budget: what is held, what is refused because it can not be, what is charged. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startOllamaServer } from '../support/ollama-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { nano, startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

const MODEL = 'gpt-5-mini';
const BODY = { model: MODEL, input: 'Hello' };
/** Tokens of its context, which bound what it can be told unseen. */
const CONTEXT = 400_000;
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Scene {
  readonly openai: ProviderServer;
  readonly nexus: TestGateway;
}

async function openAiScene(more: string, limitUsd = 100): Promise<Scene> {
  const openai = await startOpenAiServer({ models: [MODEL] });
  closers.push(() => openai.close());
  const backend = backendToml({ name: 'openai', url: openai.url, models: [MODEL] });
  const nexus = await startTestGateway(NO_PROBES + budgetToml(limitUsd, more) + backend, {
    env: KEYS,
  });
  closers.push(() => nexus.stop());
  return { openai, nexus };
}

async function refusalOf(nexus: TestGateway, body: object): Promise<Json> {
  const answer = await nexus.post('/v1/responses', body);
  return { status: answer.status, ...((await answer.json()) as Json).error };
}

const HOSTED: readonly (readonly [string, object])[] = [
  ['tools[0]', { tools: [{ type: 'web_search' }] }],
  ['tools[1]', { tools: [{ type: 'function', name: 'f' }, { type: 'file_search' }] }],
  ['tools[0]', { tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] }],
  ['tools[0]', { tools: [{ type: 'mcp', server_url: 'https://example.com' }] }],
  ['tools[0]', { tools: [{ type: 'image_generation' }] }],
  ['tools[0]', { tools: [{ type: 'shell', environment: { type: 'container_auto' } }] }],
  ['tools[0]', { tools: [{ type: 'tool_search' }] }],
  ['tools[0]', { tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'mcp' }] }] }],
  ['tools[0]', { tools: ['web_search'] }],
  [
    'input[1].tools[0]',
    {
      input: [
        { role: 'user', content: 'x' },
        { type: 'additional_tools', role: 'developer', tools: [{ type: 'web_search' }] },
      ],
    },
  ],
  ['context_management', { context_management: [{ type: 'compaction' }] }],
  ['prompt', { prompt: { id: 'pmpt_1' } }],
  ['service_tier', { service_tier: 'scale' }],
  ['service_tier', { service_tier: 'ultrafast' }],
];

describe('what an enforced budget can not hold', () => {
  it('is refused by the name of its field, before anything is held or sent', async () => {
    const { nexus, openai } = await openAiScene('');
    const entries = await entriesMadeBy(nexus, async () => {
      for (const [param, fields] of HOSTED) {
        // oxlint-disable-next-line no-await-in-loop
        expect(await refusalOf(nexus, { ...BODY, ...fields })).toMatchObject({
          status: 400,
          code: 'invalid_request_error',
          param,
          message: expect.stringContaining('an enforced budget can not hold'),
        });
      }
    });
    expect(entries).toEqual([]);
    expect(openai.calls).toEqual([]);
  });

  it('passes, and is charged as the provider reports it, where the budget only warns', async () => {
    const { nexus, openai } = await openAiScene('hard_limit_action = "warn"');
    const usage = { input: 9_000, output: 40 };
    openai.next({ usage });
    const body = { ...BODY, tools: [{ type: 'web_search' }] };
    const entries = await entriesMadeBy(nexus, async () => {
      expect((await nexus.post('/v1/responses', body)).status).toBe(200);
    });
    expect(openai.calls[0]?.json).toEqual(body);
    expect(nano(entries[1].settled_usd)).toBe(costNano(usage.input, usage.output));
  });

  it('does not touch tools that the client runs itself', async () => {
    const { nexus } = await openAiScene('');
    const tools = [
      { type: 'function', name: 'f' },
      { type: 'custom', name: 'c' },
      { type: 'local_shell' },
      { type: 'shell', environment: { type: 'local' } },
      { type: 'tool_search', execution: 'client' },
      { type: 'namespace', name: 'n', tools: [{ type: 'function', name: 'g' }] },
    ];
    expect((await nexus.post('/v1/responses', { ...BODY, tools })).status).toBe(200);
  });
});

describe('input that only the provider has', () => {
  const STORED = { ...BODY, previous_response_id: 'resp_1', max_output_tokens: 100 };

  it('is held at the size of the model’s context, and charged by the usage', async () => {
    const { nexus, openai } = await openAiScene('');
    const usage = { input: 52_000, output: 40 };
    openai.next({ usage });
    const entries = await entriesMadeBy(nexus, async () => {
      await (await nexus.post('/v1/responses', STORED)).text();
    });
    expect(openai.calls[0]?.json).toEqual(STORED);
    expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
    expect(nano(entries[0].held_usd)).toBe(costNano(CONTEXT, 100));
    expect(nano(entries[1].settled_usd)).toBe(costNano(usage.input, usage.output));
    expect(entries[1].excess_usd).toBe('0');
    await expectSettledBooks(nexus);
  });

  it('is charged at its bound when the stream breaks off, since it may have been as much', async () => {
    const { nexus, openai } = await openAiScene('');
    openai.next({ text: 'one two three', dies: 6 });
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = await nexus.post('/v1/responses', { ...STORED, stream: true });
      expect(await answer.text()).toContain('event: error');
    });
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'metered' });
    const { input_tokens: input, output_tokens: output } = entries[1].usage;
    expect(input).toBe(CONTEXT);
    expect(output).toBeGreaterThan(0);
    expect(nano(entries[1].settled_usd)).toBe(costNano(input, output));
  });

  it('is refused where its worst case does not fit the month', async () => {
    const { nexus, openai } = await openAiScene('', 3);
    expect(await refusalOf(nexus, STORED)).toMatchObject({ status: 503, code: 'budget_exhausted' });
    const { previous_response_id: _stored, ...whole } = STORED;
    expect((await nexus.post('/v1/responses', whole)).status).toBe(200);
    expect(openai.calls).toHaveLength(1);
  });

  it('goes past a backend that can not know it, to the one that does', async () => {
    const local = await startOllamaServer({ models: [`${MODEL}:latest`] });
    closers.push(() => local.close());
    const openai = await startOpenAiServer({ models: [MODEL] });
    closers.push(() => openai.close());
    const toml =
      NO_PROBES +
      budgetToml(100) +
      backendToml({ name: 'local', url: local.url, type: 'ollama', priority: 1, models: [MODEL] }) +
      backendToml({ name: 'openai', url: openai.url, priority: 90, models: [MODEL] });
    const nexus = await startTestGateway(toml, { env: KEYS });
    closers.push(() => nexus.stop());
    const stored = await nexus.post('/v1/responses', STORED);
    expect(stored.headers.get('x-nexus-backend')).toBe('openai');
    const plain = await nexus.post('/v1/responses', BODY);
    expect(plain.headers.get('x-nexus-backend')).toBe('local');
    expect(await plain.json()).toMatchObject({ object: 'response', status: 'completed' });
    expect(local.calls.map(({ path }) => path)).toEqual(['/v1/chat/completions']);
  });
});

describe('the route of responses', () => {
  it('lowers the maximum to what fits, in the field of the API', async () => {
    const { nexus, openai } = await openAiScene('', 0.03);
    const answer = await nexus.post('/v1/responses', { ...BODY, max_output_tokens: 5_000 });
    expect(answer.status).toBe(200);
    const lowered = Number(answer.headers.get('x-nexus-max-tokens'));
    expect(lowered).toBeGreaterThan(16);
    expect(lowered).toBeLessThan(1_000);
    expect(openai.calls[0]?.json).toEqual({ ...BODY, max_output_tokens: lowered });
  });

  const WRONG: readonly (readonly [string, object])[] = [
    ['input', { model: MODEL }],
    ['input', { model: MODEL, input: [] }],
    ['input', { model: MODEL, input: 7 }],
    ['input[1]', { model: MODEL, input: [{ role: 'user', content: 'x' }, 'y'] }],
    ['background', { ...BODY, background: true }],
    ['background', { ...BODY, background: 'yes' }],
    ['max_output_tokens', { ...BODY, max_output_tokens: 0 }],
    ['stream', { ...BODY, stream: 1 }],
  ];

  it('answers a body that it does not take with the name of the field', async () => {
    const { nexus, openai } = await openAiScene('');
    for (const [param, body] of WRONG) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await refusalOf(nexus, body)).toMatchObject({ status: 400, param });
    }
    expect(openai.calls).toEqual([]);
  });

  it('takes no input of its own beside a stored one', async () => {
    const { nexus } = await openAiScene('');
    for (const more of [{}, { input: [] }]) {
      const body = { model: MODEL, conversation: 'conv_1', ...more };
      // oxlint-disable-next-line no-await-in-loop
      expect((await nexus.post('/v1/responses', body)).status).toBe(200);
    }
  });

  it('serves nothing that would reach past the meter', async () => {
    const { nexus, openai } = await openAiScene('');
    expect((await nexus.get('/v1/responses/resp_1')).status).toBe(404);
    expect((await nexus.post('/v1/responses/compact', BODY)).status).toBe(404);
    expect((await nexus.get('/v1/responses')).status).toBe(405);
    expect(openai.calls).toEqual([]);
  });
});

describe('an estimate', () => {
  const MESSAGES = [{ role: 'user', content: 'Hello' }];

  async function estimateOf(nexus: TestGateway, body: object, query = ''): Promise<Json> {
    return (await nexus.post(`/v1/estimate${query}`, body)).json();
  }

  it('counts and holds what the route would', async () => {
    const { nexus } = await openAiScene('');
    const bodies = [BODY, { ...BODY, previous_response_id: 'resp_1', max_output_tokens: 50 }];
    for (const body of bodies) {
      // oxlint-disable-next-line no-await-in-loop
      const estimate = await estimateOf(nexus, body);
      expect(estimate).toMatchObject({ route: 'responses', admission: 'whole' });
      // oxlint-disable-next-line no-await-in-loop
      const [hold] = await entriesMadeBy(nexus, () => nexus.post('/v1/responses', body));
      expect(nano(estimate.worst_case_cost_usd_exact)).toBe(nano(hold.held_usd));
    }
  });

  const TOLD: readonly (readonly [string, object])[] = [
    ['chat', { messages: MESSAGES }],
    ['chat', { messages: MESSAGES, tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['messages', { messages: MESSAGES, max_tokens: 9, system: 'Be brief.' }],
    ['messages', { messages: MESSAGES, max_tokens: 9, tools: [{ name: 'f', input_schema: {} }] }],
    ['completions', { prompt: 'Hello' }],
    ['responses', { input: 'Hello' }],
    ['responses', { input: MESSAGES }],
    ['responses', { conversation: 'conv_1' }],
    ['embeddings', { input: 'Hello', encoding_format: 'base64' }],
    ['embeddings', { input: ['Hello', 'there'] }],
    ['embeddings', { input: [1, 2, 3] }],
    ['embeddings', { model: 'text-embedding-3-small', input: 'Hello' }],
  ];

  it('tells the route by the fields', async () => {
    const { nexus } = await openAiScene('hard_limit_action = "warn"');
    for (const [route, fields] of TOLD) {
      // oxlint-disable-next-line no-await-in-loop
      expect([(await estimateOf(nexus, { model: MODEL, ...fields })).route, fields]).toEqual([
        route,
        fields,
      ]);
    }
  });

  it('is for the route that is named, if one is', async () => {
    const { nexus } = await openAiScene('');
    expect(await estimateOf(nexus, BODY, '?route=embeddings')).toMatchObject({
      route: 'embeddings',
    });
    const messages = { model: MODEL, messages: MESSAGES, max_tokens: 9 };
    expect(await estimateOf(nexus, messages, '?route=messages')).toMatchObject({
      route: 'messages',
    });
    expect((await estimateOf(nexus, BODY, '?route=chat')).error).toMatchObject({
      param: 'messages',
    });
    expect((await estimateOf(nexus, BODY, '?route=images')).error).toMatchObject({
      param: 'route',
      message:
        '`route` must be one of chat, completions, embeddings, messages, responses, or left out.',
    });
  });

  it('refuses what the route would refuse', async () => {
    const { nexus } = await openAiScene('');
    const hosted = { ...BODY, tools: [{ type: 'web_search' }] };
    expect((await estimateOf(nexus, hosted)).error).toMatchObject({ param: 'tools[0]' });
  });
});
