/** The month turns: with requests in flight, in any zone, on any day, and never back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import {
  startHandProvider,
  usageDocument,
  type HandCall,
  type HandProvider,
} from '../support/hand-provider.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const USAGE = { input: 8, output: 5 };
const CHARGE = costNano(USAGE.input, USAGE.output);

let provider: HandProvider;
let nexus: TestGateway;
let folder: string;

beforeEach(async () => {
  provider = await startHandProvider([MODEL]);
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-months-'));
});
afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(startAt: string, more = '', limitUsd: number | string = 1): Promise<void> {
  nexus = await startTestGateway(
    `${NO_PROBES}${budgetToml(limitUsd, more)}${backendToml({ name: 'cloud', url: provider.url })}`,
    { env: KEYS, folder, startAtMs: Date.parse(startAt) },
  );
}

async function moveTo(to: string): Promise<string> {
  const moved = await nexus.post('/admin/clock', { to });
  expect(moved.status).toBe(200);
  return ((await moved.json()) as Json).billing_month;
}

function ask(more: object = {}): Promise<Response> {
  return nexus.chat(MODEL, 'Hello', { max_tokens: 20, ...more });
}

async function serve(): Promise<Response> {
  const answering = ask();
  (await provider.call()).json('Hi', usageDocument(USAGE));
  const answer = await answering;
  await answer.arrayBuffer();
  return answer;
}

function budget(): Promise<Json> {
  return nexus.getJson('/v1/budget');
}

/** Exact spending by month, from the entries. */
async function spentByMonth(): Promise<Readonly<Record<string, bigint>>> {
  const sums: Record<string, bigint> = {};
  for (const { billing_month: month, settled_usd, suspense_usd } of await allEntries(nexus))
    sums[month] = (sums[month] ?? 0n) + nano(settled_usd) + nano(suspense_usd);
  return sums;
}

describe('a month that turns with requests in flight', () => {
  it('charges them to the month in which they were admitted, and starts the new one at 0', async () => {
    await start('2026-11-30T23:59:59Z');
    const whole = ask();
    const call = await provider.call();
    const stream = ask({ stream: true });
    const streamed = await provider.call();
    streamed.say('one');
    await stream;
    expect(await moveTo('2026-12-01T00:00:00Z')).toBe('2026-12');
    expect(await budget()).toMatchObject({
      billing_month: '2026-12',
      spent_usd: 0,
      held_usd: 0,
      open_holds: 0,
      status: 'Normal',
    });
    call.json('Hi', usageDocument(USAGE));
    streamed.say(' two').finish().usage(USAGE).done().end();
    await Promise.all([whole, stream].map(async (answer) => (await answer).arrayBuffer()));
    await eventually(async () => expect(await spentByMonth()).toEqual({ '2026-11': 2n * CHARGE }));
    expect((await budget()).spent_usd).toBe(0);
    const served = await serve();
    expect(served.headers.get('x-nexus-budget-utilization')).toBe('0.0');
    expect(await spentByMonth()).toEqual({ '2026-11': 2n * CHARGE, '2026-12': CHARGE });
    expect(await nexus.metric('nexus_budget_spending_usd{billing_month="2026-12"}')).toBeCloseTo(
      Number(CHARGE) / 1e9,
      12,
    );
    expect(await nexus.metric('nexus_budget_spending_usd{billing_month="2026-11"}')).toBe(
      undefined,
    );
  });

  it('keeps apart 200 of them, whenever they end', async () => {
    await start('2026-11-30T23:59:00Z');
    const count = 200;
    const statusOf = async (answer: Response): Promise<number> => {
      await answer.arrayBuffer();
      return answer.status;
    };
    const answers = Array.from({ length: count }, (_, i) =>
      ask({ stream: i % 2 === 0 }).then(statusOf),
    );
    const calls: HandCall[] = [];
    for (let i = 0; i < count; i += 1) calls.push(await provider.call());
    const end = (call: HandCall): void => {
      if (call.body['stream'] === true) call.say('Hi').finish().usage(USAGE).done().end();
      else call.json('Hi', usageDocument(USAGE));
    };
    calls.slice(0, 60).forEach(end);
    await eventually(async () => expect((await budget()).open_holds).toBe(count - 60));
    // The rest is in flight now; the month turns between two of their ends.
    calls.slice(60, 120).forEach(end);
    await moveTo('2026-12-01T00:00:00Z');
    const later = Array.from({ length: 20 }, () => ask().then(statusOf));
    for (let i = 0; i < later.length; i += 1) calls.push(await provider.call());
    calls.slice(120).forEach(end);
    expect(new Set(await Promise.all([...answers, ...later]))).toEqual(new Set([200]));
    await eventually(async () =>
      expect(await spentByMonth()).toEqual({
        '2026-11': BigInt(count) * CHARGE,
        '2026-12': 20n * CHARGE,
      }),
    );
    const entries = await allEntries(nexus);
    const charged = new Map(entries.map((entry) => [entry.hold_id, new Set<string>()]));
    for (const entry of entries) charged.get(entry.hold_id)?.add(entry.billing_month);
    expect([...charged.values()].every((months) => months.size === 1)).toBe(true);
  });

  it('takes money that the old month still holds from nobody', async () => {
    // Room for one request in a month.
    await start('2026-11-30T23:59:59Z', '', '0.000680');
    const first = ask();
    const old = await provider.call();
    expect((await ask()).status).toBe(503);
    await moveTo('2026-12-01T00:00:00Z');
    const second = ask();
    const young = await provider.call();
    old.json('Hi', usageDocument({ input: 8, output: 20 }));
    young.json('Hi', usageDocument(USAGE));
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    await eventually(async () =>
      expect(await spentByMonth()).toEqual({
        '2026-11': costNano(8, 20),
        '2026-12': CHARGE,
      }),
    );
  });
});

