/** What a request leaves behind for others to see: headers before the first byte, metrics, statistics. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import { startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const LOCAL = 'llama3';
const USAGE = { input: 8, output: 20 };
const COST = costNano(8, 20);

let provider: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  provider = await startHandProvider([MODEL, LOCAL]);
});
afterEach(async () => {
  await nexus.stop();
  await provider.close();
});

const ROUTING = `[routing]\nstrategy = "priority_only"\n[routing.fallbacks]\n"${MODEL}" = ["${LOCAL}"]\n[routing.aliases]\n"gpt-4" = "${MODEL}"\n`;

async function start(budget: string): Promise<void> {
  nexus = await startTestGateway(
    `${NO_PROBES}${ROUTING}${budget}` +
      backendToml({ name: 'cloud', url: provider.url, priority: 1 }) +
      backendToml({
        name: 'here',
        url: provider.url,
        type: 'vllm',
        models: [LOCAL],
        price: null,
        priority: 2,
      }),
    { env: KEYS },
  );
}

/** Room for two requests of 8 and 20 tokens, soft limit at one of them. */
const TWO = budgetToml(((Number(COST) * 2) / 1e9).toFixed(9), 'soft_limit_percent = 50');

async function ask(stream: boolean, model = MODEL): Promise<Response> {
  const answering = nexus.chat(model, 'Hello', { max_tokens: 20, stream });
  const call = await provider.call();
  if (stream) call.say('Hi');
  else call.json('Hi', usageDocument(USAGE));
  const answer = await answering;
  // The headers are here while the stream is still going on.
  if (stream) call.finish().usage(USAGE).done().end();
  await answer.arrayBuffer();
  await eventuallySettled();
  return answer;
}

async function eventuallySettled(): Promise<void> {
  const { budget } = await nexus.getJson('/v1/stats');
  if (budget !== undefined) await untilNothingIsHeld(nexus);
}

/** Of a stream the cost comes behind the body. */
function costOf(usd: string, stream: boolean): Readonly<Record<string, string>> {
  return stream ? {} : { 'x-nexus-cost-actual': usd, 'x-nexus-cost-basis': 'provider' };
}

function nexusHeaders(answer: Response): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of answer.headers)
    if (name.startsWith('x-nexus-') && name !== 'x-nexus-request-id') headers[name] = value;
  return headers;
}

describe.each([false, true])('the headers of an answer (stream: %s)', (stream) => {
  it('tell backend, reason, cost and budget at every level of the budget', async () => {
    await start(TWO);
    const first = await ask(stream);
    expect(nexusHeaders(first)).toEqual({
      'x-nexus-backend': 'cloud',
      'x-nexus-backend-type': 'cloud',
      'x-nexus-route-reason': 'capability-match',
      'x-nexus-cost-estimated': '0.0007',
      ...costOf('0.00068', stream),
      // Figures of a whole answer include itself; those of a stream are sent before it is charged.
      'x-nexus-budget-status': stream ? 'Normal' : 'SoftLimit',
      'x-nexus-budget-utilization': stream ? '0.0' : '50.0',
      'x-nexus-budget-remaining': '0.00',
    });
    // At the soft limit the local fallback goes first.
    const second = await ask(stream);
    expect(nexusHeaders(second)).toEqual({
      'x-nexus-backend': 'here',
      'x-nexus-backend-type': 'local',
      'x-nexus-route-reason': 'budget-soft-limit',
      'x-nexus-cost-estimated': '0.0000',
      ...costOf('0', stream),
      'x-nexus-fallback-model': LOCAL,
      'x-nexus-budget-status': 'SoftLimit',
      'x-nexus-budget-utilization': '50.0',
      'x-nexus-budget-remaining': '0.00',
    });
    const strict = nexus.chat(MODEL, 'Hello', { max_tokens: 20 }, { 'x-nexus-strict': 'true' });
    (await provider.call()).json('Hi', usageDocument(USAGE));
    expect((await strict).headers.get('x-nexus-backend')).toBe('cloud');
    await (await strict).arrayBuffer();
    const last = await ask(stream);
    expect(nexusHeaders(last)).toMatchObject({
      'x-nexus-backend': 'here',
      'x-nexus-route-reason': 'budget-hard-limit',
      'x-nexus-budget-status': 'HardLimit',
      'x-nexus-budget-utilization': '100.0',
      'x-nexus-budget-remaining': '0.00',
    });
    await expectSettledBooks(nexus);
  });

  it('say nothing of a budget where there is none', async () => {
    await start('');
    expect(nexusHeaders(await ask(stream))).toEqual({
      'x-nexus-backend': 'cloud',
      'x-nexus-backend-type': 'cloud',
      'x-nexus-route-reason': 'capability-match',
      'x-nexus-cost-estimated': '0.0007',
      ...costOf('0.00068', stream),
    });
    // Neither a budget nor a price: nothing is estimated.
    expect(nexusHeaders(await ask(stream, LOCAL))).toEqual({
      'x-nexus-backend': 'here',
      'x-nexus-backend-type': 'local',
      'x-nexus-route-reason': 'capability-match',
    });
  });

  it('carry an id that log and ledger know', async () => {
    await start(TWO);
    const answer = await ask(stream);
    const id = answer.headers.get('x-nexus-request-id');
    expect(id).toMatch(/^req_/);
    expect(answer.headers.get('x-request-id')).toBe(id);
    const { data } = await nexus.getJson(`/v1/ledger?request_id=${id}`);
    expect(data.map(({ kind }: Json) => kind).toSorted()).toEqual(['charge', 'hold']);
    const lines = (await nexus.logLines()) as readonly Json[];
    const line = lines.find(({ message }) => message === 'request');
    expect(line?.fields).toMatchObject({
      requestId: id,
      model: MODEL,
      backend: 'cloud',
      status: 200,
      inputTokens: USAGE.input,
      outputTokens: USAGE.output,
      basis: 'provider',
      costUsd: '0.00068',
    });
    await expectSettledBooks(nexus);
  });

  it('say that another model answered, but not for an alias', async () => {
    await start(budgetToml(1));
    const aliased = await ask(stream, 'gpt-4');
    expect(aliased.headers.get('x-nexus-fallback-model')).toBeNull();
    expect(provider.calls.at(-1)?.body['model']).toBe(MODEL);
    await expectSettledBooks(nexus);
  });
});

