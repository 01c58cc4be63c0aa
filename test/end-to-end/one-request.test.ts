/**
 * The first test of the project. Its ancestor had 74 budget tests and never charged its budget once, because none of
 * them went through HTTP: here one request goes in, and one charge, one status and the metrics come out.
 */
import { afterEach, expect, it } from '@jest/globals';
import {
  allEntries,
  expectBooksToBalance,
  startTestGateway,
  TWO_BACKENDS,
  type TestGateway,
} from '../support/test-gateway.ts';

let nexus: TestGateway;
afterEach(() => nexus.stop());

const BUDGET = `
[routing.budget]
monthly_limit_usd = 0.0020
soft_limit_percent = 50
hard_limit_action = "block_cloud"
`;

it('charges one request exactly and shows it everywhere', async () => {
  nexus = await startTestGateway(TWO_BACKENDS + BUDGET);
  const answer = await nexus.chat('gpt-4-turbo', 'The quick brown fox jumps over the lazy dog', {
    max_tokens: 20,
  });
  expect(answer.status).toBe(200);
  const { usage } = (await answer.json()) as {
    usage: { prompt_tokens: number; completion_tokens: number };
  };
  expect(answer.headers.get('x-nexus-backend')).toBe('cloud');
  expect(answer.headers.get('x-nexus-backend-type')).toBe('cloud');
  expect(answer.headers.get('x-nexus-route-reason')).toBe('capability-match');
  expect(answer.headers.get('x-nexus-budget-status')).toBe('Normal');

  const nanoUsd = usage.prompt_tokens * 10_000 + usage.completion_tokens * 30_000;
  const entries = await allEntries(nexus);
  expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
  expect(entries[1]).toMatchObject({
    settled_usd: String(nanoUsd / 1e9),
    basis: 'provider',
    model: 'gpt-4-turbo',
  });
  expect(entries[1].request_id).toBe(answer.headers.get('x-nexus-request-id'));

  const { budget } = await nexus.getJson('/v1/stats');
  expect(budget.current_spending_usd).toBeCloseTo(nanoUsd / 1e9, 12);
  expect(budget.held_usd).toBe(0);
  expect(await nexus.metric('nexus_budget_spending_usd')).toBeCloseTo(nanoUsd / 1e9, 12);
  await expectBooksToBalance(nexus);
});

it('goes from Normal to SoftLimit to HardLimit, keeps serving locally, and opens again when the month turns', async () => {
  nexus = await startTestGateway(TWO_BACKENDS + BUDGET);
  const seen: string[] = [];
  for (let i = 0; i < 8; i += 1) {
    const answer = await nexus.chat('gpt-4-turbo', 'Hello', { max_tokens: 20 });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    seen.push(
      `${answer.headers.get('x-nexus-budget-status')} ${answer.headers.get('x-nexus-backend-type')}`,
    );
  }
  expect(seen[0]).toBe('Normal cloud');
  // At the soft limit the configured local fallback goes first.
  expect(seen.at(-1)).toBe('SoftLimit local');
  for (let i = 0; i < 4; i += 1)
    await (
      await nexus.chat('gpt-4-turbo', 'Hello', { max_tokens: 20 }, { 'x-nexus-strict': 'true' })
    ).arrayBuffer();
  const refused = await nexus.chat(
    'gpt-4-turbo',
    'Hello',
    { max_tokens: 20 },
    { 'x-nexus-strict': 'true' },
  );
  expect(refused.status).toBe(503);
  expect(refused.headers.get('x-should-retry')).toBe('false');
  expect(refused.headers.get('retry-after')).toBeNull();
  expect(await refused.json()).toMatchObject({
    error: { code: 'budget_exhausted' },
    context: { billing_month: '2026-11' },
  });
  expect((await nexus.getJson('/v1/stats')).budget.status).toBe('HardLimit');
  const local = await nexus.chat('gpt-4-turbo', 'Hello');
  expect(local.status).toBe(200);
  expect(local.headers.get('x-nexus-backend-type')).toBe('local');
  expect(local.headers.get('x-nexus-route-reason')).toBe('budget-hard-limit');
  await expectBooksToBalance(nexus);

  const turned = await nexus.post('/admin/clock', { to: '2026-12-01T00:00:00Z' });
  expect(await turned.json()).toEqual({
    now: '2026-12-01T00:00:00.000Z',
    billing_month: '2026-12',
  });
  const { budget } = await nexus.getJson('/v1/stats');
  expect(budget).toMatchObject({
    current_spending_usd: 0,
    billing_month: '2026-12',
    status: 'Normal',
  });
  const open = await nexus.chat('gpt-4-turbo', 'Hello', { max_tokens: 20 });
  expect(open.headers.get('x-nexus-backend-type')).toBe('cloud');
  await expectBooksToBalance(nexus);

  const messages = (await nexus.logLines()).map(({ message }) => message);
  const times = (text: string): number => messages.filter((message) => message === text).length;
  expect(
    times('BudgetReconciler: soft limit reached, SchedulerReconciler will prefer local agents'),
  ).toBe(1);
  expect(times('BudgetReconciler: hard limit reached, action BlockCloud')).toBe(1);
  expect(times('Budget month rollover, resetting spending')).toBe(1);
});