describe('a limit that was reached in November', () => {
  it.each(['block_cloud', 'block_all'])('with %s is open in December', async (action) => {
    await start('2026-11-10T12:00:00Z', `hard_limit_action = "${action}"`, '0.000680');
    const answering = ask();
    (await provider.call()).json('Hi', usageDocument({ input: 8, output: 20 }));
    await (await answering).arrayBuffer();
    expect((await ask()).status).toBe(503);
    await moveTo('2026-11-30T23:59:59Z');
    const refused = await ask();
    expect(refused.status).toBe(503);
    expect(refused.headers.get('x-nexus-budget-status')).toBe('HardLimit');
    await moveTo('2026-12-01T00:00:00Z');
    expect(await nexus.metric('nexus_budget_status')).toBe(0);
    const served = await serve();
    expect(served.status).toBe(200);
    expect(served.headers.get('x-nexus-budget-status')).toBe('Normal');
    const turns = (await nexus.logLines()).filter(
      ({ message }) => message === 'Budget month rollover, resetting spending',
    );
    expect(turns).toHaveLength(1);
    expect(await nexus.metric('nexus_budget_events_total{event_type="month_rollover"}')).toBe(1);
  });

  it('is open in March too when the clock leaps over the months between', async () => {
    await start('2026-11-10T12:00:00Z', '', '0.000680');
    const answering = ask();
    (await provider.call()).json('Hi', usageDocument({ input: 8, output: 20 }));
    await (await answering).arrayBuffer();
    expect((await ask()).status).toBe(503);
    expect(await moveTo('2027-03-05T00:00:00Z')).toBe('2027-03');
    expect((await serve()).status).toBe(200);
    expect(await nexus.metric('nexus_budget_events_total{event_type="month_rollover"}')).toBe(4);
  });
});

