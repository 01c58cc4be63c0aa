import { describe, expect, it } from '@jest/globals';
import { periodAt } from '../../src/core/billing-period.ts';
import type { EntryQuery, LedgerEntry } from '../../src/core/ledger.ts';
import { forecast, observedSince, type ForecastInput } from '../../src/telemetry/forecast.ts';

const DAY_MS = 86_400_000;
const NOVEMBER = Date.parse('2026-11-01T00:00:00Z');
const period = periodAt(NOVEMBER, { billingCycleDay: 1, timezone: 'UTC' });

/** Ten days into November with 25 of 100 USD spent, seen from the first day on. */
function input(more: Partial<ForecastInput> = {}): ForecastInput {
  return {
    nowMs: NOVEMBER + 10 * DAY_MS,
    period,
    spending: 25_000_000_000,
    limit: 100_000_000_000,
    softLimitPercent: 50,
    observedSinceMs: 0,
    ...more,
  };
}

describe('the pace', () => {
  it('is carried on to the end of the month', () => {
    expect(forecast(input())).toEqual({
      status: 'ok',
      since: '2026-11-01T00:00:00.000Z',
      burn_rate_usd_per_day: 2.5,
      projected_month_end_usd: 75,
      soft_limit_at: '2026-11-21T00:00:00.000Z',
      hard_limit_at: null,
    });
  });

  it('is that of the time in which the gateway could have spent', () => {
    expect(forecast(input({ observedSinceMs: NOVEMBER + 5 * DAY_MS }))).toMatchObject({
      since: '2026-11-06T00:00:00.000Z',
      burn_rate_usd_per_day: 5,
      projected_month_end_usd: 125,
      soft_limit_at: '2026-11-16T00:00:00.000Z',
      hard_limit_at: '2026-11-26T00:00:00.000Z',
    });
  });

  it('is measured in the days of the billing cycle', () => {
    const cycle = periodAt(Date.parse('2026-11-20T00:00:00Z'), {
      billingCycleDay: 15,
      timezone: 'UTC',
    });
    const view = forecast(
      input({ period: cycle, nowMs: cycle.startsAtMs + 3 * DAY_MS, spending: 3_000_000_000 }),
    );
    expect(view.projected_month_end_usd).toBe(30);
  });

  it('has no crossing of a limit that is reached already', () => {
    expect(forecast(input({ spending: 60_000_000_000 }))).toMatchObject({
      soft_limit_at: null,
      hard_limit_at: expect.stringMatching(/^2026-11-17T/),
    });
    expect(forecast(input({ spending: 100_000_000_000 }))).toMatchObject({
      soft_limit_at: null,
      hard_limit_at: null,
      projected_month_end_usd: 300,
    });
  });

  it('of nothing leads to nothing', () => {
    expect(forecast(input({ spending: 0 }))).toMatchObject({
      status: 'ok',
      burn_rate_usd_per_day: 0,
      projected_month_end_usd: 0,
      soft_limit_at: null,
      hard_limit_at: null,
    });
  });

  it('beyond every amount that the ledger takes is still a number', () => {
    const view = forecast(
      input({
        nowMs: NOVEMBER + 3_600_000,
        spending: 9_000_000_000_000_000,
        limit: 9_000_000_000_000_000,
      }),
    );
    expect(view.projected_month_end_usd).toBe(6_480_000_000);
  });
});

describe('too little data', () => {
  const nothing = {
    status: 'insufficient_data',
    burn_rate_usd_per_day: null,
    projected_month_end_usd: null,
    soft_limit_at: null,
    hard_limit_at: null,
  };

  it('is what the first fifteen minutes of a month are', () => {
    expect(forecast(input({ nowMs: NOVEMBER + 15 * 60_000 - 1 }))).toMatchObject(nothing);
    expect(forecast(input({ nowMs: NOVEMBER + 15 * 60_000 })).status).toBe('ok');
  });

  it('is what a gateway has that was just installed', () => {
    const nowMs = NOVEMBER + 20 * DAY_MS;
    expect(forecast(input({ nowMs, observedSinceMs: nowMs - 60_000 }))).toMatchObject(nothing);
  });

  it('is what a clock has that went back before the month or the first observation', () => {
    expect(forecast(input({ nowMs: NOVEMBER - 5000 }))).toMatchObject(nothing);
    expect(forecast(input({ observedSinceMs: NOVEMBER + 30 * DAY_MS }))).toMatchObject(nothing);
  });
});

describe('since when spending was seen', () => {
  const ledger = (...entries: readonly Pick<LedgerEntry, 'atMs'>[]) => ({
    entries(query: EntryQuery) {
      expect(query).toEqual({ afterSeq: 0, limit: 1 });
      return entries as readonly LedgerEntry[];
    },
  });

  it('is the first entry of the ledger, or now', () => {
    expect(observedSince(ledger({ atMs: 500 }), 900)).toBe(500);
    expect(observedSince(ledger(), 900)).toBe(900);
    expect(observedSince(ledger({ atMs: 1500 }), 900)).toBe(900);
  });
});
