/**
 * A request whose worst case does not fit what is left: it is admitted with fewer output tokens, and told so, or
 * refused, and told whether waiting helps. What is checked is what arrives at the provider.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const MESSAGES = [{ role: 'user', content: 'Hello' }];
const USD = 1_000_000_000n;

let provider: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  provider = await startHandProvider([MODEL, 'gpt-4o', 'text-embedding-3-small', 'mystery-1']);
});
afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
});

interface Options {
  readonly backends?: string;
  readonly more?: string;
  readonly budget?: string;
}

async function start(limitNano: bigint, { backends, more = '', budget = '' }: Options = {}) {
  const limit = `${limitNano / USD}.${(limitNano % USD).toString().padStart(9, '0')}`;
  const cloud = backendToml({ name: 'cloud', url: provider.url, models: MODELS });
  nexus = await startTestGateway(
    `${NO_PROBES}${more}${budgetToml(limit, budget)}${backends ?? cloud}`,
    { env: KEYS },
  );
}

const MODELS = [MODEL, 'gpt-4o', 'text-embedding-3-small', 'mystery-1'];

/** Sends a request, lets the provider answer it with `usage`, and returns what arrived there and what came back. */
async function served(
  body: object,
  usage = { input: 8, output: 5 },
  route = '/v1/chat/completions',
): Promise<{ upstream: Json; answer: Response }> {
  const answering = nexus.post(route, body);
  const call = await provider.call();
  call.json('Hi', usageDocument(usage));
  const answer = await answering;
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  return { upstream: call.body, answer };
}

/** Input tokens of the messages, by the gateway's own count. */
const INPUT = 8;

describe('a maximum that does not fit', () => {
  it.each(['max_tokens', 'max_completion_tokens'])(
    'is lowered in %s to all that is left, when nobody else is there',
    async (field) => {
      await start(costNano(INPUT, 100));
      const { upstream, answer } = await served({
        model: MODEL,
        messages: MESSAGES,
        [field]: 5000,
      });
      expect(upstream[field]).toBe(100);
      expect(answer.headers.get('x-nexus-max-tokens')).toBe('100');
      const other = field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
      expect(upstream).not.toHaveProperty(other);
      const [hold] = await allEntries(nexus);
      expect(nano(hold.held_usd)).toBe(costNano(INPUT, 100));
    },
  );

  it('leaves a maximum that fits as it is, and says nothing', async () => {
    await start(costNano(INPUT, 100));
    const { upstream, answer } = await served({
      model: MODEL,
      messages: MESSAGES,
      max_tokens: 100,
    });
    expect(upstream.max_tokens).toBe(100);
    expect(answer.headers.get('x-nexus-max-tokens')).toBeNull();
  });

  it.each([
    [MODEL, 'max_tokens'],
    ['gpt-5-mini', 'max_completion_tokens'],
  ])('is set for %s in %s when the client named none', async (model, field) => {
    await start(costNano(INPUT, 1100), {
      backends: backendToml({ name: 'cloud', url: provider.url, models: [model] }),
    });
    const { upstream, answer } = await served({ model, messages: MESSAGES });
    // A quarter of the rest would be too little for a useful answer: 1,024 tokens are granted where they fit.
    expect(upstream[field]).toBe(1024);
    expect(answer.headers.get('x-nexus-max-tokens')).toBe('1024');
  });

  it('takes a quarter of the rest for a client that named none, so that others find room', async () => {
    await start(costNano(4 * INPUT, 4 * 4000), {
      backends: backendToml({ name: 'cloud', url: provider.url, models: [MODEL] }).replace(
        'output = 30',
        'output = 30, max_output_tokens = 100000',
      ),
    });
    const { upstream } = await served({ model: MODEL, messages: MESSAGES });
    expect(upstream.max_tokens).toBe(4000);
  });

  it('is shared by all answers of one request', async () => {
    await start(costNano(INPUT, 100));
    const { upstream, answer } = await served({
      model: MODEL,
      messages: MESSAGES,
      max_tokens: 5000,
      n: 3,
    });
    expect(upstream).toMatchObject({ n: 3, max_tokens: 33 });
    expect(answer.headers.get('x-nexus-max-tokens')).toBe('33');
    const [hold] = await allEntries(nexus);
    expect(nano(hold.held_usd)).toBe(costNano(INPUT, 99));
  });

  it('is never lowered below 16 tokens: such a request is refused', async () => {
    await start(costNano(INPUT, 15));
    const refused = await nexus.chat(MODEL, 'Hello', { max_tokens: 5000 });
    expect(refused.status).toBe(503);
    expect(provider.calls).toHaveLength(0);
    expect(await allEntries(nexus)).toEqual([]);
  });

  it('may be below 16 when the client itself asks for no more', async () => {
    await start(costNano(INPUT, 3));
    const { upstream } = await served(
      { model: MODEL, messages: MESSAGES, max_tokens: 3 },
      { input: INPUT, output: 3 },
    );
    expect(upstream.max_tokens).toBe(3);
    expect((await nexus.getJson('/v1/stats')).budget).toMatchObject({
      status: 'HardLimit',
      utilization_percent: 100,
    });
  });

  it('is lowered on a stream too, with the header before the first byte', async () => {
    await start(costNano(INPUT, 50));
    const answering = nexus.chat(MODEL, 'Hello', { max_tokens: 500, stream: true });
    const call = await provider.call();
    expect(call.body).toMatchObject({ max_tokens: 50, stream_options: { include_usage: true } });
    call.say('Hi');
    const answer = await answering;
    expect(answer.headers.get('x-nexus-max-tokens')).toBe('50');
    call.finish().usage({ input: INPUT, output: 50 }).done().end();
    await answer.text();
    expect((await nexus.getJson('/v1/budget')).remaining_usd).toBe(0);
  });

  it('with two names and two figures is refused: nobody knows which one a backend obeys', async () => {
    await start(USD);
    const refused = await nexus.chat(MODEL, 'Hello', {
      max_tokens: 4000,
      max_completion_tokens: 10,
    });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { code: 'invalid_request_error', param: 'max_tokens' },
    });
    const { upstream } = await served({
      model: MODEL,
      messages: MESSAGES,
      max_tokens: 10,
      max_completion_tokens: 10,
    });
    expect(upstream).toMatchObject({ max_tokens: 10, max_completion_tokens: 10 });
  });
});

