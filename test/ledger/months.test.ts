import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { periodAt } from '../../src/core/billing-period.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import type { LedgerStore } from '../../src/ledger/store.ts';
import { HandClock } from '../support/hand-clock.ts';
import { charge, monthOf, testLedger } from '../support/test-ledger.ts';

const DAY_MS = 86_400_000;

describe('a billing month', () => {
  let store: LedgerStore;
  let books: ReturnType<typeof testLedger>;

  beforeEach(() => {
    store = openStore(':memory:');
    books = testLedger(store);
  });

  afterEach(() => books.expectExact());

  function restart(at: string): void {
    books.endTurn();
    books = testLedger(store, new HandClock(Date.parse(at)), 1000);
  }

  function turnTo(at: string): void {
    books.clock.advance(Date.parse(at) - books.clock.now());
    books.ledger.openPeriod(monthOf(at));
  }

  it('starts at zero, and the one before keeps what it had', () => {
    const { ledger, hold } = books;
    ledger.settle(hold(100).id, charge(60));

    turnTo('2026-12-01T00:00:00Z');

    expect(ledger.totals()).toEqual({
      month: '2026-12',
      settled: 0,
      suspense: 0,
      held: 0,
      excess: 0,
      openHolds: 0,
    });
    expect(ledger.period()).toEqual(monthOf('2026-12-01T00:00:00Z'));
    expect(ledger.totalsOf('2026-11').settled).toBe(60);
    expect(ledger.totalsOf('1999-01').settled).toBe(0);
    expect(ledger.months()).toEqual(['2026-11', '2026-12']);
  });

  it('is announced once to listeners', () => {
    const heard: string[] = [];
    books.ledger.onTotals(({ month }) => heard.push(month));

    turnTo('2026-12-01T00:00:00Z');
    turnTo('2026-12-02T00:00:00Z');

    expect(heard).toEqual(['2026-12']);
  });

  it('is never opened again when the clock goes back', () => {
    const { ledger, log, hold } = books;
    turnTo('2027-01-03T00:00:00Z');
    ledger.settle(hold(100).id, charge(60));

    expect(ledger.openPeriod(monthOf('2026-12-31T00:00:00Z'))).toMatchObject({
      month: '2027-01',
      settled: 60,
    });

    expect(ledger.period().month).toBe('2027-01');
    expect(log.lines).toMatchObject([
      { level: 'warn', fields: { month: '2027-01', shown: '2026-12' } },
    ]);
    hold(1);
    expect(ledger.entries({ limit: 1 })[0]).toMatchObject({ month: '2027-01' });
  });

  it('is not opened again by a restart with an earlier clock, nor does time go back', () => {
    turnTo('2026-12-05T00:00:00Z');
    books.ledger.settle(books.hold(100).id, charge(60));

    restart('2026-11-20T00:00:00Z');

    const { ledger, hold } = books;
    expect(ledger.period().month).toBe('2026-12');
    expect(ledger.totals()).toMatchObject({ month: '2026-12', settled: 60 });
    expect(hold(10)).toMatchObject({
      month: '2026-12',
      heldAtMs: Date.parse('2026-12-05T00:00:00Z'),
    });
    restart('2026-12-06T00:00:00Z');
    expect(books.hold(10).heldAtMs).toBe(Date.parse('2026-12-06T00:00:00Z'));
  });

  it('goes on after a restart, and can be skipped altogether', () => {
    books.ledger.settle(books.hold(100).id, charge(60));
    restart('2026-11-20T00:00:00Z');
    expect(books.ledger.totals()).toMatchObject({ month: '2026-11', settled: 60 });

    restart('2027-02-20T00:00:00Z');
    expect(books.ledger.totals()).toMatchObject({ month: '2027-02', settled: 0 });
    expect(books.ledger.months()).toEqual(['2026-11', '2027-02']);
    expect(books.ledger.totalsOf('2026-11')).toMatchObject({ settled: 60 });
  });

  it('keeps its money when the billing day is changed in the middle of it', () => {
    books.ledger.settle(books.hold(100).id, charge(60));
    books.endTurn();
    const late = periodAt(Date.parse('2026-11-20T00:00:00Z'), {
      billingCycleDay: 15,
      timezone: 'UTC',
    });
    expect(late.month).toBe('2026-11');

    expect(books.ledger.openPeriod(late)).toMatchObject({ month: '2026-11', settled: 60 });
    books.endTurn();

    expect(books.ledger.period()).toEqual(late);
    expect(store.load().periods).toEqual([{ period: late, isClosed: false }]);
    const longer = { ...late, endsAtMs: late.endsAtMs + DAY_MS };
    books.ledger.openPeriod(longer);
    books.endTurn();
    expect(store.load().periods).toEqual([{ period: longer, isClosed: false }]);
  });

  describe('that has ended', () => {
    function states(): [string, boolean][] {
      for (let turn = 0; turn < 9; turn += 1) books.endTurn();
      return store.load().periods.map(({ period, isClosed }) => [period.month, isClosed]);
    }

    it('is closed once nothing of it is open, and its suspense is taken for spent', () => {
      const { ledger, hold } = books;
      const lost = hold(100);
      const open = hold(50);
      ledger.suspend(lost.id, 'timeout');
      turnTo('2026-12-01T00:00:00Z');

      expect(states()).toEqual([
        ['2026-11', false],
        ['2026-12', false],
      ]);
      expect(ledger.totalsOf('2026-11')).toMatchObject({ suspense: 100, settled: 0, held: 50 });
      ledger.settle(open.id, charge(20));

      expect(states()).toEqual([
        ['2026-11', true],
        ['2026-12', false],
      ]);
      expect(ledger.totalsOf('2026-11')).toMatchObject({ suspense: 0, settled: 120, excess: 0 });
      expect(ledger.totals()).toMatchObject({ settled: 0, suspense: 0 });
      expect(store.entriesOfHold(lost.id).at(-1)).toMatchObject({
        kind: 'resolve',
        basis: 'assumed',
        settledChange: 100,
        exactPico: '100000',
        usage: null,
        note: 'the month ended',
      });
    });

    it('takes a later truth as an adjustment in itself', () => {
      const { ledger, hold, alarms } = books;
      const lost = hold(100);
      ledger.suspend(lost.id, 'timeout');
      turnTo('2026-12-01T00:00:00Z');
      states();

      ledger.settle(lost.id, charge(30));

      expect(ledger.totalsOf('2026-11')).toMatchObject({ settled: 30, suspense: 0 });
      expect(ledger.totals()).toMatchObject({ settled: 0 });
      expect(alarms).toHaveLength(1);
      expect(states()[0]).toEqual(['2026-11', true]);
    });

    it('is closed in pieces when very much of it is in suspense', () => {
      const { ledger, hold } = books;
      for (let i = 0; i < 1100; i += 1) ledger.suspend(hold(1).id, 'timeout');
      turnTo('2026-12-01T00:00:00Z');

      expect(states()[0]).toEqual(['2026-11', true]);
      expect(ledger.totalsOf('2026-11')).toMatchObject({ settled: 1100, suspense: 0 });
    });

    it('is closed at the next start when it could not be before', () => {
      books.ledger.suspend(books.hold(100).id, 'timeout');
      books.hold(50);
      books.endTurn();

      restart('2027-01-15T00:00:00Z');

      expect(states()).toEqual([
        ['2026-11', true],
        ['2027-01', false],
      ]);
      expect(books.ledger.totalsOf('2026-11')).toMatchObject({ settled: 150, held: 0 });
      restart('2027-01-16T00:00:00Z');
      expect(books.ledger.totalsOf('2026-11')).toMatchObject({ settled: 150, suspense: 0 });
    });
  });
});
