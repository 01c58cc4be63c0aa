/** Verification: every entry read again, and every rule of the ledger checked on it. */
import type { LedgerEntry, MonthTotals } from '../core/ledger.ts';
import { addEntry, Sums } from './balance.ts';
import { endedHoldOf, isExact } from './hold-history.ts';
import type { Checkpoint, LedgerStore } from './store.ts';

const MAX_PROBLEMS = 100;

/** The result of reading every entry. */
export interface Verification {
  readonly fromEntries: readonly MonthTotals[];
  readonly entriesByMonth: ReadonlyMap<string, number>;
  readonly problemsByMonth: ReadonlyMap<string, readonly string[]>;
}

interface LiveHold {
  readonly amount: number;
  readonly month: string;
  readonly isSuspended: boolean;
}

/**
 * Checks entries one after the other, with memory for the holds in flight only: `seq` without a gap, time that never
 * goes back, each hold ended at most once and in its own month, each change of the size that its step makes, each charge
 * equal to its exact cost rounded up.
 */
class EntryChecker {
  readonly #store: LedgerStore;
  readonly #startSeq: number;
  readonly #sums: Sums;
  readonly #counts = new Map<string, number>();
  readonly #problems = new Map<string, string[]>();
  readonly #live = new Map<string, LiveHold>();
  #lastSeq: number;
  #lastAtMs = 0;

  constructor(store: LedgerStore, start: Checkpoint) {
    this.#store = store;
    this.#startSeq = start.seq;
    this.#lastSeq = start.seq;
    this.#sums = new Sums(start.months);
  }

  check(entry: LedgerEntry): void {
    const { seq, atMs, month } = entry;
    if (seq !== this.#lastSeq + 1) this.#report(entry, `comes after ${this.#lastSeq}`);
    if (atMs < this.#lastAtMs) this.#report(entry, 'is older than the one before it');
    this.#lastSeq = seq;
    this.#lastAtMs = atMs;
    this.#counts.set(month, (this.#counts.get(month) ?? 0) + 1);
    addEntry(this.#sums.of(month), entry);
    if (entry.kind === 'hold') this.#checkHold(entry);
    else this.#checkStep(entry);
  }

  result(): Verification {
    return {
      fromEntries: this.#sums.list(),
      entriesByMonth: this.#counts,
      problemsByMonth: this.#problems,
    };
  }

  #report({ seq, kind, month }: LedgerEntry, fault: string): void {
    const problems = this.#problems.get(month) ?? [];
    if (problems.length < MAX_PROBLEMS) problems.push(`entry ${seq} (${kind}) ${fault}`);
    this.#problems.set(month, problems);
  }

  #checkHold(entry: LedgerEntry): void {
    const { holdId, heldChange: amount, month } = entry;
    if (this.#live.has(holdId)) this.#report(entry, 'holds for a hold that is open already');
    if (amount < 0) this.#report(entry, 'holds less than nothing');
    this.#checkChanges(entry, amount, 0, 0, 0);
    this.#live.set(holdId, { amount, month, isSuspended: false });
  }

  #checkStep(entry: LedgerEntry): void {
    const live = this.#live.get(entry.holdId);
    if (live === undefined) this.#checkLateStep(entry);
    else this.#checkLiveStep(entry, live);
  }

  #checkLiveStep(entry: LedgerEntry, { amount, month, isSuspended }: LiveHold): void {
    const { kind, holdId, settledChange } = entry;
    if (entry.month !== month) this.#report(entry, `is not in the month of its hold, ${month}`);
    const endsSuspense = kind === 'resolve';
    if (kind === 'adjust' || endsSuspense !== isSuspended) {
      this.#report(
        entry,
        isSuspended ? 'ends a hold a second time' : 'comes before the end of its hold',
      );
    }
    this.#live.delete(holdId);
    if (kind === 'void') this.#checkChanges(entry, 0 - amount, 0, 0, 0);
    else if (kind === 'suspend') {
      this.#checkChanges(entry, 0 - amount, amount, 0, 0);
      // Nothing is at stake in a suspense of 0, and a free backend may make very many of them.
      if (amount > 0) this.#live.set(holdId, { amount, month, isSuspended: true });
    } else if (kind !== 'adjust') {
      const excess = Math.max(0, settledChange - amount);
      const [held, suspense] = endsSuspense ? [0, 0 - amount] : [0 - amount, 0];
      this.#checkChanges(entry, held, suspense, settledChange, excess);
      this.#checkExact(entry, settledChange);
    }
  }

  /** A step of a hold that is not in flight any more: a suspense of 0 that was resolved, or an adjustment. */
  #checkLateStep(entry: LedgerEntry): void {
    const history = this.#store.entriesOfHold(entry.holdId);
    const before = endedHoldOf(history.filter(({ seq }) => seq < entry.seq));
    if (before === undefined) {
      // A hold that was taken back leaves no entry; one that is no longer kept can not be asked for.
      if (entry.kind !== 'adjust' && this.#startSeq === 0) this.#report(entry, 'has no hold');
      return;
    }
    if (before.hold.month !== entry.month) {
      this.#report(entry, `is not in the month of its hold, ${before.hold.month}`);
    }
    if (entry.kind === 'adjust') this.#checkExact(entry, before.charged + entry.settledChange);
    else if (entry.kind === 'resolve' && before.state === 'suspended') {
      this.#checkExact(entry, entry.settledChange);
    } else this.#report(entry, 'ends a hold a second time');
  }

  #checkChanges(
    entry: LedgerEntry,
    held: number,
    suspense: number,
    settled: number,
    excess: number,
  ): void {
    const isRight =
      entry.heldChange === held &&
      entry.suspenseChange === suspense &&
      entry.settledChange === settled &&
      entry.excessChange === excess;
    if (!isRight) this.#report(entry, 'changes balances by other amounts than its step does');
  }

  #checkExact(entry: LedgerEntry, charged: number): void {
    if (entry.exactPico === null || !isExact(charged, entry.exactPico)) {
      this.#report(entry, 'charges another amount than its exact cost rounded up');
    }
  }
}

/** Reads every entry that the store keeps. */
export function verifyEntries(store: LedgerStore): Verification {
  const checker = new EntryChecker(store, store.forgotten());
  for (const entry of store.scan()) checker.check(entry);
  return checker.result();
}

/** Differences in what the audit's drift does not cover. */
export function otherDifferences(fromEntries: MonthTotals, stored: MonthTotals): readonly string[] {
  const problems: string[] = [];
  if (fromEntries.excess !== stored.excess) {
    problems.push(
      `the balance has an excess of ${stored.excess}, the entries ${fromEntries.excess}`,
    );
  }
  if (fromEntries.openHolds !== stored.openHolds) {
    problems.push(
      `the balance has ${stored.openHolds} open holds, the entries ${fromEntries.openHolds}`,
    );
  }
  return problems;
}