describe('a request that is refused', () => {
  it('may come again in a second while others hold the rest', async () => {
    await start(costNano(INPUT, 100));
    const first = nexus.chat(MODEL, 'Hello', { max_tokens: 100 });
    const call = await provider.call();
    const refused = await nexus.chat(MODEL, 'Hello', { max_tokens: 100 });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('x-should-retry')).toBeNull();
    const { error, context } = (await refused.json()) as Json;
    expect(error).toMatchObject({ code: 'budget_reserved', type: 'server_error' });
    expect(nano(context.held_usd)).toBe(costNano(INPUT, 100));
    expect((await nexus.getJson('/v1/stats')).budget.status).toBe('Normal');
    call.json('Hi', usageDocument({ input: INPUT, output: 5 }));
    await (await first).arrayBuffer();
    const { upstream } = await served({ model: MODEL, messages: MESSAGES, max_tokens: 50 });
    expect(upstream.max_tokens).toBe(50);
  });

  it('is told not to come again when nothing more fits this month', async () => {
    await start(costNano(INPUT, 100));
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 100 }, { input: 8, output: 90 });
    const refused = await nexus.chat(MODEL, 'Hello', { max_tokens: 100 });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBeNull();
    expect(refused.headers.get('x-should-retry')).toBe('false');
    const { error, context } = (await refused.json()) as Json;
    expect(error).toMatchObject({ code: 'budget_exhausted', type: 'insufficient_quota' });
    expect(context).toMatchObject({
      limit_source: 'routing.budget.monthly_limit_usd',
      billing_month: '2026-11',
      held_usd: '0',
      resets_at: '2026-12-01T00:00:00.000Z',
      what_to_do: expect.stringContaining('monthly_limit_usd'),
    });
    expect(nano(context.limit_usd)).toBe(costNano(INPUT, 100));
    expect(nano(context.spent_usd)).toBe(costNano(8, 90));
    expect((await nexus.getJson('/v1/stats')).budget.status).toBe('HardLimit');
  });

  it('does not close the budget for others by an oversized prompt', async () => {
    await start(costNano(10_000, 1000));
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 });
    const refused = await nexus.chat(MODEL, 'word '.repeat(20_000), { max_tokens: 20 });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'budget_exhausted' } });
    expect((await nexus.getJson('/v1/stats')).budget.status).toBe('Normal');
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 });
  });

  it('does not close it by many answers at once either', async () => {
    await start(costNano(INPUT, 500));
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 });
    const refused = await nexus.chat(MODEL, 'Hello', { max_tokens: 20, n: 100 });
    expect(refused.status).toBe(503);
    expect((await nexus.getJson('/v1/stats')).budget.status).toBe('Normal');
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 });
  });

  it('does not close it when it would not fit an untouched month', async () => {
    await start(costNano(1000, 100));
    const refused = await nexus.chat(MODEL, 'word '.repeat(2000), { max_tokens: 20 });
    expect(refused.status).toBe(503);
    expect((await nexus.getJson('/v1/stats')).budget).toMatchObject({
      status: 'Normal',
      current_spending_usd: 0,
    });
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 });
  });
});

