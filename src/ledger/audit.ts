/** Audits: balances recomputed from entries and compared with what the ledger goes by. */
import { LedgerUnavailable, type AuditReport, type MonthTotals } from '../core/ledger.ts';
import { asError } from './as-error.ts';
import { addEntry, differenceOf, sumOfMonths, totalsIn } from './balance.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Months } from './months.ts';
import type { CostOf } from './recompute.ts';
import type { Checkpoint, LedgerStore } from './store.ts';
import { otherDifferences, verifyEntries } from './verify.ts';

/** So many entries are read in one go: a few milliseconds, at an audit and at a start. */
const CHECKPOINT_EVERY = 5000;

/** Sums of all durable entries, brought up to date by reading only the new ones. */
export class AuditTrail {
  readonly #store: LedgerStore;
  #checkpoint: Checkpoint;
  /** `seq` of the checkpoint in the store, and of the one that is on its way there. */
  #storedSeq: number;
  #offeredSeq: number;

  constructor(store: LedgerStore, stored: Checkpoint) {
    this.#store = store;
    this.#checkpoint = stored;
    this.#storedSeq = stored.seq;
    this.#offeredSeq = stored.seq;
  }

  get months(): readonly MonthTotals[] {
    return this.#checkpoint.months;
  }

  /** Reads the entries since the last time; returns how many there were. */
  advance(): number {
    const since = this.#store.sumsAfter(this.#checkpoint.seq);
    const read = since.seq - this.#checkpoint.seq;
    if (read === 0) return 0;
    this.#checkpoint = {
      seq: since.seq,
      months: sumOfMonths(this.#checkpoint.months, since.months),
    };
    return read;
  }

  /** A batch was stored: keeps what is left to read small. */
  onStored(lastSeq: number): void {
    this.#storedSeq = this.#offeredSeq;
    if (lastSeq - this.#checkpoint.seq >= CHECKPOINT_EVERY) this.advance();
  }

  /** The checkpoint, when the one in the store is old. It only covers entries that are durable already. */
  toStore(): Checkpoint | null {
    if (this.#checkpoint.seq - this.#storedSeq < CHECKPOINT_EVERY) return null;
    this.#offeredSeq = this.#checkpoint.seq;
    return this.#checkpoint;
  }
}

export interface AuditorOptions {
  readonly store: LedgerStore;
  readonly queue: CommitQueue;
  readonly months: Months;
  readonly trail: AuditTrail;
  readonly now: () => number;
  /** Left out: charges are not recomputed from their evidence. */
  readonly costOf?: CostOf;
}

/** Compares what the entries say with what the ledger has in memory and with the balances beside the entries. */
export class Auditor {
  readonly #options: AuditorOptions;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** The current month, reading only what is new. */
  audit(): AuditReport {
    const { store, months, trail } = this.#options;
    return this.#read(() => {
      const entriesChecked = trail.advance();
      return this.#report(months.period.month, entriesChecked, trail.months, store.balances());
    });
  }

  /** All months, from all entries. */
  verify(): readonly AuditReport[] {
    const { store, months, costOf } = this.#options;
    return this.#read(() => {
      const { fromEntries, entriesByMonth, problemsByMonth, recomputationOf } = verifyEntries(
        store,
        costOf,
      );
      const stored = store.balances();
      return months.names.map((month) => ({
        ...this.#report(month, entriesByMonth.get(month) ?? 0, fromEntries, stored),
        problems: [
          ...(problemsByMonth.get(month) ?? []),
          ...otherDifferences(totalsIn(fromEntries, month), totalsIn(stored, month)),
        ],
        ...(recomputationOf !== null && { recomputation: recomputationOf(month) }),
      }));
    });
  }

  /** Everything is stored first, so that only a failing store leaves entries waiting. */
  #read<T>(read: () => T): T {
    const { queue } = this.#options;
    queue.flush();
    if (!queue.isCertain) throw new LedgerUnavailable('The last batch may be stored or not.');
    try {
      return read();
    } catch (error) {
      throw new LedgerUnavailable(`The ledger can not be read: ${asError(error).message}`, error);
    }
  }

  /** The totals of a report are those of the entries, stored and waiting: they are the truth. */
  #report(
    month: string,
    entriesChecked: number,
    fromEntries: readonly MonthTotals[],
    stored: readonly MonthTotals[],
  ): AuditReport {
    const { queue, months, now } = this.#options;
    const durable = totalsIn(fromEntries, month);
    const totals = { ...durable };
    for (const entry of queue.pending) if (entry.month === month) addEntry(totals, entry);
    const drift =
      differenceOf(durable, totalsIn(stored, month)) + differenceOf(totals, months.totalsOf(month));
    return { month, entriesChecked, drift, totals, checkedAtMs: now() };
  }
}
