import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CUT_AT_HOLD, type AuditReport, type Charge } from '../../src/core/ledger.ts';
import { roundUpToNano, toPico } from '../../src/core/money.ts';
import type { Price } from '../../src/core/prices.ts';
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import type { LedgerStore } from '../../src/ledger/store.ts';
import { verifyStore } from '../../src/ledger/verify-store.ts';
import { costOf } from '../../src/metering/cost.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { priceOf } from '../support/kept-price.ts';
import { monthOf, testLedger } from '../support/test-ledger.ts';

const OLD_FILE = path.join(import.meta.dirname, 'fixtures/format-1.sql');
const OPEN_TO_TAMPERING = `PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;
  DROP TRIGGER entry_is_never_changed; DROP TRIGGER entry_is_never_deleted;
  DROP TRIGGER price_is_never_changed; DROP TRIGGER price_is_never_deleted;`;

const PRICE = priceOf();
const USAGE: TokenUsage = { ...NO_USAGE, input: 101, cachedInput: 7, output: 13, reasoning: 3 };

function charged(usage: TokenUsage, price: Price = PRICE): Charge {
  const exact = costOf(price, usage);
  return {
    amount: roundUpToNano(exact),
    exactPico: exact.toString(),
    basis: 'provider',
    usage,
  };
}

