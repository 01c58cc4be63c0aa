/** Balances as sums of entries: the arithmetic that the ledger, the memory store and the audit share. */
import { assert } from '../core/assert.ts';
import type { EntryKind, LedgerEntry, MonthTotals } from '../core/ledger.ts';
import { nanoUsd } from '../core/money.ts';

export type Balance = { -readonly [K in keyof MonthTotals]: MonthTotals[K] };

/** What an entry adds to the number of open holds. */
const OPEN_HOLD_CHANGE: Readonly<Record<EntryKind, number>> = {
  hold: 1,
  void: -1,
  charge: -1,
  suspend: -1,
  resolve: 0,
  adjust: 0,
};

function emptyBalance(month: string): Balance {
  return { month, settled: 0, suspense: 0, held: 0, excess: 0, openHolds: 0 };
}

/** A balance of its own that starts from totals, or from zeros. */
export function balanceFrom(month: string, totals?: MonthTotals): Balance {
  return totals === undefined ? emptyBalance(month) : { ...totals };
}

/** Adds what an entry changes. A sum over a part of the entries may be negative; a balance may not. */
export function addEntry(sum: Balance, entry: LedgerEntry): void {
  sum.settled = nanoUsd(sum.settled + entry.settledChange);
  sum.suspense = nanoUsd(sum.suspense + entry.suspenseChange);
  sum.held = nanoUsd(sum.held + entry.heldChange);
  sum.excess = nanoUsd(sum.excess + entry.excessChange);
  sum.openHolds += OPEN_HOLD_CHANGE[entry.kind];
}

/** Adds one sum to another of the same month. */
function addTotals(sum: Balance, more: MonthTotals): void {
  sum.settled = nanoUsd(sum.settled + more.settled);
  sum.suspense = nanoUsd(sum.suspense + more.suspense);
  sum.held = nanoUsd(sum.held + more.held);
  sum.excess = nanoUsd(sum.excess + more.excess);
  sum.openHolds += more.openHolds;
}

/** Money is never owed to a month: each balance is a sum of amounts that were put there before they were taken out. */
export function assertBalance(balance: MonthTotals): void {
  const least = Math.min(
    balance.settled,
    balance.suspense,
    balance.held,
    balance.excess,
    balance.openHolds,
  );
  assert(least >= 0, `the balance of ${balance.month} is below zero`);
  assert(
    balance.openHolds > 0 || balance.held === 0,
    `${balance.month} holds money but has no open hold`,
  );
}

/** The sums of a month in a list, or zeros. */
export function totalsIn(months: readonly MonthTotals[], month: string): MonthTotals {
  // Mostly one of the latest is asked for.
  return months.findLast((totals) => totals.month === month) ?? emptyBalance(month);
}

/** Money by which two views of a month differ: over held, suspense and settled. */
export function differenceOf(a: MonthTotals, b: MonthTotals): number {
  return (
    Math.abs(a.held - b.held) + Math.abs(a.suspense - b.suspense) + Math.abs(a.settled - b.settled)
  );
}

/** A mutable set of sums by month. */
export class Sums {
  readonly #byMonth = new Map<string, Balance>();

  constructor(months: readonly MonthTotals[] = []) {
    for (const totals of months) this.#byMonth.set(totals.month, { ...totals });
  }

  /** The sum of a month, made when it is missing. */
  of(month: string): Balance {
    let sum = this.#byMonth.get(month);
    if (sum === undefined) {
      sum = emptyBalance(month);
      this.#byMonth.set(month, sum);
    }
    return sum;
  }

  /** Copies, so that what was given out never changes. */
  list(): readonly MonthTotals[] {
    return Array.from(this.#byMonth.values(), (sum) => ({ ...sum }));
  }
}

/** A checkpoint's months with the sums of later entries added: few months change, and the others need no copy. */
export function sumOfMonths(
  earlier: readonly MonthTotals[],
  later: readonly MonthTotals[],
): readonly MonthTotals[] {
  const sums = [...earlier];
  for (const totals of later) {
    const at = sums.findLastIndex(({ month }) => month === totals.month);
    const sum = balanceFrom(totals.month, sums[at]);
    addTotals(sum, totals);
    if (at === -1) sums.push(sum);
    else sums[at] = sum;
  }
  return sums;
}
