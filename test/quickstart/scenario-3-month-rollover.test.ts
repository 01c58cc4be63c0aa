import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { startQuickstart, type Quickstart } from '../support/quickstart.ts';
import { expectBooksToBalance } from '../support/test-gateway.ts';

let nexus: Quickstart;
beforeEach(async () => {
  nexus = await startQuickstart('quickstart-scenario-3.toml');
});
afterEach(() => nexus.stop());

it('starts the new month at zero, with one log line and one event', async () => {
  await nexus.loop(50, 'Hello');
  const before = (await nexus.getJson('/v1/stats')).budget;
  expect(before.current_spending_usd).toBeGreaterThan(0);
  expect(before).toMatchObject({ billing_month: '2026-11', next_reset_date: '2026-12-01' });

  const moved = await nexus.post('/admin/clock', { to: '2026-12-01T00:00:00Z' });
  expect(await moved.json()).toEqual({ now: '2026-12-01T00:00:00.000Z', billing_month: '2026-12' });

  const after = (await nexus.getJson('/v1/stats')).budget;
  expect(after).toMatchObject({
    current_spending_usd: 0,
    billing_month: '2026-12',
    next_reset_date: '2027-01-01',
    status: 'Normal',
  });
  expect(nexus.logText().split('Budget month rollover, resetting spending')).toHaveLength(2);
  expect(await nexus.metric('nexus_budget_events_total{event_type="month_rollover"}')).toBe(1);
  // Only the current month is exported.
  const metrics = await (await nexus.get('/metrics')).text();
  expect(metrics).toContain('nexus_budget_spending_usd{billing_month="2026-12"} 0');
  expect(metrics).not.toContain('billing_month="2026-11"');
  await expectBooksToBalance(nexus);
});

it('turns every month of a jump over three years, quickly and once each', async () => {
  const moved = await nexus.post('/admin/clock', { to: '2030-01-01T00:00:00Z' });
  expect(await moved.json()).toMatchObject({ billing_month: '2030-01' });
  expect(await nexus.metric('nexus_budget_events_total{event_type="month_rollover"}')).toBe(38);
  await nexus.loop(1, 'Hello');
  expect((await nexus.getJson('/v1/stats')).budget).toMatchObject({
    billing_month: '2030-01',
    status: 'Normal',
  });
});