describe('routes without chat messages', () => {
  it('holds embeddings by their input alone', async () => {
    await start(costNano(2, 0));
    const body = { model: 'text-embedding-3-small', input: 'Hello world' };
    const { upstream, answer } = await served(body, { input: 2, output: 0 }, '/v1/embeddings');
    expect(upstream).toEqual(body);
    expect(answer.headers.get('x-nexus-max-tokens')).toBeNull();
    const [hold, charge] = await allEntries(nexus);
    expect(nano(hold.held_usd)).toBe(costNano(2, 0));
    expect(nano(charge.settled_usd)).toBe(costNano(2, 0));
    const refused = await nexus.post('/v1/embeddings', body);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'budget_exhausted' } });
  });

  it('charges embeddings without usage by what was counted', async () => {
    await start(USD);
    const answering = nexus.post('/v1/embeddings', {
      model: 'text-embedding-3-small',
      input: ['Hello world', 'Hello'],
    });
    (await provider.call()).answer(200, { object: 'list', data: [], model: 'x' });
    await (await answering).arrayBuffer();
    const [, charge] = await allEntries(nexus);
    expect(charge.basis).toBe('metered');
    expect(nano(charge.settled_usd)).toBe(costNano(3, 0));
  });

  it('holds completions for every prompt, and the best of each', async () => {
    await start(USD);
    const body = {
      model: MODEL,
      prompt: ['Hello world', 'Hello', 'Hello'],
      max_tokens: 10,
      n: 2,
      best_of: 4,
    };
    const { upstream } = await served(body, { input: 4, output: 120 }, '/v1/completions');
    expect(upstream).toEqual(body);
    const [hold, charge] = await allEntries(nexus);
    expect(nano(hold.held_usd)).toBe(costNano(4, 3 * 4 * 10));
    expect(nano(charge.settled_usd)).toBe(costNano(4, 120));
  });

  it('lowers completions for every prompt alike', async () => {
    await start(costNano(2, 100));
    const { upstream } = await served(
      { model: MODEL, prompt: ['Hello', 'Hello'], max_tokens: 500 },
      { input: 2, output: 100 },
      '/v1/completions',
    );
    expect(upstream.max_tokens).toBe(50);
  });
});

describe('a model whose price nobody knows', () => {
  const backends = (): string =>
    backendToml({ name: 'cloud', url: provider.url, models: ['mystery-1'], price: null });

  it('is held and charged at the dearest rate, never free, and its answer is bounded', async () => {
    await start(100n * USD, { backends: backends() });
    const { upstream, answer } = await served({ model: 'mystery-1', messages: MESSAGES });
    expect(upstream.max_tokens).toBe(4096);
    // A bound of the gateway's own is no lowering.
    expect(answer.headers.get('x-nexus-max-tokens')).toBeNull();
    const [hold, charge] = await allEntries(nexus);
    expect(nano(hold.held_usd)).toBeGreaterThan(costNano(8, 4096));
    expect(nano(charge.settled_usd)).toBeGreaterThan(costNano(8, 5));
    expect(await nexus.metric('nexus_unknown_price_total{model="mystery_1"}')).toBe(1);
  });

  it('is refused with 422 when the file says deny, and nothing is sent', async () => {
    await start(100n * USD, { backends: backends(), budget: 'unknown_price = "deny"' });
    const refused = await nexus.chat('mystery-1', 'Hello');
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      error: { code: 'price_unknown', type: 'invalid_request_error', param: 'model' },
    });
    expect(provider.calls).toHaveLength(0);
    expect(await allEntries(nexus)).toEqual([]);
  });
});

