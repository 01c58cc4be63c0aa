/** Verification: every entry read again, and every rule of the ledger checked on it. */
import type { LedgerEntry, MonthTotals, Recomputation } from '../core/ledger.ts';
import { addEntry, Sums } from './balance.ts';
import { excessOfAdjustment } from './entries.ts';
import { endedHoldOf, isExact } from './hold-history.ts';
import { Recomputer, type CostOf } from './recompute.ts';
import type { Checkpoint, LedgerStore } from './store.ts';

const MAX_PROBLEMS = 100;

/** The result of reading every entry. */
export interface Verification {
  readonly fromEntries: readonly MonthTotals[];
  readonly entriesByMonth: ReadonlyMap<string, number>;
  readonly problemsByMonth: ReadonlyMap<string, readonly string[]>;
  /** Null where no arithmetic was given. */
  readonly recomputationOf: ((month: string) => Recomputation) | null;
}

interface LiveHold {
  readonly amount: number;
  readonly month: string;
  readonly priceId: string | null;
  readonly isSuspended: boolean;
}

/**
 * Checks entries one after the other, with memory for the holds in flight only: `seq` without a gap, time that never
 * goes back, no month that comes again, each hold ended at most once and in its own month, each change of the size that
 * its step makes, each charge equal to its exact cost rounded up and, where the arithmetic is given, to what its usage
 * and price make it.
 */
class EntryChecker {
  readonly #store: LedgerStore;
  readonly #startSeq: number;
  readonly #sums: Sums;
  readonly #counts = new Map<string, number>();
  readonly #problems = new Map<string, string[]>();
  readonly #live = new Map<string, LiveHold>();
  readonly #recomputer: Recomputer | null;
  #lastMonth = '';
  #lastSeq: number;
  #lastAtMs = 0;

  constructor(store: LedgerStore, start: Checkpoint, costOf: CostOf | undefined) {
    this.#store = store;
    this.#startSeq = start.seq;
    this.#lastSeq = start.seq;
    this.#sums = new Sums(start.months);
    this.#recomputer = costOf === undefined ? null : new Recomputer(costOf, store.prices());
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
    const recomputer = this.#recomputer;
    return {
      recomputationOf: recomputer === null ? null : (month) => recomputer.resultOf(month),
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
    // A free hold that had to wait for the store may be written down after its month.
    if (amount > 0 && month < this.#lastMonth) this.#report(entry, 'is of a month that was over');
    if (month > this.#lastMonth) this.#lastMonth = month;
    this.#checkChanges(entry, amount, 0, 0, 0);
    const fault = this.#recomputer?.faultOfPrice(entry) ?? null;
    if (fault !== null) this.#report(entry, fault);
    this.#live.set(holdId, { amount, month, priceId: entry.priceId, isSuspended: false });
  }

  #checkStep(entry: LedgerEntry): void {
    const live = this.#live.get(entry.holdId);
    if (live === undefined) this.#checkLateStep(entry);
    else this.#checkLiveStep(entry, live);
  }

  #checkLiveStep(entry: LedgerEntry, live: LiveHold): void {
    const { kind, holdId, settledChange } = entry;
    const { amount, isSuspended } = live;
    this.#checkHoldOf(entry, live);
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
      if (amount > 0) this.#live.set(holdId, { ...live, isSuspended: true });
    } else if (kind !== 'adjust') {
      const excess = Math.max(0, settledChange - amount);
      const [held, suspense] = endsSuspense ? [0, 0 - amount] : [0 - amount, 0];
      this.#checkChanges(entry, held, suspense, settledChange, excess);
      this.#checkCharge(entry, settledChange, amount);
    }
  }

  /** What every step has from its hold. */
  #checkHoldOf(entry: LedgerEntry, hold: Pick<LiveHold, 'month' | 'priceId'>): void {
    if (entry.month !== hold.month)
      this.#report(entry, `is not in the month of its hold, ${hold.month}`);
    if (entry.priceId !== hold.priceId) this.#report(entry, 'has another price than its hold');
  }

  /** A step of a hold that is not in flight any more: a suspense of 0 that was resolved, or an adjustment. */
  #checkLateStep(entry: LedgerEntry): void {
    const { kind, settledChange } = entry;
    const history = this.#store.entriesOfHold(entry.holdId);
    const before = endedHoldOf(history.filter(({ seq }) => seq < entry.seq));
    if (before === undefined) {
      // A hold that was taken back leaves no entry; one that is no longer kept can not be asked for.
      if (this.#startSeq > 0) return;
      if (kind === 'adjust') this.#checkCharge(entry, settledChange, null);
      else this.#report(entry, 'has no hold');
      return;
    }
    this.#checkHoldOf(entry, before.hold);
    const held = history[0]?.kind === 'hold' ? before.hold.amount : null;
    if (kind === 'adjust') {
      this.#checkChanges(entry, 0, 0, settledChange, excessOfAdjustment(settledChange, before));
      this.#checkCharge(entry, before.charged + settledChange, held);
    } else if (kind === 'resolve' && before.state === 'suspended') {
      this.#checkCharge(entry, settledChange, held);
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

  #checkCharge(entry: LedgerEntry, charged: number, held: number | null): void {
    if (this.#recomputer?.check({ entry, charged, held }) === true) return;
    if (entry.basis !== 'assumed' && entry.usage === null) this.#report(entry, 'has no usage');
    if (entry.exactPico === null || !isExact(charged, entry.exactPico)) {
      this.#report(entry, 'charges another amount than its exact cost rounded up');
    }
  }
}

/** Reads every entry that the store keeps. */
export function verifyEntries(store: LedgerStore, costOf?: CostOf): Verification {
  const checker = new EntryChecker(store, store.forgotten(), costOf);
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
