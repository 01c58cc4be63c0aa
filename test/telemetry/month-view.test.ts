import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntryQuery, LedgerAdmin } from '../../src/core/ledger.ts';
import { openSqliteStore } from '../../src/ledger/sqlite-store.ts';
import type { BudgetSettings } from '../../src/core/settings.ts';
import { MonthViewer, type MonthReading, type MonthView } from '../../src/telemetry/month-view.ts';
import { HandClock } from '../support/hand-clock.ts';
import { aBudget } from '../support/policies.ts';
import { recordingLog } from '../support/recording-log.ts';
import { charge, monthOf, testLedger } from '../support/test-ledger.ts';

const USD = 1_000_000_000;
const HOUR_MS = 3_600_000;
const SETTINGS: BudgetSettings = {
  monthlyLimit: 100 * USD,
  softLimitPercent: 75,
  hardLimitAction: 'block_cloud',
  reconciliationIntervalSecs: 60,
  billingCycleDay: 1,
  timezone: 'UTC',
  unknownPrice: 'conservative',
  exhaustedStatus: 503,
};

let folder: string;
let clock: HandClock;
let books: ReturnType<typeof testLedger>;
let queries: EntryQuery[];
let isBroken: boolean;
let log: ReturnType<typeof recordingLog>;
let viewer: MonthViewer;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'nexus-month-'));
  clock = new HandClock(Date.parse('2026-10-20T12:00:00Z'));
  books = testLedger(openSqliteStore(path.join(folder, 'ledger.db')), clock);
  queries = [];
  isBroken = false;
  log = recordingLog();
  const ledger: Pick<LedgerAdmin, 'entries'> = {
    entries(query) {
      if (isBroken) throw new Error('the disk is gone');
      queries.push(query);
      return books.ledger.entries(query);
    },
  };
  viewer = new MonthViewer({ ledger, clock, log });
});

afterEach(async () => {
  await books.ledger.close();
  rmSync(folder, { recursive: true, force: true });
});

function read(more: Partial<MonthReading> = {}): MonthView {
  const { settled, suspense } = books.ledger.totals();
  return viewer.read({
    nowMs: clock.now(),
    period: books.ledger.period(),
    spending: settled + suspense,
    budget: aBudget({ limit: 100 * USD }),
    settings: SETTINGS,
    hardLimitAtMs: null,
    ...more,
  });
}

function spend(usd: number, model = 'gpt-4-turbo', backend = 'openai'): void {
  const backendKind = backend === 'openai' ? 'cloud' : 'local';
  const hold = books.hold(Math.round(usd * USD), { model, backend, backendKind });
  books.ledger.settle(hold.id, charge(Math.round(usd * USD)));
}

/** Moves the clock, and the ledger's month with it. */
function at(instant: string): void {
  clock.advance(Date.parse(instant) - clock.now());
  books.ledger.openPeriod(monthOf(clock.now()));
}

