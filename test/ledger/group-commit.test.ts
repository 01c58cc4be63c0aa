import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LedgerUnavailable } from '../../src/core/ledger.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { HandClock } from '../support/hand-clock.ts';
import { recordingLog } from '../support/recording-log.ts';
import { charge, holdRequest, monthOf, testLedger } from '../support/test-ledger.ts';

describe('a commit', () => {
  let folder: string;
  let store: FaultyStore;
  let books: ReturnType<typeof testLedger>;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-commit-'));
    store = new FaultyStore(openStore(path.join(folder, 'ledger.db')));
    books = testLedger(store);
    store.stored.length = 0;
    books.ledger.setBudget({ limit: 100_000, enforce: true });
  });

  afterEach(() => {
    store.fault = 'none';
    books.clock.advance(10_000);
    books.endTurn();
    books.expectExact();
    store.close();
    rmSync(folder, { recursive: true });
  });

  function kinds(): string[][] {
    return store.stored.map(({ entries }) => entries.map(({ kind }) => kind));
  }

  it('stores all entries of a turn in one transaction, in order', async () => {
    const { ledger, hold, endTurn } = books;
    const holds = Array.from({ length: 50 }, () => hold(10));
    ledger.settle(holds[0]?.id ?? '', charge(4));
    const committed = ledger.committed();
    expect(store.tries).toBe(1);

    endTurn();

    await committed;
    expect(kinds()).toEqual([[...Array(50).fill('hold'), 'charge']]);
    expect(store.stored[0]?.entries.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 51 }, (_, index) => index + 1),
    );
  });

  it('is one promise for all who wait in a turn, and none when there is nothing to wait for', async () => {
    const { ledger, hold, endTurn } = books;
    await ledger.committed();
    hold(10);

    const first = ledger.committed();
    expect(ledger.committed()).toBe(first);
    hold(10);
    expect(ledger.committed()).not.toBe(first);

    endTurn();
    await Promise.all([first, ledger.committed()]);
    expect(store.stored).toHaveLength(1);
  });

  describe('of entries that nobody waits for', () => {
    const later: (() => void)[] = [];

    beforeEach(() => {
      books.endTurn();
      later.length = 0;
      books = testLedger(store, books.clock, 1000, { scheduleLater: (flush) => later.push(flush) });
      books.ledger.setBudget({ limit: 100_000, enforce: true });
      store.stored.length = 0;
    });

    it('is shared with the next hold that is waited for', async () => {
      const { ledger, hold, endTurn } = books;
      const first = hold(10);
      const committed = ledger.committed();
      endTurn();
      await committed;
      ledger.settle(first.id, charge(4));
      endTurn();
      expect(kinds()).toEqual([['hold']]);

      hold(20);
      void ledger.committed();
      endTurn();

      expect(kinds()).toEqual([['hold'], ['charge', 'hold']]);
      for (const flush of later) flush();
      expect(kinds()).toHaveLength(2);
    });

    it('comes by itself when no hold does, once for all of them', () => {
      const { ledger, hold } = books;
      ledger.settle(hold(10).id, charge(4));
      ledger.release(hold(20).id, 'never sent');
      expect(kinds()).toEqual([]);

      expect(later).toHaveLength(1);
      for (const flush of later.splice(0)) flush();

      expect(kinds()).toEqual([['hold', 'charge', 'hold', 'void']]);
    });
  });

  it('uses the turn of the event loop itself when nothing else is given', async () => {
    const ledger = openLedger({
      store: openStore(':memory:'),
      clock: new HandClock(),
      period: monthOf('2026-11-10T12:00:00Z'),
      newId: () => 'h1',
      log: recordingLog(),
    });
    ledger.reserve(holdRequest(10));

    await ledger.committed();

    expect(ledger.entries({ limit: 5 })).toHaveLength(1);
    ledger.settle('nobody', charge(1));
    await ledger.close();
  });

  it('cuts a large backlog into pieces, and tells each waiter when its own entries are stored', async () => {
    const { ledger, hold, endTurn } = books;
    for (let i = 0; i < 2000; i += 1) hold(1);
    const early = ledger.committed();
    for (let i = 0; i < 500; i += 1) hold(1);
    let isLateDone = false;
    const late = ledger.committed().then(() => (isLateDone = true));

    endTurn();
    await early;
    expect(isLateDone).toBe(false);
    expect(store.stored.map(({ entries }) => entries.length)).toEqual([2000]);

    endTurn();
    await late;
    expect(store.stored.map(({ entries }) => entries.length)).toEqual([2000, 500]);
  });

  describe('that fails', () => {
    it('is told to whoever waits, and takes back the holds that nobody may send', async () => {
      const { ledger, hold, endTurn, log } = books;
      const { id } = hold(400);
      const committed = ledger.committed();
      store.fault = 'append';

      endTurn();

      await expect(committed).rejects.toBeInstanceOf(LedgerUnavailable);
      await expect(committed).rejects.toThrow('can not store entries: the disk is gone');
      expect(ledger.isHealthy()).toBe(false);
      expect(ledger.totals()).toMatchObject({ held: 0, openHolds: 0 });
      expect(log.lines).toMatchObject([
        { level: 'error', message: 'the ledger can not store entries' },
      ]);
      ledger.release(id, 'a caller that tidies up');
      ledger.suspend(id, 'a caller that tidies up');
      expect(ledger.totals()).toMatchObject({ held: 0, suspense: 0 });
    });

    it('refuses paid attempts as unavailable and goes on with free ones', async () => {
      const { ledger, hold, endTurn } = books;
      store.fault = 'append';
      hold(400);
      endTurn();

      expect(ledger.reserve(holdRequest(1))).toEqual({ kind: 'unavailable' });
      const free = hold(0);
      await expect(ledger.committed()).rejects.toBeInstanceOf(LedgerUnavailable);
      ledger.settle(free.id, charge(0));
      expect(store.tries).toBe(2);
    });

    it('keeps the charges of what was sent before, and stores them once it can', async () => {
      const { ledger, hold, endTurn, clock, log } = books;
      const sent = [hold(100), hold(200), hold(300)] as const;
      endTurn();
      store.stored.length = 0;
      store.fault = 'append';
      const unsent = hold(400);
      ledger.settle(sent[0].id, charge(60));
      endTurn();
      ledger.settle(sent[1].id, charge(70));
      ledger.suspend(sent[2].id, 'timeout');
      expect(ledger.totals()).toMatchObject({ settled: 130, suspense: 300, held: 0 });

      clock.advance(100);
      expect(ledger.isHealthy()).toBe(false);
      store.fault = 'none';
      clock.advance(199);
      expect(ledger.isHealthy()).toBe(false);
      clock.advance(1);

      expect(ledger.isHealthy()).toBe(true);
      await ledger.committed();
      expect(kinds()).toEqual([['charge', 'charge', 'suspend']]);
      expect(store.stored[0]?.entries.map(({ seq }) => seq)).toEqual([4, 5, 6]);
      expect(store.entriesOfHold(unsent.id)).toEqual([]);
      expect(log.lines.at(-1)).toMatchObject({ message: 'the ledger can store entries again' });
      expect(ledger.reserve(holdRequest(1))).toMatchObject({ kind: 'held' });
    });

    it('tries again with pauses that grow to five seconds', () => {
      const { hold, endTurn, clock } = books;
      store.fault = 'append';
      hold(1);
      endTurn();
      const start = clock.now();
      const pauses: number[] = [];
      let last = start;
      let { tries } = store;
      while (clock.now() < start + 25_000) {
        clock.advance(100);
        if (store.tries === tries) continue;
        ({ tries } = store);
        pauses.push(clock.now() - last);
        last = clock.now();
      }

      expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    });

    it('keeps, in their order, holds that have ended in the same turn', () => {
      const { ledger, hold, endTurn, clock } = books;
      store.fault = 'append';
      const released = hold(100);
      ledger.release(released.id, 'client gone');
      const charged = hold(50);
      ledger.settle(charged.id, charge(20));
      hold(7);
      const free = hold(0);
      endTurn();
      expect(ledger.totals()).toMatchObject({ settled: 20, held: 0, openHolds: 1 });

      store.fault = 'none';
      clock.advance(100);

      expect(kinds()).toEqual([['hold', 'void', 'hold', 'charge', 'hold']]);
      ledger.release(free.id, 'done');
    });

    it('takes back holds that were waiting behind the batch, too', async () => {
      const { ledger, hold, endTurn, clock } = books;
      for (let i = 0; i < 2100; i += 1) hold(1);
      const committed = ledger.committed();
      store.fault = 'reply';

      endTurn();

      await expect(committed).rejects.toBeInstanceOf(LedgerUnavailable);
      expect(ledger.totals()).toMatchObject({ held: 0, openHolds: 0 });
      store.fault = 'none';
      clock.advance(100);
      // 2000 holds had reached the file; the last 100 never left.
      expect(ledger.isHealthy()).toBe(true);
      expect(
        kinds()
          .flat()
          .filter((kind) => kind === 'hold'),
      ).toHaveLength(2000);
      endTurn();
      expect(
        kinds()
          .flat()
          .filter((kind) => kind === 'void'),
      ).toHaveLength(2000);
    });

    it.each(['reply', 'lost reply'] as const)(
      'but was stored all the same (%s) is not stored twice, and its holds are made void',
      (fault) => {
        const { ledger, hold, endTurn, clock } = books;
        const sent = hold(100);
        endTurn();
        store.stored.length = 0;
        const unsent = hold(400);
        ledger.settle(sent.id, charge(60));
        store.fault = fault;
        endTurn();
        const free = hold(0);
        ledger.settle(free.id, charge(0));
        expect(ledger.totals()).toMatchObject({ settled: 60, held: 0 });

        store.fault = 'none';
        clock.advance(100);

        expect(kinds()).toEqual([
          ['hold', 'charge'],
          ['void', 'hold', 'charge'],
        ]);
        expect(store.entriesOfHold(unsent.id).at(-1)).toMatchObject({
          kind: 'void',
          heldChange: -400,
          note: 'never sent: the store failed',
        });
        expect(ledger.totals()).toMatchObject({ settled: 60, held: 0, openHolds: 0 });
      },
    );

    it('survives a batch of nothing but holds, by an empty one that proves the store', () => {
      const { hold, endTurn, clock, ledger } = books;
      store.fault = 'append';
      hold(400);
      endTurn();

      store.fault = 'none';
      clock.advance(100);

      expect(ledger.isHealthy()).toBe(true);
      expect(kinds()).toEqual([[]]);
    });

    it('fails again while a doubt is open, and still settles it', () => {
      const { hold, endTurn, clock, ledger } = books;
      const sent = hold(100);
      endTurn();
      store.stored.length = 0;
      const unsent = hold(400);
      store.fault = 'lost reply';
      endTurn();
      ledger.settle(sent.id, charge(60));
      clock.advance(100);
      clock.advance(200);
      expect(store.tries).toBe(3);
      expect(() => ledger.audit()).toThrow('may be stored or not');
      expect(() => ledger.verify()).toThrow(LedgerUnavailable);

      store.fault = 'append';
      clock.advance(400);
      expect(ledger.audit()).toMatchObject({ drift: 0, totals: { settled: 60, held: 0 } });

      store.fault = 'none';
      clock.advance(800);
      expect(kinds()).toEqual([['hold'], ['void', 'charge']]);
      expect(store.entriesOfHold(unsent.id).at(-1)).toMatchObject({ kind: 'void' });
    });

    it('stays failed when something else has written to the store', () => {
      const { hold, endTurn, clock, ledger, log } = books;
      hold(400);
      store.fault = 'everything';
      endTurn();
      store.fault = 'none';
      const stranger = testLedger(store, clock, 77);
      stranger.hold(5);
      stranger.hold(5);
      stranger.endTurn();

      clock.advance(100);

      expect(ledger.isHealthy()).toBe(false);
      expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
      books = stranger;
    });

    it('audits what it can: entries that wait belong to the balance', () => {
      const { hold, endTurn, ledger } = books;
      const sent = hold(100);
      endTurn();
      store.fault = 'append';
      ledger.settle(sent.id, charge(60));
      endTurn();

      expect(ledger.audit()).toMatchObject({ drift: 0, totals: { settled: 60, held: 0 } });
      store.fault = 'everything';
      expect(() => ledger.audit()).toThrow('can not be read: the store can not be read');
    });

    it('turns the month while it fails, and stores that later', () => {
      const { hold, endTurn, ledger, clock } = books;
      const sent = hold(100);
      endTurn();
      store.fault = 'append';
      hold(1);
      endTurn();
      ledger.openPeriod(monthOf('2026-12-05T00:00:00Z'));
      ledger.settle(sent.id, charge(60));
      const free = hold(0);

      store.fault = 'none';
      clock.advance(100);
      endTurn();

      expect(ledger.isHealthy()).toBe(true);
      expect(ledger.months()).toEqual(['2026-11', '2026-12']);
      expect(store.load().periods.map(({ period }) => period.month)).toEqual([
        '2026-11',
        '2026-12',
      ]);
      ledger.release(free.id, 'x');
    });

    it('books a charge for a hold that only the store remembers as soon as it can be asked', () => {
      const { hold, endTurn, clock, ledger, alarms } = books;
      const { id } = hold(100);
      ledger.settle(id, charge(60));
      for (let i = 0; i < 10_001; i += 1) ledger.release(hold(0).id, 'other');
      ledger.entries({ limit: 1 });
      hold(3);
      store.fault = 'lost reply';
      endTurn();

      ledger.settle(id, charge(60));
      ledger.settle(id, charge(75));
      expect(ledger.totals()).toMatchObject({ settled: 60 });
      store.fault = 'append';
      clock.advance(100);
      store.fault = 'none';
      clock.advance(200);

      expect(ledger.totals()).toMatchObject({ settled: 75 });
      expect(alarms).toEqual([{ kind: 'conflicting_charge', holdId: id, before: 60, after: 75 }]);
    });

    it('leaves free requests unrecorded beyond a bound, unless they turn out to cost', () => {
      const { hold, endTurn, clock, ledger, log } = books;
      store.fault = 'append';
      hold(1);
      endTurn();
      for (let i = 0; i < 50_000; i += 1) ledger.release(hold(0).id, 'x');
      const { tries } = store;
      const [done, gone, lost, costly] = [hold(0), hold(0), hold(0), hold(0)];
      expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
      clock.advance(50);

      ledger.settle(done.id, charge(0));
      ledger.settle(done.id, charge(0));
      ledger.release(gone.id, 'x');
      ledger.suspend(lost.id, 'x');
      ledger.settle(costly.id, charge(5));
      expect(ledger.totals()).toMatchObject({ settled: 5, excess: 5, openHolds: 0 });
      expect(store.tries).toBe(tries);

      store.fault = 'none';
      clock.advance(50);
      while (kinds().flat().length < 100_002) endTurn();
      expect(store.entriesOfHold(done.id)).toEqual([]);
      expect(store.entriesOfHold(costly.id)).toHaveLength(2);
    });

    it('does not stop housekeeping for good', () => {
      const { hold, endTurn, ledger, log } = books;
      ledger.suspend(hold(100).id, 'timeout');
      endTurn();
      ledger.openPeriod(monthOf('2026-12-05T00:00:00Z'));
      const suspendedHolds = store.suspendedHolds.bind(store);
      const oddity: unknown = 'not even an error';
      store.suspendedHolds = () => {
        throw oddity;
      };
      endTurn();
      expect(log.lines.at(-1)).toMatchObject({
        level: 'warn',
        fields: { error: { message: 'not even an error' } },
      });
      store.suspendedHolds = suspendedHolds;
      ledger.release(hold(1).id, 'x');
      endTurn();
      endTurn();

      expect(ledger.totalsOf('2026-11')).toMatchObject({ suspense: 0, settled: 100 });
    });
  });
});