describe('recomputing charges', () => {
  let folder: string;
  let file: string;
  let store: FaultyStore;
  let books: ReturnType<typeof testLedger>;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-recompute-'));
    file = path.join(folder, 'ledger.db');
    store = new FaultyStore(openStore(file));
    books = testLedger(store);
  });

  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });

  function hold(amount: number, price = PRICE): string {
    return books.hold(amount, { price }).id;
  }

  function tamper(sql: string): void {
    const shell = new DatabaseSync(file);
    shell.exec(`${OPEN_TO_TAMPERING} ${sql}`);
    shell.close();
  }

  function verified(from: LedgerStore = store): readonly AuditReport[] {
    books.ledger.entries({ limit: 1 });
    return verifyStore(from, 5, costOf);
  }

  /** The first month, of which every test here is. */
  function november(): AuditReport {
    const [report] = verified();
    return report!;
  }

  /** Charges of every basis: by the provider, metered, metered up to the hold, assumed, reported, adjusted, resolved. */
  function tellStory(): void {
    const { ledger } = books;
    const metered: Charge = { ...charged(USAGE), basis: 'metered' };
    const whole = { amount: 9000, exactPico: toPico(9000).toString() };
    ledger.settle(hold(90_000), charged(USAGE)); // entries 1, 2
    ledger.settle(hold(90_000), metered, CUT_AT_HOLD); // 3, 4
    ledger.settle(hold(9000), { ...metered, ...whole }, CUT_AT_HOLD); // 5, 6
    ledger.settle(hold(9000), { ...charged(USAGE), ...whole, basis: 'assumed' }); // 7, 8
    ledger.settle(hold(90_000), charged({ ...USAGE, reportedCostUsd: '0.0001234567891' })); // 9, 10
    const late = hold(90_000); // 11
    ledger.suspend(late, 'timeout'); // 12
    ledger.settle(late, charged({ ...USAGE, output: 14 })); // 13
    ledger.settle(late, charged({ ...USAGE, output: 15 })); // 14
    ledger.settle(late, charged({ ...USAGE, output: 11 })); // 15
    ledger.release(hold(90_000), 'never sent'); // 16, 17
  }
  const EXACT = 101n * 150_001n - 7n * (150_001n - 75_003n) + 10n * 600_017n + 3n * 600_019n;

  it('finds each charge to be what its usage and price make it', () => {
    tellStory();

    expect(november()).toMatchObject({
      drift: 0,
      problems: [],
      recomputation: { recomputed: 8, notRecomputable: 0, mismatches: [] },
    });
  });

  it('is part of what a running ledger verifies, where it is given the arithmetic', () => {
    tellStory();
    expect(books.ledger.verify()[0]).not.toHaveProperty('recomputation');
    books.endTurn();

    const checking = testLedger(store, books.clock, 100, { costOf });

    expect(checking.ledger.verify()[0]).toMatchObject({ recomputation: { recomputed: 8 } });
  });

  it('names the charge that was changed by a nano-dollar, what it should be and what it is', () => {
    tellStory();
    november();
    tamper('UPDATE entry SET settled_change = settled_change + 1 WHERE seq = 2');

    const { drift, recomputation } = november();

    expect(drift).toBe(1);
    const found = Number((EXACT + 999n) / 1000n);
    expect(recomputation?.mismatches).toEqual([
      {
        seq: 2,
        kind: 'charge',
        requestId: 'req-1',
        what: 'charge',
        expectedUsd: `0.${String(found).padStart(9, '0')}`,
        foundUsd: `0.${String(found + 1).padStart(9, '0')}`,
      },
    ]);
  });

  it.each<[string, string, readonly (readonly [number, string])[]]>([
    [
      'an exact cost and its charge that were changed together',
      "UPDATE entry SET settled_change = settled_change + 1, exact_pico = exact_pico + 1000 || '' WHERE seq = 2",
      [
        [2, 'exact cost'],
        [2, 'charge'],
      ],
    ],
    [
      'an exact cost below a nano-dollar',
      "UPDATE entry SET exact_pico = exact_pico - 1 || '' WHERE seq = 2",
      [[2, 'exact cost']],
    ],
    [
      'an exact cost that is no number, or gone',
      "UPDATE entry SET exact_pico = 'much' WHERE seq = 2; UPDATE entry SET exact_pico = NULL WHERE seq = 4",
      [
        [2, 'exact cost'],
        [4, 'exact cost'],
      ],
    ],
    [
      'one token more',
      `UPDATE entry SET usage = json_set(usage, '$.cacheWrite', 1) WHERE seq = 2`,
      [
        [2, 'exact cost'],
        [2, 'charge'],
      ],
    ],
    [
      'another reported cost',
      `UPDATE entry SET usage = json_set(usage, '$.reportedCostUsd', '0.000123456789') WHERE seq = 10`,
      [[10, 'exact cost']],
    ],
    [
      'a metered charge that was not cut at the hold',
      "UPDATE entry SET basis = 'provider' WHERE seq = 6",
      [
        [6, 'exact cost'],
        [6, 'charge'],
      ],
    ],
    [
      'a metered charge that was cut and does not say so',
      'UPDATE entry SET note = NULL WHERE seq = 6',
      [
        [6, 'exact cost'],
        [6, 'charge'],
      ],
    ],
    [
      'an assumed charge of less than the hold',
      "UPDATE entry SET settled_change = 8000, exact_pico = '8000000' WHERE seq = 8",
      [
        [8, 'exact cost'],
        [8, 'charge'],
      ],
    ],
    [
      'an adjustment',
      `UPDATE entry SET usage = json_set(usage, '$.output', 16) WHERE seq = 14`,
      [
        [14, 'exact cost'],
        [14, 'charge'],
      ],
    ],
  ])('finds %s', (_what, sql, mismatches) => {
    tellStory();
    november();
    tamper(sql);

    const { recomputation } = november();

    expect(recomputation?.mismatches.map(({ seq, what }) => [seq, what])).toEqual(mismatches);
  });

  it.each([
    [
      'an adjustment that changes the excess by another amount',
      'UPDATE entry SET excess_change = excess_change + 1 WHERE seq = 15',
      ['entry 15 (adjust) changes balances by other amounts than its step does'],
    ],
    [
      'a charge that names no price any more',
      'UPDATE entry SET price_id = NULL WHERE seq = 2',
      ['entry 2 (charge) has another price than its hold'],
    ],
    [
      'a charge without its usage',
      'UPDATE entry SET usage = NULL WHERE seq = 2',
      ['entry 2 (charge) has no usage'],
    ],
    [
      'a price that is gone',
      'DELETE FROM price',
      [1, 3, 5, 7, 9, 11, 16].map(
        (seq) => `entry ${seq} (hold) refers to a price that is not kept`,
      ),
    ],
  ])('finds %s', (_what, sql, problems) => {
    tellStory();
    november();
    tamper(sql);

    expect(november().problems?.filter((text) => text.startsWith('entry'))).toEqual(problems);
  });

  it('finds rates that were changed, even where the charges were changed with them', () => {
    books.ledger.settle(hold(90_000), charged(USAGE));
    november();
    const { id } = books.ledger.prices()[0]!;
    const dearer = priceOf({ perRequest: 1000 });
    const { amount, exactPico } = charged(USAGE, dearer);
    tamper(`UPDATE price SET price = '${JSON.stringify(dearer)}';
      UPDATE entry SET settled_change = ${amount}, exact_pico = '${exactPico}' WHERE seq = 2`);

    expect(november()).toMatchObject({
      problems: [`entry 1 (hold) refers to the price ${id}, whose rates were changed`],
      recomputation: { recomputed: 1, mismatches: [] },
    });
  });

  it('recomputes month by month, and finds a paid hold of a month that was over', () => {
    books.ledger.settle(hold(90_000), charged(USAGE));
    books.ledger.openPeriod(monthOf('2026-12-01T00:00:00Z'));
    books.ledger.settle(hold(90_000), charged(USAGE));
    hold(0);
    november();
    tamper(`UPDATE entry SET month = '2026-11' WHERE seq IN (3, 4, 5);
      UPDATE entry SET month = '2026-12' WHERE seq IN (1, 2)`);

    const reports = verified();

    expect(reports.map(({ recomputation }) => recomputation?.recomputed)).toEqual([1, 1]);
    expect(reports[0]?.problems?.filter((text) => text.startsWith('entry'))).toEqual([
      'entry 3 (hold) is of a month that was over',
    ]);
  });

  it('recomputes the late charge of a hold that was taken back, but for what the lost hold would tell', () => {
    const { ledger, clock, endTurn } = books;
    const metered: Charge = { ...charged(USAGE), basis: 'metered' };
    const assumed: Charge = { ...charged(USAGE), basis: 'assumed' };
    store.fault = 'append';
    const lost = [hold(90_000), hold(90_000), hold(90_000), hold(90_000)] as const;
    endTurn();
    ledger.settle(lost[0], charged(USAGE));
    ledger.settle(lost[1], metered);
    ledger.settle(lost[2], assumed);
    ledger.settle(lost[3], metered, CUT_AT_HOLD);
    store.fault = 'none';
    clock.advance(100);
    ledger.settle(lost[0], charged({ ...USAGE, output: 14 }));

    expect(november()).toMatchObject({
      drift: 0,
      problems: [],
      recomputation: { recomputed: 3, notRecomputable: 2, mismatches: [] },
    });
  });

  it('recomputes a charge for a free hold that was in suspense', () => {
    const id = hold(0);
    books.ledger.suspend(id, 'timeout');
    books.ledger.settle(id, charged(USAGE));

    expect(november()).toMatchObject({
      problems: [],
      recomputation: { recomputed: 1, mismatches: [] },
    });
  });

  it('does not name more charges than can be read', () => {
    for (let i = 0; i < 10_001; i += 1) {
      books.ledger.settle(hold(90_000), charged(USAGE));
      if (i % 1000 === 0) books.endTurn();
    }
    november();
    tamper("UPDATE entry SET usage = json_set(usage, '$.input', 102) WHERE kind = 'charge'");

    expect(november().recomputation?.mismatches).toHaveLength(10_000);
  });

  it('takes no fault in charges from before prices were kept', () => {
    const old = path.join(folder, 'old.db');
    const shell = new DatabaseSync(old);
    shell.exec(readFileSync(OLD_FILE, 'utf8'));
    shell.close();
    const opened = openStore(old);

    expect(verified(opened)).toMatchObject([
      {
        drift: 0,
        problems: [],
        recomputation: { recomputed: 1, notRecomputable: 1, mismatches: [] },
      },
    ]);
    opened.close();
  });
});
