import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openStore } from '../../src/ledger/open-store.ts';
import { verifyStore } from '../../src/ledger/verify-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { charge, monthOf, testLedger } from '../support/test-ledger.ts';

const NOT_OWNED = 'DROP TRIGGER entry_is_never_changed; DROP TRIGGER entry_is_never_deleted;';

describe('auditing', () => {
  let folder: string;
  let file: string;
  let store: FaultyStore;
  let books: ReturnType<typeof testLedger>;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-audit-'));
    file = path.join(folder, 'ledger.db');
    store = new FaultyStore(openStore(file));
    books = testLedger(store);
  });

  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });

  function tamper(sql: string): void {
    books.ledger.entries({ limit: 1 });
    const shell = new DatabaseSync(file);
    shell.exec(`PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; ${sql}`);
    shell.close();
  }

  /** One charged, one adjusted, one void, one resolved, one in suspense and one open hold. */
  function tellStory(): void {
    const { ledger, hold } = books;
    const [a, b, c, d, e] = [hold(100), hold(200), hold(300), hold(400), hold(500)] as const;
    hold(600);
    ledger.settle(a.id, charge(60));
    ledger.settle(b.id, charge(250));
    ledger.settle(b.id, charge(270));
    ledger.release(c.id, 'x');
    ledger.suspend(d.id, 'timeout');
    ledger.settle(d.id, charge(420));
    ledger.suspend(e.id, 'timeout');
    const free = hold(0);
    ledger.suspend(free.id, 'timeout');
    ledger.settle(free.id, charge(7));
  }
  const STORY = { settled: 757, suspense: 500, held: 600, excess: 97, openHolds: 1 };

  describe('the current month', () => {
    it('compares entries, memory and the file, and reads only what is new', () => {
      tellStory();

      expect(books.ledger.audit()).toEqual({
        month: '2026-11',
        entriesChecked: 16,
        drift: 0,
        totals: { month: '2026-11', ...STORY },
        checkedAtMs: books.clock.now(),
      });
      expect(books.ledger.audit()).toMatchObject({ entriesChecked: 0, drift: 0 });
      books.hold(1);
      expect(books.ledger.audit()).toMatchObject({ entriesChecked: 1, totals: { held: 601 } });
    });

    it('never has much left to read', () => {
      for (let i = 0; i < 8000; i += 1) {
        books.ledger.release(books.hold(1).id, 'x');
        if (i % 100 === 0) books.endTurn();
      }

      expect(books.ledger.audit().entriesChecked).toBeLessThan(7000);
    });

    it('finds a balance that was tampered with in the file', () => {
      tellStory();
      tamper('UPDATE balance SET settled = settled - 50, held = held + 1');

      expect(books.ledger.audit()).toMatchObject({ drift: 51, totals: STORY });
    });

    it('finds entries that the ledger did not make', () => {
      tellStory();
      tamper(`INSERT INTO entry SELECT seq + 100, 'hold', at_ms, month, 40, 0, 0, 0, 'forged', 'r', 1, 'b', 'cloud', 'm',
        NULL, NULL, NULL, 'v', NULL, NULL, NULL FROM entry ORDER BY seq DESC LIMIT 1`);

      // Both the balance in the file and the one in memory lack it.
      expect(books.ledger.audit()).toMatchObject({ drift: 80 });
    });

    it('leaves other months alone', () => {
      tellStory();
      books.ledger.openPeriod(monthOf('2026-12-01T00:00:00Z'));
      tamper("UPDATE balance SET settled = settled - 50 WHERE month = '2026-11'");

      expect(books.ledger.audit()).toMatchObject({ month: '2026-12', drift: 0 });
      expect(books.ledger.verify().map(({ drift }) => drift)).toEqual([50, 0]);
    });
  });

  describe('everything', () => {
    it('finds nothing wrong in a true ledger, month by month', () => {
      tellStory();
      books.ledger.openPeriod(monthOf('2026-12-01T00:00:00Z'));
      books.hold(9);

      expect(books.ledger.verify()).toMatchObject([
        { month: '2026-11', entriesChecked: 16, drift: 0, totals: STORY, problems: [] },
        { month: '2026-12', entriesChecked: 1, drift: 0, totals: { held: 9 }, problems: [] },
      ]);
    });

    it('finds nothing wrong in a month without an entry', () => {
      expect(books.ledger.verify()).toMatchObject([{ entriesChecked: 0, drift: 0, problems: [] }]);
    });

    it.each([
      ['a missing entry', 'DELETE FROM entry WHERE seq = 7', ['entry 8 (charge) comes after 6']],
      [
        'a charge that is not its exact cost',
        "UPDATE entry SET exact_pico = '60001' WHERE seq = 7; UPDATE entry SET exact_pico = NULL WHERE seq = 12",
        [
          'entry 7 (charge) charges another amount than its exact cost rounded up',
          'entry 12 (resolve) charges another amount than its exact cost rounded up',
        ],
      ],
      [
        'an adjustment that is not its exact cost',
        "UPDATE entry SET exact_pico = '1' WHERE seq = 9",
        ['entry 9 (adjust) charges another amount than its exact cost rounded up'],
      ],
      [
        'a release of another amount than was held',
        'UPDATE entry SET held_change = -299 WHERE seq = 10',
        ['entry 10 (void) changes balances by other amounts than its step does'],
      ],
      [
        'a hold of less than nothing',
        "INSERT INTO entry SELECT 17, 'hold', at_ms, month, -1, 0, 0, 0, 'forged', 'r', 1, 'b', 'cloud', 'm', NULL, NULL, NULL, 'v', NULL, NULL, NULL FROM entry WHERE seq = 1",
        ['entry 17 (hold) holds less than nothing'],
      ],
      [
        'time that goes back',
        'UPDATE entry SET at_ms = at_ms - 1 WHERE seq = 8',
        ['entry 8 (charge) is older than the one before it'],
      ],
      [
        'an end without a beginning',
        "UPDATE entry SET hold_id = 'other' WHERE seq = 10",
        ['entry 10 (void) has no hold'],
      ],
      [
        'a second hold of the same name',
        "DROP INDEX entry_by_hold; UPDATE entry SET hold_id = 'hold-1' WHERE seq = 2",
        [
          'entry 2 (hold) holds for a hold that is open already',
          'entry 7 (charge) changes balances by other amounts than its step does',
          'entry 8 (charge) has no hold',
        ],
      ],
      [
        'a second end',
        "DROP INDEX entry_by_hold; UPDATE entry SET hold_id = 'hold-1' WHERE seq = 10; UPDATE entry SET hold_id = 'hold-5' WHERE seq = 12",
        [
          'entry 10 (void) ends a hold a second time',
          'entry 12 (resolve) comes before the end of its hold',
          'entry 12 (resolve) changes balances by other amounts than its step does',
          'entry 13 (suspend) ends a hold a second time',
        ],
      ],
      [
        'an end of a hold that is in suspense',
        "DROP INDEX entry_by_hold; UPDATE entry SET kind = 'void' WHERE seq = 12",
        [
          'entry 12 (void) ends a hold a second time',
          'entry 12 (void) changes balances by other amounts than its step does',
        ],
      ],
      [
        'an adjustment of a hold that is open',
        "UPDATE entry SET hold_id = 'hold-6' WHERE seq = 9",
        ['entry 9 (adjust) comes before the end of its hold'],
      ],
    ])('finds %s', (_what, sql, problems) => {
      tellStory();
      tamper(`${NOT_OWNED} ${sql}`);

      expect(
        books.ledger.verify()[0]?.problems?.filter((text) => text.startsWith('entry')),
      ).toEqual(problems);
    });

    it('finds a hold that ends in another month than its own', () => {
      tellStory();
      books.ledger.openPeriod(monthOf('2026-12-01T00:00:00Z'));
      tamper(`${NOT_OWNED} UPDATE entry SET month = '2026-12' WHERE seq IN (8, 9)`);

      expect(books.ledger.verify()[1]).toMatchObject({
        drift: 940,
        problems: [
          'entry 8 (charge) is not in the month of its hold, 2026-11',
          'entry 9 (adjust) is not in the month of its hold, 2026-11',
          'the balance has an excess of 0, the entries 70',
          'the balance has 0 open holds, the entries -1',
        ],
      });
    });

    it('does not list more faults than a person reads', () => {
      for (let i = 0; i < 120; i += 1) books.ledger.release(books.hold(1).id, 'x');
      tamper(`${NOT_OWNED} DELETE FROM entry WHERE kind = 'hold'`);

      expect(books.ledger.verify()[0]?.problems).toHaveLength(101);
    });

    it('accepts the late charge of a hold that was taken back', () => {
      const { hold, ledger, endTurn, clock } = books;
      store.fault = 'append';
      const { id } = hold(10);
      endTurn();
      ledger.settle(id, charge(4));
      store.fault = 'none';
      clock.advance(100);

      expect(ledger.entries({ limit: 5 })).toMatchObject([{ kind: 'adjust', settledChange: 4 }]);
      books.expectExact();
      const later = testLedger(openStore(':memory:'));
      expect(later.ledger.verify()).toHaveLength(1);
    });

    it('knows that charge again when only the store remembers it', () => {
      const { hold, ledger, endTurn, clock, alarms } = books;
      store.fault = 'append';
      const { id } = hold(10);
      endTurn();
      ledger.settle(id, charge(4));
      store.fault = 'none';
      clock.advance(100);
      for (let i = 0; i < 10_001; i += 1) ledger.release(hold(0).id, 'x');
      alarms.length = 0;

      ledger.settle(id, charge(4));

      expect(alarms).toEqual([]);
    });
  });

  describe('a file on which no gateway runs', () => {
    it('finds what is wrong, and changes nothing', () => {
      tellStory();
      books.ledger.openPeriod(monthOf('2026-12-01T00:00:00Z'));
      tamper('UPDATE balance SET settled = settled - 50, excess = excess + 1');

      expect(verifyStore(store, 5)).toEqual([
        {
          month: '2026-11',
          entriesChecked: 16,
          drift: 50,
          totals: { month: '2026-11', ...STORY, settled: 707, excess: 98 },
          checkedAtMs: 5,
          problems: ['the balance has an excess of 98, the entries 97'],
        },
        {
          month: '2026-12',
          entriesChecked: 0,
          drift: 50,
          totals: {
            month: '2026-12',
            settled: -50,
            suspense: 0,
            held: 0,
            excess: 1,
            openHolds: 0,
          },
          checkedAtMs: 5,
          problems: ['the balance has an excess of 1, the entries 0'],
        },
      ]);
      expect(store.load().openHolds).toHaveLength(1);
    });
  });

  it('works in memory although the oldest entries are not kept there', () => {
    const memory = openStore(':memory:');
    books = testLedger(memory);
    const early = books.hold(7);
    const lost = books.hold(3);
    books.ledger.suspend(lost.id, 'timeout');
    for (let i = 0; i < 30_000; i += 1) {
      books.ledger.settle(books.hold(2).id, charge(1));
      if (i % 500 === 0) books.endTurn();
    }
    books.ledger.settle(early.id, charge(7));
    books.ledger.settle(lost.id, charge(3));

    expect([...memory.scan()].length).toBeLessThan(50_000);
    expect(memory.forgotten().seq).toBeGreaterThan(10_000);
    expect(books.ledger.totals()).toMatchObject({ settled: 30_010, held: 0, suspense: 0 });
    books.expectExact();
    const after = testLedger(memory, books.clock, 100_000);
    expect(after.ledger.totals()).toMatchObject({ settled: 30_010 });
  });
});
