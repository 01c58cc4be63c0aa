import { describe, expect, it } from '@jest/globals';
import type { SimulationOutcome } from '../../src/simulation/outcome.ts';
import { aRequest, CLOUD_AND_LOCAL, everyMinute, play } from '../support/simulated-month.ts';

function budget(limit: string, action: string, more = ''): string {
  return `${CLOUD_AND_LOCAL}
[routing.budget]
monthly_limit_usd = ${limit}
soft_limit_percent = 75
hard_limit_action = "${action}"
${more}`;
}

/** What a month of an outcome came to, with its times in words. */
function monthOf({ months }: SimulationOutcome, at = 0): object {
  const month = months[at];
  if (month === undefined) throw new Error(`there is no month ${at}`);
  const instant = (atMs: number | null): string | null =>
    atMs === null ? null : new Date(atMs).toISOString().slice(5, 16);
  return {
    month: month.period.month,
    requests: month.requests,
    local: month.local,
    cloud: month.cloud,
    refused: month.refused,
    spending: month.spending,
    status: month.status,
    soft: instant(month.softLimitAtMs),
    hard: instant(month.hardLimitAtMs),
  };
}

const NOON = '2026-11-10T12:00:00Z';

// Each request costs 0.01 + 0.03 USD. Of a limit of 0.40 the eighth reaches 0.32, past 75 %; the tenth all of it.
describe('a budget that is played', () => {
  it('is crossed at the row that crosses it, and lets nothing through beyond, with block_cloud', async () => {
    const outcome = await play(budget('0.4', 'block_cloud'), everyMinute(NOON, 12));

    expect(monthOf(outcome)).toEqual({
      month: '2026-11',
      requests: 12,
      local: 0,
      cloud: 10,
      refused: 2,
      spending: 400_000_000,
      status: 'HardLimit',
      soft: '11-10T12:07',
      hard: '11-10T12:09',
    });
    expect(outcome.total.refusals).toEqual({ budget_exhausted: 2 });
  });

  it('serves what a local backend can past the hard limit, with block_cloud', async () => {
    const local = everyMinute('2026-11-10T13:00:00Z', 3, 'small');
    const outcome = await play(budget('0.4', 'block_cloud'), [...everyMinute(NOON, 12), ...local]);

    expect(outcome.total).toMatchObject({ local: 3, cloud: 10, refused: 2 });
  });

  it('refuses local models too past the hard limit, with block_all', async () => {
    const local = everyMinute('2026-11-10T13:00:00Z', 3, 'small');
    const outcome = await play(budget('0.4', 'block_all'), [...everyMinute(NOON, 12), ...local]);

    expect(outcome.total).toMatchObject({ local: 0, cloud: 10, refused: 5 });
    expect(outcome.total.refusals).toEqual({ budget_exhausted: 5 });
  });

  it('only says that the limit was reached, with warn', async () => {
    const outcome = await play(budget('0.4', 'warn'), everyMinute(NOON, 12));

    expect(monthOf(outcome)).toMatchObject({
      cloud: 12,
      refused: 0,
      spending: 480_000_000,
      status: 'HardLimit',
      soft: '11-10T12:07',
      hard: '11-10T12:09',
    });
  });

  it('lets a local fallback answer past the soft limit, and counts what that saves', async () => {
    const fallback = '[routing.fallbacks]\n"big" = ["small"]\n';
    const outcome = await play(budget('0.4', 'block_cloud', fallback), everyMinute(NOON, 12));

    expect(monthOf(outcome)).toMatchObject({
      local: 4,
      cloud: 8,
      refused: 0,
      spending: 320_000_000,
      status: 'SoftLimit',
      soft: '11-10T12:07',
      hard: null,
    });
    expect(outcome.total.savedByLocal).toBe(160_000_000);
  });

  it('counts no saving where only a local backend could have answered', async () => {
    const outcome = await play(budget('0.4', 'warn'), everyMinute(NOON, 5, 'small'));

    expect(outcome.total).toMatchObject({ local: 5, spending: 0, savedByLocal: 0 });
  });

  it('shortens the answer that the rest pays for in part, and is at its hard limit when nothing more fits', async () => {
    const outcome = await play(budget('0.1', 'block_cloud'), everyMinute(NOON, 4));

    // 0.02 is left for the third: 0.01 for its input, and 333 tokens of output for 0.00999.
    expect(monthOf(outcome)).toMatchObject({
      cloud: 3,
      refused: 1,
      spending: 99_990_000,
      status: 'HardLimit',
      soft: '11-10T12:01',
      hard: '11-10T12:03',
    });
    expect(outcome.total.shortened).toBe(1);
  });

  it('never spends more than the limit, however long the answers of the traffic are', async () => {
    const long = [1, 2, 3, 4].map((hour) =>
      aRequest(`2026-11-10T0${hour}:00:00Z`, 'big', { output: 300_000 }),
    );
    const outcome = await play(budget('20', 'block_cloud'), long);

    expect(outcome.total).toMatchObject({ cloud: 3, refused: 1, shortened: 1 });
    expect(outcome.total.spending).toBeLessThanOrEqual(20_000_000_000);
  });

  it('charges cached input and reasoning at their own prices', async () => {
    const usage = { input: 1000, cachedInput: 400, output: 100, reasoning: 60 };
    const outcome = await play(budget('10', 'warn'), [aRequest(NOON, 'thinker', usage)]);

    // 600 x 10 + 400 x 1 + 40 x 30 + 60 x 60 micro-dollars.
    expect(outcome.total.spending).toBe(11_200_000);
  });

  it('is as good as none where there is none', async () => {
    const outcome = await play(CLOUD_AND_LOCAL, everyMinute(NOON, 12));

    expect(monthOf(outcome)).toMatchObject({ cloud: 12, status: null, soft: null, hard: null });
    expect(outcome).toMatchObject({ budget: null, total: { spending: 480_000_000 } });
  });
});