describe('the course of the month', () => {
  it('is made of the entries of this month alone, by model, backend and day', () => {
    spend(40);
    at('2026-11-03T10:00:00Z');
    spend(10);
    spend(0, 'llama3', 'ollama');
    at('2026-11-04T09:30:00Z');
    spend(2.5, 'gpt-4o');
    spend(5);
    at('2026-11-10T12:00:00Z');

    expect(read()).toMatchObject({
      month: '2026-11',
      starts_at_ms: Date.parse('2026-11-01T00:00:00Z'),
      ends_at_ms: Date.parse('2026-12-01T00:00:00Z'),
      is_complete: true,
      not_itemised_usd: 0,
      by_model: [
        { name: 'gpt-4-turbo', cost_usd: 15, charges: 2 },
        { name: 'gpt-4o', cost_usd: 2.5, charges: 1 },
        { name: 'llama3', cost_usd: 0, charges: 1 },
      ],
      by_backend: [
        { name: 'openai', kind: 'cloud', cost_usd: 17.5, charges: 3 },
        { name: 'ollama', kind: 'local', cost_usd: 0, charges: 1 },
      ],
      by_day: [
        { name: '2026-11-03', cost_usd: 10, charges: 2 },
        { name: '2026-11-04', cost_usd: 7.5, charges: 2 },
      ],
      points: [
        [Date.parse('2026-11-01T00:00:00Z'), 0],
        [Date.parse('2026-11-03T11:00:00Z'), 10],
        [Date.parse('2026-11-04T10:00:00Z'), 17.5],
      ],
    });
  });

  it('has a status for every instant, by the limits of now', () => {
    at('2026-11-05T00:00:00Z');
    spend(74);
    at('2026-11-06T00:00:00Z');
    spend(1);
    at('2026-11-07T00:00:00Z');
    spend(25);

    expect(read({ budget: aBudget({ limit: 100 * USD, status: 'HardLimit' }) }).bands).toEqual([
      { status: 'Normal', from_ms: Date.parse('2026-11-01T00:00:00Z') },
      { status: 'SoftLimit', from_ms: Date.parse('2026-11-06T00:00:00Z') },
      { status: 'HardLimit', from_ms: Date.parse('2026-11-07T00:00:00Z') },
    ]);
    expect(read({ budget: aBudget({ limit: 200 * USD, status: 'Normal' }) }).bands).toHaveLength(1);
  });

  it('knows a hard limit below 100 % by the moment at which it was announced', () => {
    at('2026-11-05T00:00:00Z');
    spend(99);
    at('2026-11-09T00:00:00Z');
    const hardLimitAtMs = Date.parse('2026-11-08T00:00:00Z');
    const budget = aBudget({ limit: 100 * USD, status: 'HardLimit' });

    expect(read({ budget, hardLimitAtMs }).bands.at(-1)).toEqual({
      status: 'HardLimit',
      from_ms: hardLimitAtMs,
    });
  });

  it('counts what is in suspense, and its resolution once', () => {
    at('2026-11-05T00:00:00Z');
    const hold = books.hold(8 * USD);
    books.ledger.suspend(hold.id, 'timeout');
    expect(read().by_model).toEqual([{ name: 'gpt-4-turbo', cost_usd: 8, charges: 1 }]);
    books.ledger.settle(hold.id, charge(3 * USD));
    clock.advance(1000);

    expect(read().by_model).toEqual([{ name: 'gpt-4-turbo', cost_usd: 3, charges: 1 }]);
  });

  it('has no status without a budget, but everything else', () => {
    at('2026-11-05T00:00:00Z');
    spend(3);
    const view = read({ budget: null, settings: null });

    expect(view.bands).toEqual([]);
    expect(view.by_day).toEqual([{ name: '2026-11-05', cost_usd: 3, charges: 1 }]);
  });

  it('begins its days where the zone of the budget does', () => {
    at('2026-11-05T14:59:00Z');
    spend(1);
    at('2026-11-05T15:01:00Z');
    spend(2);
    const view = read({ settings: { ...SETTINGS, timezone: 'Asia/Tokyo' } });

    expect(view.by_day.map(({ name, cost_usd }) => [name, cost_usd])).toEqual([
      ['2026-11-05', 1],
      ['2026-11-06', 2],
    ]);
  });

  it('says what the last day cost', () => {
    at('2026-11-05T00:30:00Z');
    spend(4);
    at('2026-11-06T00:10:00Z');
    spend(2);
    expect(read().last_24h_usd).toBe(6);
    at('2026-11-06T01:10:00Z');

    expect(read().last_24h_usd).toBe(2);
  });

  it('has no more points than a chart has room for, and always the last one', () => {
    at('2026-11-01T00:00:00Z');
    for (let hour = 0; hour < 700; hour += 1) {
      spend(0.1);
      clock.advance(HOUR_MS);
    }
    const { points } = read();

    expect(points.length).toBeLessThanOrEqual(241);
    expect(points.at(-1)).toEqual([Date.parse('2026-11-01T00:00:00Z') + 700 * HOUR_MS, 70]);
  });

  it('names the ten dearest models, and adds the others up', () => {
    at('2026-11-05T00:00:00Z');
    for (let i = 1; i <= 250; i += 1) spend(i / 100, `model-${i}`);
    const { by_model: rows } = read();

    expect(rows).toHaveLength(11);
    expect(rows[0]).toEqual({ name: 'other', cost_usd: expect.any(Number), charges: 50 });
    expect(rows.at(-1)?.name).toBe('191 more');
    const total = rows.reduce((sum, { cost_usd: cost }) => sum + cost, 0);
    expect(total).toBeCloseTo(313.75, 6);
  });

  it('begins anew with the month', () => {
    at('2026-11-05T00:00:00Z');
    spend(3);
    read();
    at('2026-12-01T00:00:01Z');
    spend(1);

    expect(read()).toMatchObject({
      month: '2026-12',
      by_day: [{ name: '2026-12-01', cost_usd: 1, charges: 1 }],
    });
  });
});

describe('reading the ledger', () => {
  it('finds the month without reading those before it', () => {
    for (let i = 0; i < 3000; i += 1) spend(0.001);
    at('2026-11-05T00:00:00Z');
    spend(1);
    const view = read();

    expect(view.by_model).toEqual([{ name: 'gpt-4-turbo', cost_usd: 1, charges: 1 }]);
    expect(queries.length).toBeLessThan(20);
    expect(queries.filter(({ limit }) => limit > 1)).toEqual([{ afterSeq: 6000, limit: 1000 }]);
  });

  it('takes a few pages at a time, and says that there is more', () => {
    at('2026-11-05T00:00:00Z');
    for (let i = 0; i < 2500; i += 1) spend(0.001);
    const views = Array.from({ length: 4 }, () => read());

    expect(views.map(({ is_complete: isComplete }) => isComplete)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(views[0]?.by_model[0]?.charges).toBe(1000);
    expect(views[0]?.not_itemised_usd).toBe(0);
    expect(views[2]?.by_model[0]).toEqual({ name: 'gpt-4-turbo', cost_usd: 2.5, charges: 2500 });
  });

  it('reads only what is new, at most once a second', () => {
    at('2026-11-05T00:00:00Z');
    spend(1);
    read();
    queries.length = 0;
    for (let i = 0; i < 10; i += 1) {
      spend(1);
      read();
      clock.advance(100);
    }
    const view = read();

    expect(queries).toEqual([{ afterSeq: 2, limit: 1000 }]);
    expect(view.by_model[0]?.cost_usd).toBe(11);
  });

  it('shows what is known when it fails, and goes on when it can', () => {
    at('2026-11-05T00:00:00Z');
    spend(1);
    read();
    spend(1);
    isBroken = true;
    for (let i = 0; i < 3; i += 1) {
      clock.advance(1000);
      expect(read().by_model[0]?.cost_usd).toBe(1);
    }
    isBroken = false;
    clock.advance(1000);

    expect(read().by_model[0]?.cost_usd).toBe(2);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'the dashboard could not read the ledger',
    ]);
  });

  it('says how much of the spending has no entries any more', () => {
    at('2026-11-05T00:00:00Z');
    spend(1);
    const view = read({ spending: 5 * USD });

    expect(view.not_itemised_usd).toBe(4);
    expect(view.points.map(([, usd]) => usd)).toEqual([4, 5]);
  });

  it('of an empty ledger shows an empty month', () => {
    expect(read()).toMatchObject({
      is_complete: true,
      by_model: [],
      points: [[expect.any(Number), 0]],
    });
  });
});
