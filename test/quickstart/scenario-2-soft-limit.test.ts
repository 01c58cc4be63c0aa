import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { startQuickstart, type Quickstart } from '../support/quickstart.ts';
import { expectBooksToBalance } from '../support/test-gateway.ts';

let nexus: Quickstart;
beforeEach(async () => {
  nexus = await startQuickstart('quickstart-scenario-2.toml');
});
afterEach(() => nexus.stop());

it('prefers local backends from the soft limit on, and says so in headers, stats, metrics and log', async () => {
  await nexus.loop(10, 'Generate 500 tokens of text');
  expect((await nexus.getJson('/v1/stats')).budget.status).toBe('Normal');
  expect(await nexus.metric('nexus_budget_status')).toBe(0);

  await nexus.loop(5, 'Generate 500 tokens');
  const { budget } = await nexus.getJson('/v1/stats');
  expect(budget.status).toBe('SoftLimit');
  expect(budget.utilization_percent).toBeGreaterThanOrEqual(75);
  expect(await nexus.metric('nexus_budget_status{billing_month="2026-11"}')).toBe(1);
  expect(await nexus.metric('nexus_budget_events_total{event_type="soft_limit_reached"}')).toBe(1);

  const { data, response } = await nexus.openai.chat.completions
    .create({ model: 'llama3', messages: [{ role: 'user', content: 'Hello' }] })
    .withResponse();
  expect(data.choices[0]?.message.content).toBeTruthy();
  expect(response.headers.get('x-nexus-budget-status')).toBe('SoftLimit');
  expect(response.headers.get('x-nexus-budget-utilization')).toMatch(/^\d+\.\d$/);
  expect(response.headers.get('x-nexus-budget-remaining')).toMatch(/^\d+\.\d\d$/);
  expect(response.headers.get('x-nexus-backend-type')).toBe('local');
  expect(response.headers.get('x-nexus-cost-estimated')).toMatch(/^\d+\.\d{4}$/);

  const line = 'BudgetReconciler: soft limit reached, SchedulerReconciler will prefer local agents';
  expect(nexus.logText().split(line)).toHaveLength(2);
});

it('answers the cloud model by its local fallback, and by the cloud again when the request is strict', async () => {
  await nexus.loop(15, 'Generate 500 tokens');
  const shifted = await nexus.chat('gpt-4-turbo', 'Hello');
  await shifted.arrayBuffer();
  expect(shifted.headers.get('x-nexus-backend-type')).toBe('local');
  expect(shifted.headers.get('x-nexus-fallback-model')).toBe('llama3');
  expect(shifted.headers.get('x-nexus-route-reason')).toBe('budget-soft-limit');
  const strict = await nexus.chat('gpt-4-turbo', 'Hello', {}, { 'X-Nexus-Strict': 'true' });
  await strict.arrayBuffer();
  expect(strict.headers.get('x-nexus-backend-type')).toBe('cloud');
  expect(strict.headers.get('x-nexus-fallback-model')).toBeNull();
  await expectBooksToBalance(nexus);
});