describe('months that are played', () => {
  it('begin with nothing spent and forget the limit of the month before', async () => {
    const outcome = await play(budget('0.4', 'block_cloud'), [
      ...everyMinute('2026-11-30T23:40:00Z', 12),
      ...everyMinute('2026-12-01T00:00:00Z', 2),
    ]);

    expect(outcome.months).toHaveLength(2);
    expect(monthOf(outcome, 0)).toMatchObject({ cloud: 10, refused: 2, status: 'HardLimit' });
    expect(monthOf(outcome, 1)).toEqual({
      month: '2026-12',
      requests: 2,
      local: 0,
      cloud: 2,
      refused: 0,
      spending: 80_000_000,
      status: 'Normal',
      soft: null,
      hard: null,
    });
    expect(outcome.total).toMatchObject({ requests: 14, cloud: 12, refused: 2 });
  });

  it('leaves out months without traffic, also over years', async () => {
    const outcome = await play(budget('0.4', 'warn'), [
      aRequest('2021-03-31T23:59:59Z'),
      aRequest('2026-11-01T00:00:00Z'),
    ]);

    expect(outcome.months.map(({ period }) => period.month)).toEqual(['2021-03', '2026-11']);
  });

  it('turn on the billing day in the zone of the budget', async () => {
    const zone = 'billing_cycle_day = 15\ntimezone = "America/New_York"\n';
    const outcome = await play(budget('0.4', 'warn', zone), [
      aRequest('2026-11-15T04:59:59Z'),
      aRequest('2026-11-15T05:00:00Z'),
    ]);

    expect(outcome.months.map(({ period }) => period.month)).toEqual(['2026-10', '2026-11']);
  });

  it('own the requests that were admitted in them, also when these end in the next', async () => {
    const outcome = await play(
      budget('0.4', 'block_cloud'),
      [aRequest('2026-11-30T23:59:50Z'), aRequest('2026-12-01T00:00:30Z')],
      20_000,
    );

    expect(outcome.months.map(({ spending }) => spending)).toEqual([40_000_000, 40_000_000]);
  });

  it('are projected to their end by the pace of the traffic, within a limit that is enforced', async () => {
    // Half of November has passed at the second request: 0.04 USD a fortnight.
    const halves = [aRequest('2026-11-01T00:00:00Z'), aRequest('2026-11-16T00:00:00Z')];
    const [free] = (await play(budget('10', 'warn'), halves)).months;
    const [bound] = (await play(budget('0.1', 'block_cloud'), halves)).months;
    const over = [...halves, aRequest('2026-12-20T00:00:00Z')];
    const [past] = (await play(budget('10', 'warn'), over)).months;
    const [alone] = (await play(budget('10', 'warn'), halves.slice(0, 1))).months;

    expect(free?.projectedUsd).toBeCloseTo(0.16, 6);
    expect(bound?.projectedUsd).toBeCloseTo(0.1, 6);
    expect(past?.projectedUsd).toBe(0.08);
    expect(alone?.projectedUsd).toBeNull();
  });
});

describe('requests that overlap', () => {
  const together = [NOON, NOON, NOON].map((time) => aRequest(time));

  it('hold their money until they end, so that the last one has to wait', async () => {
    const outcome = await play(budget('0.08', 'block_cloud'), together, 60_000);

    expect(outcome.total).toMatchObject({
      cloud: 2,
      refusals: { budget_reserved: 1 },
      spending: 80_000_000,
    });
    expect(monthOf(outcome)).toMatchObject({ status: 'HardLimit', hard: '11-10T12:01' });
  });

  it('take turns where they do not overlap', async () => {
    const outcome = await play(budget('0.2', 'block_cloud'), everyMinute(NOON, 3), 60_000);

    expect(outcome.total).toMatchObject({ cloud: 3, refused: 0, spending: 120_000_000 });
  });

  it('are refused beyond max_concurrent_requests', async () => {
    const server = '[server]\nmax_concurrent_requests = 2\n';
    const outcome = await play(budget('10', 'block_cloud', server), together, 60_000);

    expect(outcome.total).toMatchObject({ cloud: 2, refusals: { overloaded: 1 } });
  });

  it('are many at once without a loss', async () => {
    const many = everyMinute(NOON, 3000);
    const outcome = await play(budget('1000', 'block_cloud'), many, 3_600_000);

    expect(outcome.total).toMatchObject({ cloud: 3000, spending: 120_000_000_000 });
  });
});