it('gives every route and every error its headers', async () => {
  await start(budgetToml(1));
  const embedding = nexus.post('/v1/embeddings', { model: MODEL, input: 'Hello' });
  (await provider.call()).answer(200, { object: 'list', data: [], usage: { prompt_tokens: 1 } });
  const completion = nexus.post('/v1/completions', { model: MODEL, prompt: 'Hi', max_tokens: 5 });
  (await provider.call()).json('Hi', usageDocument(USAGE));
  for (const answer of [await embedding, await completion]) {
    expect(answer.status).toBe(200);
    expect(nexusHeaders(answer)).toMatchObject({
      'x-nexus-backend': 'cloud',
      'x-nexus-backend-type': 'cloud',
      'x-nexus-route-reason': 'capability-match',
      'x-nexus-cost-estimated': expect.stringMatching(/^0\.\d{4}$/),
      'x-nexus-budget-status': 'Normal',
      'x-nexus-budget-utilization': expect.stringMatching(/^\d+\.\d$/),
      'x-nexus-budget-remaining': expect.stringMatching(/^\d+\.\d\d$/),
    });
    await answer.arrayBuffer();
  }
  const passed = nexus.chat(MODEL, 'Hello');
  (await provider.call()).answer(400, { error: { message: 'no', code: 'bad' } });
  expect(nexusHeaders(await passed)).toMatchObject({
    'x-nexus-backend': 'cloud',
    'x-nexus-route-reason': 'capability-match',
    'x-nexus-budget-status': 'Normal',
  });
  const unknown = await nexus.chat('nobody', 'Hello');
  expect(unknown.status).toBe(404);
  expect(nexusHeaders(unknown)).toEqual({
    'x-nexus-budget-status': 'Normal',
    'x-nexus-budget-utilization': expect.any(String),
    'x-nexus-budget-remaining': expect.any(String),
  });
  expect(unknown.headers.get('x-nexus-request-id')).toMatch(/^req_/);
  await expectSettledBooks(nexus);
});