describe('kind and price', () => {
  it('charges a local backend that has a price, and a cloud block does not remove it', async () => {
    await start(costNano(INPUT, 100), {
      backends: backendToml({ name: 'here', url: provider.url, type: 'vllm' }),
    });
    const { answer } = await served(
      { model: MODEL, messages: MESSAGES, max_tokens: 100 },
      { input: 8, output: 60 },
    );
    expect(answer.headers.get('x-nexus-backend-type')).toBe('local');
    const [, charge] = await allEntries(nexus);
    expect(nano(charge.settled_usd)).toBe(costNano(8, 60));
    // It costs money all the same, so what does not fit is not sent.
    const refused = await nexus.chat(MODEL, 'Hello', { max_tokens: 100, n: 8 });
    expect(refused.status).toBe(503);
    expect(provider.calls).toHaveLength(1);
  });

  it('goes on serving from a free backend of a cloud type that is declared local', async () => {
    await start(costNano(INPUT, 20), {
      more: '[routing]\nstrategy = "priority_only"\n',
      backends:
        backendToml({ name: 'cloud', url: provider.url, priority: 1 }) +
        backendToml({ name: 'ours', url: provider.url, kind: 'local', price: null, priority: 2 }),
    });
    const first = await served(
      { model: MODEL, messages: MESSAGES, max_tokens: 20 },
      { input: 8, output: 20 },
    );
    expect(first.answer.headers.get('x-nexus-backend')).toBe('cloud');
    const second = await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 });
    expect(second.answer.headers.get('x-nexus-backend')).toBe('ours');
    expect(second.answer.headers.get('x-nexus-backend-type')).toBe('local');
    expect(second.answer.headers.get('x-nexus-route-reason')).toBe('budget-hard-limit');
  });

  it('blocks a free backend that is declared cloud, at the hard limit', async () => {
    await start(costNano(INPUT, 20), {
      backends:
        backendToml({ name: 'paid', url: provider.url, models: [MODEL] }) +
        backendToml({
          name: 'gift',
          url: provider.url,
          type: 'generic',
          kind: 'cloud',
          models: ['gpt-4o'],
          price: { input: 0, output: 0 },
        }),
    });
    await served({ model: 'gpt-4o', messages: MESSAGES });
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 }, { input: 8, output: 20 });
    const refused = await nexus.chat('gpt-4o', 'Hello');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'budget_exhausted' } });
  });

  it('refuses free local backends too with block_all', async () => {
    await start(costNano(INPUT, 20), {
      budget: 'hard_limit_action = "block_all"',
      backends:
        backendToml({ name: 'cloud', url: provider.url, models: [MODEL] }) +
        backendToml({
          name: 'here',
          url: provider.url,
          type: 'vllm',
          models: ['gpt-4o'],
          price: null,
        }),
    });
    await served({ model: 'gpt-4o', messages: MESSAGES });
    await served({ model: MODEL, messages: MESSAGES, max_tokens: 20 }, { input: 8, output: 20 });
    const refused = await nexus.chat('gpt-4o', 'Hello');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(await refused.json()).toMatchObject({ error: { code: 'budget_exhausted' } });
  });

  it('lowers and refuses nothing with warn, and counts what is over the limit', async () => {
    await start(costNano(INPUT, 20), { budget: 'hard_limit_action = "warn"' });
    for (let i = 0; i < 3; i += 1) {
      const { upstream, answer } = await served(
        { model: MODEL, messages: MESSAGES, max_tokens: 500 },
        { input: 8, output: 100 },
      );
      expect(upstream.max_tokens).toBe(500);
      expect(answer.headers.get('x-nexus-max-tokens')).toBeNull();
    }
    const budget = await nexus.getJson('/v1/budget');
    expect(nano(budget.spent_usd_exact)).toBe(3n * costNano(8, 100));
    expect(budget).toMatchObject({ status: 'HardLimit', excess_usd: 0, remaining_usd: 0 });
  });
});
