import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../src/core/ledger.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { charge, holdRequest, monthOf, testLedger } from '../support/test-ledger.ts';

const DECEMBER = monthOf('2026-12-01T00:00:00Z');

describe('the life of a hold', () => {
  let store: FaultyStore;
  let books: ReturnType<typeof testLedger>;

  beforeEach(() => {
    store = new FaultyStore(openStore(':memory:'));
    books = testLedger(store);
    books.ledger.setBudget({ limit: 1000, enforce: true });
  });

  afterEach(() => books.expectExact());

  /** The entries of a hold, without what they leave as it is. */
  function changes(holdId: string): Partial<LedgerEntry>[] {
    const { ledger } = books;
    ledger.entries({ limit: 1 });
    return store
      .entriesOfHold(holdId)
      .map(({ kind, heldChange, suspenseChange, settledChange, excessChange, note }) => {
        const all = { kind, heldChange, suspenseChange, settledChange, excessChange, note };
        const given = Object.entries(all).filter(([, value]) => value !== 0 && value !== null);
        return Object.fromEntries(given);
      });
  }

  it('takes headroom at once, and gives the hold its month, its time and its own id', () => {
    const { ledger, clock, hold } = books;

    expect(hold(400)).toEqual({
      ...holdRequest(400),
      route: null,
      priceId: null,
      id: 'hold-1',
      month: '2026-11',
      heldAtMs: clock.now(),
    });
    expect(ledger.headroom()).toBe(600);
    expect(ledger.totals()).toEqual({
      month: '2026-11',
      settled: 0,
      suspense: 0,
      held: 400,
      excess: 0,
      openHolds: 1,
    });
  });

  it('admits exactly up to the limit', () => {
    const { ledger, hold } = books;
    hold(400);
    hold(600);

    expect(ledger.headroom()).toBe(0);
    expect(ledger.reserve(holdRequest(1))).toEqual({
      kind: 'refused',
      headroom: 0,
      fitsWhenIdle: true,
    });
  });

  it('says of a refusal what is free, and whether it would fit with nothing in flight', () => {
    const { ledger, hold } = books;
    ledger.settle(hold(300).id, charge(300));
    ledger.suspend(hold(100).id, 'timeout');
    hold(500);

    const refused = (amount: number) => ledger.reserve(holdRequest(amount));
    expect(refused(101)).toEqual({ kind: 'refused', headroom: 100, fitsWhenIdle: true });
    expect(refused(600)).toEqual({ kind: 'refused', headroom: 100, fitsWhenIdle: true });
    expect(refused(601)).toEqual({ kind: 'refused', headroom: 100, fitsWhenIdle: false });
    expect(refused(100)).toMatchObject({ kind: 'held' });
  });

  it('makes no entry for a refusal', () => {
    books.ledger.reserve(holdRequest(1001));

    expect(books.ledger.entries({ limit: 10 })).toEqual([]);
  });

  it('holds an amount of 0 whatever is left', () => {
    const { ledger, hold } = books;
    hold(1000);

    const free = hold(0);
    expect(ledger.totals()).toMatchObject({ held: 1000, openHolds: 2 });
    ledger.settle(free.id, charge(0));
    expect(ledger.totals()).toMatchObject({ held: 1000, settled: 0, openHolds: 1 });
    expect(changes(free.id)).toEqual([{ kind: 'hold' }, { kind: 'charge' }]);
  });

  it('refuses nothing without a budget, or with one that is not enforced', () => {
    const { ledger, hold } = books;

    ledger.setBudget({ limit: 1000, enforce: false });
    hold(5000);
    expect(ledger.headroom()).toBeNull();
    ledger.setBudget(null);
    hold(5000);
    expect(ledger.headroom()).toBeNull();
    ledger.setBudget({ limit: 1000, enforce: true });
    expect(ledger.headroom()).toBe(0);
    expect(ledger.reserve(holdRequest(1))).toMatchObject({ kind: 'refused', headroom: 0 });
  });

  it('refuses an amount that is no money', () => {
    expect(() => books.ledger.reserve(holdRequest(-1))).toThrow('a hold of -1');
    expect(() => books.ledger.reserve(holdRequest(0.5))).toThrow('not a whole number');
  });

  it('is settled with its real cost, and the rest is free again', () => {
    const { ledger, hold } = books;
    const { id } = hold(400);

    ledger.settle(id, charge(150), 'answer complete');

    expect(ledger.totals()).toMatchObject({ settled: 150, held: 0, excess: 0, openHolds: 0 });
    expect(changes(id)).toEqual([
      { kind: 'hold', heldChange: 400 },
      { kind: 'charge', heldChange: -400, settledChange: 150, note: 'answer complete' },
    ]);
    expect(store.entriesOfHold(id)[1]).toMatchObject({
      basis: 'provider',
      exactPico: '150000',
      usage: { input: 100, output: 10 },
      priceVersion: 'list 2026-11-01',
    });
  });

  it('is charged in full when it cost more than was held, and the difference is excess', () => {
    const { ledger, hold } = books;
    const { id } = hold(400);

    ledger.settle(id, charge(1150));

    expect(ledger.totals()).toMatchObject({ settled: 1150, held: 0, excess: 750 });
    expect(ledger.headroom()).toBe(0);
    expect(ledger.reserve(holdRequest(1))).toEqual({
      kind: 'refused',
      headroom: 0,
      fitsWhenIdle: false,
    });
  });

  it('is given back by a release', () => {
    const { ledger, hold } = books;
    const { id } = hold(400);

    ledger.release(id, 'never sent: connect');

    expect(ledger.totals()).toMatchObject({ settled: 0, held: 0, suspense: 0, openHolds: 0 });
    expect(changes(id)).toEqual([
      { kind: 'hold', heldChange: 400 },
      { kind: 'void', heldChange: -400, note: 'never sent: connect' },
    ]);
  });

  it('goes on counting in suspense', () => {
    const { ledger, hold } = books;
    const { id } = hold(400);

    ledger.suspend(id, 'timeout');

    expect(ledger.totals()).toMatchObject({ settled: 0, held: 0, suspense: 400, openHolds: 0 });
    expect(ledger.headroom()).toBe(600);
  });

  it.each([
    ['less', 100, 0],
    ['nothing', 0, 0],
    ['more', 450, 50],
  ])('in suspense is resolved by a charge of %s than it held', (_what, amount, excess) => {
    const { ledger, hold, alarms } = books;
    const { id } = hold(400);
    ledger.suspend(id, 'timeout');

    ledger.settle(id, charge(amount), 'provider records');

    expect(ledger.totals()).toMatchObject({ settled: amount, suspense: 0, excess });
    expect(changes(id).at(-1)).toMatchObject({ kind: 'resolve', suspenseChange: -400 });
    expect(alarms).toEqual([]);
  });

  it('stays in suspense when somebody releases or suspends it afterwards', () => {
    const { ledger, hold } = books;
    const { id } = hold(400);
    ledger.suspend(id, 'timeout');

    ledger.release(id, 'finally');
    ledger.suspend(id, 'again');

    expect(ledger.totals()).toMatchObject({ suspense: 400, settled: 0 });
    expect(changes(id)).toHaveLength(2);
  });

  it('is not charged twice by the same charge', () => {
    const { ledger, hold, alarms } = books;
    const { id } = hold(400);

    ledger.settle(id, charge(150));
    ledger.settle(id, charge(150));
    ledger.settle(id, charge(150, { basis: 'metered' }));
    ledger.release(id, 'finally');
    ledger.suspend(id, 'finally');

    expect(ledger.totals()).toMatchObject({ settled: 150, openHolds: 0 });
    expect(changes(id)).toHaveLength(2);
    expect(alarms).toEqual([]);
  });

  it('takes a different later charge as an adjustment, with an alarm', () => {
    const { ledger, hold, alarms, log } = books;
    const { id } = hold(400);
    ledger.settle(id, charge(150));

    ledger.settle(id, charge(180), 'late');
    ledger.settle(id, charge(180));
    ledger.settle(id, charge(100));

    expect(ledger.totals()).toMatchObject({ settled: 100, excess: 0 });
    expect(changes(id).slice(2)).toEqual([
      // What it adds was not held any more, so it is excess; what is taken back is taken from the excess first.
      { kind: 'adjust', settledChange: 30, excessChange: 30, note: 'late' },
      { kind: 'adjust', settledChange: -80, excessChange: -30 },
    ]);
    expect(alarms).toEqual([
      { kind: 'conflicting_charge', holdId: id, before: 150, after: 180 },
      { kind: 'conflicting_charge', holdId: id, before: 180, after: 100 },
    ]);
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  });

  it('keeps a different exact cost that rounds to the same amount', () => {
    const { ledger, hold } = books;
    const { id } = hold(400);
    ledger.settle(id, charge(2, { exactPico: '1001' }));

    ledger.settle(id, charge(2, { exactPico: '1002' }));

    expect(ledger.totals()).toMatchObject({ settled: 2, excess: 0 });
    expect(changes(id).at(-1)).toEqual({ kind: 'adjust' });
    expect(store.entriesOfHold(id).map(({ exactPico }) => exactPico)).toEqual([
      null,
      '1001',
      '1002',
    ]);
  });

  it('that was released costs nothing: a charge of 0 is the same, any other is an adjustment', () => {
    const { ledger, hold, alarms } = books;
    const { id } = hold(400);
    ledger.release(id, 'refused');

    ledger.settle(id, charge(0));
    expect(alarms).toEqual([]);
    ledger.settle(id, charge(70));

    expect(ledger.totals()).toMatchObject({ settled: 70, held: 0, excess: 70 });
    expect(changes(id).at(-1)).toEqual({ kind: 'adjust', settledChange: 70, excessChange: 70 });
    expect(alarms).toHaveLength(1);
  });

  it('refuses a charge that is not its exact cost rounded up', () => {
    const { ledger, hold } = books;
    const { id } = hold(400);

    expect(() => ledger.settle(id, charge(150, { exactPico: '150001' }))).toThrow('exact cost');
    expect(() => ledger.settle(id, charge(150, { exactPico: '-1' }))).toThrow('exact cost');
    expect(ledger.totals()).toMatchObject({ held: 400, settled: 0 });
    ledger.settle(id, charge(151, { exactPico: '150001' }));
  });

  it('raises an alarm for a charge of a hold that nobody made, and books nothing', () => {
    const { ledger, alarms } = books;

    ledger.settle('nobody', charge(5));
    ledger.release('nobody', '');
    ledger.suspend('nobody', '');

    expect(alarms).toEqual([{ kind: 'unknown_hold', holdId: 'nobody', before: 0, after: 5 }]);
    expect(ledger.entries({ limit: 5 })).toEqual([]);
  });

  it('knows how a hold ended long after it did', () => {
    const { ledger, hold, alarms } = books;
    ledger.setBudget(null);
    const [charged, voided, suspended, adjusted] = [hold(10), hold(20), hold(30), hold(40)];
    ledger.settle(charged.id, charge(7));
    ledger.release(voided.id, 'x');
    ledger.suspend(suspended.id, 'x');
    ledger.settle(adjusted.id, charge(40));
    ledger.settle(adjusted.id, charge(50));
    for (let i = 0; i < 10_001; i += 1) ledger.release(hold(0).id, 'other');
    alarms.length = 0;

    for (let time = 1; time <= 2; time += 1) {
      ledger.settle(charged.id, charge(7));
      ledger.settle(voided.id, charge(0));
      ledger.settle(suspended.id, charge(25));
      ledger.settle(adjusted.id, charge(50));
      ledger.entries({ limit: 1 });
    }

    expect(alarms).toEqual([]);
    expect(ledger.totals()).toMatchObject({ settled: 82, suspense: 0, held: 0, excess: 10 });
  });

  it('finds a hold that ended in this very turn and is remembered by nothing but the queue', () => {
    const { ledger, hold } = books;
    const { id } = hold(10);
    ledger.settle(id, charge(7));
    for (let i = 0; i < 10_001; i += 1) ledger.release(hold(0).id, 'other');
    expect(store.entriesOfHold(id)).toEqual([]);

    ledger.settle(id, charge(7));

    expect(ledger.totals()).toMatchObject({ settled: 7 });
  });

  it('does not take an id that an open hold has', () => {
    // "hold-NaN", twice.
    const { hold } = testLedger(openStore(':memory:'), books.clock, Number.NaN);
    hold(1);

    expect(() => hold(1)).toThrow('given twice');
  });

  it('tells listeners the totals after each change, until they leave', () => {
    const { ledger, hold } = books;
    const heard: number[][] = [];
    const leave = ledger.onTotals(({ held, settled }) => heard.push([held, settled]));

    ledger.settle(hold(400).id, charge(150));
    leave();
    hold(1);

    expect(heard).toEqual([
      [400, 0],
      [0, 150],
    ]);
  });

  it('goes on when a listener throws', () => {
    const { ledger, hold, log } = books;
    ledger.onTotals(() => {
      throw new Error('listener');
    });
    const heard: number[] = [];
    ledger.onTotals(({ held }) => heard.push(held));

    hold(400);

    expect(heard).toEqual([400]);
    expect(log.lines).toMatchObject([
      { level: 'error', fields: { error: { message: 'listener' } } },
    ]);
  });

  it('gives out totals that do not change afterwards', () => {
    const { ledger, hold } = books;
    const before = ledger.totals();
    const beforeByMonth = ledger.totalsOf('2026-11');
    hold(400);

    expect(before.held).toBe(0);
    expect(beforeByMonth.held).toBe(0);
  });

  it('belongs to its month, whenever it ends', () => {
    const { ledger, hold, clock } = books;
    const late = hold(400);
    const voided = hold(50);
    clock.advance(30 * 86_400_000);
    const heard: number[] = [];

    ledger.openPeriod(DECEMBER);
    expect(ledger.totals()).toMatchObject({ month: '2026-12', settled: 0, held: 0, openHolds: 0 });
    expect(ledger.headroom()).toBe(1000);
    const fresh = hold(900);
    ledger.onTotals(({ settled }) => heard.push(settled));
    ledger.settle(late.id, charge(500));
    ledger.release(voided.id, 'x');

    expect(heard).toEqual([]);
    expect(ledger.totals()).toMatchObject({ settled: 0, held: 900, excess: 0 });
    expect(ledger.totalsOf('2026-11')).toMatchObject({ settled: 500, held: 0, excess: 100 });
    ledger.settle(fresh.id, charge(100));
    expect(heard).toEqual([100]);
    ledger.settle(late.id, charge(600));
    expect(ledger.totalsOf('2026-11')).toMatchObject({ settled: 600 });
    expect(ledger.totals()).toMatchObject({ settled: 100 });
  });
});