describe('the day and the zone of the budget', () => {
  interface Boundary {
    readonly zone: string;
    readonly day: number;
    readonly from: string;
    /** Last second of the old month and first of the new one. */
    readonly last: string;
    readonly first: string;
    readonly months: readonly [string, string];
    readonly nextReset: string;
  }
  it.each<Boundary>([
    {
      zone: 'UTC',
      day: 31,
      from: '2027-02-10T00:00:00Z',
      last: '2027-02-27T23:59:59Z',
      first: '2027-02-28T00:00:00Z',
      months: ['2027-01', '2027-02'],
      nextReset: '2027-03-31',
    },
    {
      zone: 'Europe/Berlin',
      day: 1,
      from: '2026-10-20T00:00:00Z',
      last: '2026-10-31T22:59:59Z',
      first: '2026-10-31T23:00:00Z',
      months: ['2026-10', '2026-11'],
      nextReset: '2026-12-01',
    },
    {
      zone: 'Europe/Berlin',
      day: 31,
      from: '2027-03-01T00:00:00Z',
      // Summer time began on March 28.
      last: '2027-03-30T21:59:59Z',
      first: '2027-03-30T22:00:00Z',
      months: ['2027-02', '2027-03'],
      nextReset: '2027-04-30',
    },
    {
      zone: 'America/Santiago',
      day: 6,
      from: '2026-08-20T00:00:00Z',
      // Midnight of September 6 does not exist there: the clocks go from 23:59:59 to 01:00.
      last: '2026-09-06T03:59:59Z',
      first: '2026-09-06T04:00:00Z',
      months: ['2026-08', '2026-09'],
      nextReset: '2026-10-06',
    },
    {
      zone: 'America/Santiago',
      day: 5,
      from: '2026-03-20T00:00:00Z',
      // 23:00 to 24:00 of April 4 happens twice there.
      last: '2026-04-05T03:59:59Z',
      first: '2026-04-05T04:00:00Z',
      months: ['2026-03', '2026-04'],
      nextReset: '2026-05-05',
    },
  ])(
    'turn the month at $first for day $day in $zone',
    async ({ zone, day, from, last, first, months, nextReset }) => {
      await start(from, `timezone = "${zone}"\nbilling_cycle_day = ${day}`);
      await serve();
      expect(await moveTo(last)).toBe(months[0]);
      await serve();
      expect(nano((await budget()).spent_usd_exact)).toBe(2n * CHARGE);
      expect(await moveTo(first)).toBe(months[1]);
      expect(await budget()).toMatchObject({
        spent_usd: 0,
        billing_month: months[1],
        next_reset_date: nextReset,
        timezone: zone,
        period_starts_at: first.replace('Z', '.000Z'),
      });
      await serve();
      expect(await spentByMonth()).toEqual({
        [months[0]]: 2n * CHARGE,
        [months[1]]: CHARGE,
      });
    },
  );
});

describe('a clock that goes back', () => {
  it('over a restart does not open an old month again', async () => {
    await start('2026-12-02T00:00:00Z');
    await serve();
    await nexus.stop();
    await start('2026-11-20T00:00:00Z');
    expect(await budget()).toMatchObject({ billing_month: '2026-12' });
    expect(nano((await budget()).spent_usd_exact)).toBe(CHARGE);
    await serve();
    expect(await spentByMonth()).toEqual({ '2026-12': 2n * CHARGE });
    const times = (await allEntries(nexus)).map(({ time }) => Date.parse(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const { budget: inStats } = await nexus.getJson('/v1/stats');
    expect(inStats).toMatchObject({ billing_month: '2026-12', next_reset_date: '2027-01-01' });
    // When the clock has caught up, the next month comes once.
    expect(await moveTo('2026-12-31T23:59:59Z')).toBe('2026-12');
    expect(await moveTo('2027-01-01T00:00:00Z')).toBe('2027-01');
    expect((await budget()).spent_usd).toBe(0);
  });

  it('over a restart keeps a limit that was reached', async () => {
    await start('2026-12-02T00:00:00Z', '', '0.000680');
    const answering = ask();
    (await provider.call()).json('Hi', usageDocument({ input: 8, output: 20 }));
    await (await answering).arrayBuffer();
    await nexus.stop();
    await start('2026-11-20T00:00:00Z', '', '0.000680');
    expect((await ask()).status).toBe(503);
    expect((await budget()).status).toBe('HardLimit');
  });

  it('can not be asked for at the admin route', async () => {
    await start('2026-12-02T00:00:00Z');
    const refused = await nexus.post('/admin/clock', { to: '2026-11-30T00:00:00Z' });
    expect(refused.status).toBe(400);
    expect((await budget()).billing_month).toBe('2026-12');
  });
});

it('turns the month over a restart: spending of the old one stays in it', async () => {
  await start('2026-11-30T23:00:00Z');
  await serve();
  await nexus.stop();
  await start('2026-12-01T08:00:00Z');
  expect(await budget()).toMatchObject({ billing_month: '2026-12', spent_usd: 0 });
  await serve();
  expect(await spentByMonth()).toEqual({ '2026-11': CHARGE, '2026-12': CHARGE });
});