it('counts requests, errors, fallbacks, tokens and times, for whole answers and for streams alike', async () => {
  await start(TWO);
  await ask(false);
  await ask(true);
  await (await nexus.chat('no.such/model', 'Hello')).arrayBuffer();
  const failing = nexus.chat(LOCAL, 'Hello');
  (await provider.call()).answer(500, { error: { message: 'no' } });
  expect((await failing).status).toBe(502);
  const metric = nexus.metric;
  const cloud = 'model="gpt_4_turbo",backend="cloud"';
  const here = 'model="llama3",backend="here"';
  expect(await metric(`nexus_requests_total{${cloud},status="200"}`)).toBe(1);
  expect(await metric(`nexus_requests_total{${here},status="200"}`)).toBe(1);
  expect(
    await metric('nexus_requests_total{model="no_such_model",backend="none",status="404"}'),
  ).toBe(1);
  expect(await metric('nexus_requests_total{model="llama3",backend="none",status="502"}')).toBe(1);
  expect(
    await metric('nexus_errors_total{error_type="model_not_found",model="no_such_model"}'),
  ).toBe(1);
  expect(await metric('nexus_errors_total{error_type="backend_error",model="llama3"}')).toBe(1);
  expect(await metric('nexus_fallbacks_total{from_model="gpt_4_turbo",to_model="llama3"}')).toBe(1);
  for (const name of ['nexus_request_duration_seconds', 'nexus_time_to_first_byte_seconds']) {
    expect(await metric(`${name}_count{${cloud}}`)).toBe(1);
    expect(await metric(`${name}_count{${here}}`)).toBe(1);
  }
  expect(await metric('nexus_gateway_overhead_seconds_count')).toBe(4);
  expect(await metric(`nexus_tokens_total{${cloud},type="input"}`)).toBe(USAGE.input);
  expect(await metric(`nexus_tokens_total{${cloud},type="output"}`)).toBe(USAGE.output);
  expect(await metric('nexus_token_count_tier_total{tier="exact",model="gpt_4_turbo"}')).toBe(2);
  expect(
    await metric('nexus_token_count_duration_seconds_count{tier="exact",model="gpt_4_turbo"}'),
  ).toBe(2);
  // Counted before a backend is looked for, so an unserved model is counted too.
  expect(await metric('nexus_token_count_tier_total{tier="heuristic",model="no_such_model"}')).toBe(
    1,
  );
  const cost = 'nexus_cost_per_request_usd';
  expect(await metric(`${cost}_sum{model="gpt_4_turbo",backend_type="cloud"}`)).toBeCloseTo(
    Number(COST) / 1e9,
    12,
  );
  expect(await metric(`${cost}_count{model="llama3",backend_type="local"}`)).toBe(1);
  expect(await metric(`${cost}_bucket{le="0.001",model="gpt_4_turbo",backend_type="cloud"}`)).toBe(
    1,
  );
  expect(await metric('nexus_pending_requests{backend="cloud"}')).toBe(0);
  expect(await metric('nexus_backends_total')).toBe(2);
  expect(await metric('nexus_backends_healthy')).toBe(2);
  expect(await metric('nexus_models_available')).toBe(2);
  expect(await metric('nexus_budget_limit_usd')).toBeCloseTo((2 * Number(COST)) / 1e9, 12);
  expect(await metric('nexus_budget_status{billing_month="2026-11"}')).toBe(1);
  expect(await metric('nexus_budget_utilization_percent{billing_month="2026-11"}')).toBe(50);
  expect(await metric('nexus_budget_events_total{event_type="soft_limit_reached"}')).toBe(1);
  await expectSettledBooks(nexus);
  expect(
    await metric('nexus_reconciler_duration_seconds_count{reconciler="BudgetReconciler"}'),
  ).toBeGreaterThan(0);
});

it('shows what is in flight while it is', async () => {
  await start(budgetToml(1));
  const answering = nexus.chat(MODEL, 'Hello', { max_tokens: 20 });
  const call = await provider.call();
  expect(await nexus.metric('nexus_pending_requests{backend="cloud"}')).toBe(1);
  expect(await nexus.metric('nexus_budget_held_usd')).toBeCloseTo(Number(COST) / 1e9, 12);
  const { backends, budget } = await nexus.getJson('/v1/stats');
  expect(backends.find(({ id }: Json) => id === 'cloud').pending).toBe(1);
  expect(budget).toMatchObject({ held_usd: Number(COST) / 1e9, current_spending_usd: 0 });
  call.json('Hi', usageDocument(USAGE));
  await (await answering).arrayBuffer();
  await expectSettledBooks(nexus);
});

it('has no series, no header and no object of a budget where there is none', async () => {
  await start('');
  await ask(false);
  const text = await (await nexus.get('/metrics')).text();
  expect(text).not.toMatch(/nexus_budget_/);
  expect(text).toMatch(/^nexus_requests_total\{/m);
  expect(await nexus.getJson('/v1/stats')).not.toHaveProperty('budget');
  expect((await nexus.get('/v1/budget')).status).toBe(404);
});

it('gives statistics in their documented shape', async () => {
  await start(TWO);
  await ask(false);
  await ask(true);
  await (await nexus.chat('nobody', 'Hello')).arrayBuffer();
  const stats = await nexus.getJson('/v1/stats');
  expect(stats).toMatchObject({
    uptime_seconds: expect.any(Number),
    requests: { total: 3, success: 2, errors: 1 },
    backends: expect.arrayContaining([
      expect.objectContaining({
        id: 'cloud',
        name: 'cloud',
        requests: 1,
        average_latency_ms: expect.any(Number),
        pending: 0,
      }),
      expect.objectContaining({ id: 'here', requests: 1 }),
    ]),
    models: expect.arrayContaining([
      { name: MODEL, requests: 1, average_duration_ms: expect.any(Number), cost_usd: 0.00068 },
      expect.objectContaining({ name: LOCAL, requests: 1, cost_usd: 0 }),
    ]),
    budget: {
      current_spending_usd: 0.00068,
      monthly_limit_usd: 0.00136,
      utilization_percent: 50,
      status: 'SoftLimit',
      billing_month: '2026-11',
      last_reconciliation: expect.stringMatching(/^2026-11-10T12:00:\d\d\.\d{3}Z$/),
      soft_limit_threshold: 50,
      hard_limit_action: 'BlockCloud',
      next_reset_date: '2026-12-01',
      held_usd: 0,
      suspense_usd: 0,
      remaining_usd: 0.00068,
      forecast: expect.any(Object),
    },
  });
  await expectSettledBooks(nexus);
});
