import { afterEach, describe, expect, it } from '@jest/globals';
import { startTestGateway, TWO_BACKENDS, type TestGateway } from '../support/test-gateway.ts';

let nexus: TestGateway;
afterEach(() => nexus.stop());

const TOO_EARLY = {
  status: 'insufficient_data',
  burn_rate_usd_per_day: null,
  projected_month_end_usd: null,
  soft_limit_at: null,
  hard_limit_at: null,
};

async function moveTo(instant: string): Promise<void> {
  expect((await nexus.post('/admin/clock', { to: instant })).status).toBe(200);
}

describe('the forecast of a running gateway', () => {
  it('is the same in stats, budget and metrics, and silent while there is nothing to go by', async () => {
    nexus = await startTestGateway(
      `${TWO_BACKENDS}[routing.budget]\nmonthly_limit_usd = 0.002\nsoft_limit_percent = 50\n`,
      { startAtMs: Date.parse('2026-11-11T00:00:00Z') },
    );
    await nexus.chat('gpt-4-turbo', 'Hello');
    await moveTo('2026-11-11T00:10:00Z');
    expect((await nexus.getJson('/v1/stats')).budget.forecast).toMatchObject(TOO_EARLY);
    expect(await nexus.metric('nexus_budget_forecast_usd')).toBeUndefined();

    await moveTo('2026-11-21T00:00:00Z');
    const { budget } = await nexus.getJson('/v1/stats');
    const spent = budget.current_spending_usd;
    // Seen for ten of the month's last twenty days.
    expect(budget.forecast).toMatchObject({
      status: 'ok',
      since: '2026-11-11T00:00:00.000Z',
      soft_limit_at: expect.stringMatching(/^2026-11-2\dT.*Z$/),
      hard_limit_at: null,
    });
    expect(budget.forecast.burn_rate_usd_per_day).toBeCloseTo(spent / 10, 6);
    expect(budget.forecast.projected_month_end_usd).toBeCloseTo(2 * spent, 6);
    const softInDays = (0.001 - spent) / (spent / 10);
    expect(Date.parse(budget.forecast.soft_limit_at)).toBeCloseTo(
      Date.parse('2026-11-21T00:00:00Z') + softInDays * 86_400_000,
      -4,
    );
    expect((await nexus.getJson('/v1/budget')).forecast).toEqual(budget.forecast);
    expect(await nexus.metric('nexus_budget_forecast_usd')).toBe(
      budget.forecast.projected_month_end_usd,
    );
  });

  it('begins anew with the month, and is never silly in its first minutes', async () => {
    nexus = await startTestGateway(
      `${TWO_BACKENDS}[routing.budget]\nmonthly_limit_usd = 0.002\nsoft_limit_percent = 50\n`,
    );
    await nexus.chat('gpt-4-turbo', 'Hello');
    await moveTo('2026-12-01T00:00:00Z');
    await nexus.chat('gpt-4-turbo', 'Hello');
    for (const instant of ['2026-12-01T00:00:01Z', '2026-12-01T00:14:59Z']) {
      await moveTo(instant);
      expect((await nexus.getJson('/v1/stats')).budget.forecast).toMatchObject({
        ...TOO_EARLY,
        since: '2026-12-01T00:00:00.000Z',
      });
      expect(await nexus.metric('nexus_budget_forecast_usd')).toBeUndefined();
    }
    await moveTo('2026-12-02T00:00:00Z');
    const { budget } = await nexus.getJson('/v1/stats');

    expect(budget.forecast.projected_month_end_usd).toBeCloseTo(
      31 * budget.current_spending_usd,
      6,
    );
  });
});
