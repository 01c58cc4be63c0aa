import { describe, expect, it } from '@jest/globals';
import { periodAt } from '../../src/core/billing-period.ts';
import { billingMonth } from '../../src/simulation/profile/billing-month.ts';
import { PROFILES } from '../../src/simulation/profile/shapes.ts';
import {
  syntheticTraffic,
  type SyntheticOptions,
} from '../../src/simulation/profile/synthetic-traffic.ts';
import type { TrafficRequest } from '../../src/simulation/traffic/traffic-request.ts';

const UTC = { billingCycleDay: 1, timezone: 'UTC' };
const NOVEMBER = periodAt(Date.parse('2026-11-10T12:00:00Z'), UTC);

async function all(options: Partial<SyntheticOptions>): Promise<readonly TrafficRequest[]> {
  const requests: TrafficRequest[] = [];
  const pieces = syntheticTraffic({
    profile: 'office-hours',
    requests: 6000,
    seed: 7,
    period: NOVEMBER,
    timezone: 'UTC',
    models: [
      { model: 'big', weight: 1 },
      { model: 'small', weight: 3 },
    ],
    ...options,
  });
  for await (const piece of pieces) requests.push(...piece);
  return requests;
}

function shareOf(
  requests: readonly TrafficRequest[],
  matches: (request: TrafficRequest, local: Date) => boolean,
): number {
  return requests.filter((one) => matches(one, new Date(one.atMs))).length / requests.length;
}

describe('a profile', () => {
  it.each(PROFILES)('%s has all its requests, in order, within its month', async (profile) => {
    const requests = await all({ profile });
    const times = requests.map(({ atMs }) => atMs);

    expect(requests).toHaveLength(6000);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(NOVEMBER.startsAtMs);
    expect(times.at(-1)).toBeLessThan(NOVEMBER.endsAtMs);
  });

  it.each(PROFILES)('%s is the same for a seed, and another for another', async (profile) => {
    expect(await all({ profile })).toEqual(await all({ profile }));
    expect(await all({ profile, seed: 8 })).not.toEqual(await all({ profile }));
  });

  it('of office hours is busy on working days in the zone of the budget', async () => {
    const timezone = 'America/New_York';
    const requests = await all({ timezone });
    // 9 to 18 in New York is 14 to 23 in UTC.
    const isWork = (_: TrafficRequest, at: Date): boolean =>
      at.getUTCDay() % 6 !== 0 && at.getUTCHours() >= 13 && at.getUTCHours() < 23;

    expect(shareOf(requests, isWork)).toBeGreaterThan(0.85);
  });

  it('that is steady has as many in the first half as in the second', async () => {
    const middleMs = (NOVEMBER.startsAtMs + NOVEMBER.endsAtMs) / 2;
    const share = shareOf(await all({ profile: 'steady' }), ({ atMs }) => atMs < middleMs);

    expect(share).toBeCloseTo(0.5, 1);
  });

  it('that is bursty has most of its requests in a tenth of its hours', async () => {
    const hours = new Map<number, number>();
    for (const { atMs } of await all({ profile: 'bursty' })) {
      const hour = Math.floor(atMs / 3_600_000);
      hours.set(hour, (hours.get(hour) ?? 0) + 1);
    }
    const busiest = [...hours.values()].toSorted((a, b) => b - a).slice(0, 72);

    expect(busiest.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3000);
  });

  it('asks for models by their weight, and embeddings for no output', async () => {
    const models = [
      { model: 'big', weight: 1 },
      { model: 'text-embedding-3-small', weight: 3 },
    ];
    const requests = await all({ models });

    expect(shareOf(requests, ({ model }) => model === 'big')).toBeCloseTo(0.25, 1);
    for (const { model, usage } of requests) {
      expect(usage.input).toBeGreaterThan(0);
      expect(usage.output > 0).toBe(model === 'big');
    }
  });
});

describe('the name of a billing month', () => {
  it.each([
    ['2026-11', UTC, '2026-11-01T00:00:00.000Z'],
    ['2026-11', { billingCycleDay: 15, timezone: 'UTC' }, '2026-11-15T00:00:00.000Z'],
    ['2026-02', { billingCycleDay: 31, timezone: 'Asia/Tokyo' }, '2026-02-27T15:00:00.000Z'],
    ['2026-12', { billingCycleDay: 1, timezone: 'Pacific/Kiritimati' }, '2026-11-30T10:00:00.000Z'],
  ])('%s begins on its billing day', (month, cycle, start) => {
    const period = billingMonth(month, cycle);

    expect(period?.month).toBe(month);
    expect(new Date(period?.startsAtMs ?? 0).toISOString()).toBe(start);
  });

  it.each(['2026-13', '2026', 'November', '2026-11-01'])('%s is none', (month) => {
    expect(billingMonth(month, UTC)).toBeNull();
  });
});
