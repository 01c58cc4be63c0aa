/**
 * Where entries are kept, as a port. A store knows nothing of budgets: it keeps entries, appends batches atomically, and
 * answers questions about what it has. One conformance suite runs against every store.
 *
 * How a fleet fits later. A store is the journal of one incarnation (one life of one process), and it stays that when
 * several processes share a budget. Beside it comes a second port, the authority, with the calls HELLO, ASK, REPORT,
 * CLOSE and AUDIT. Every number in its messages is cumulative for the lease of this incarnation and only grows (granted,
 * spent, returned; merged by max), so that messages may be lost, repeated or reordered. `spent` is what the balances
 * here already are: settled plus suspense, as sums over all entries. Admission then compares `spent + held + amount`
 * with `granted - returned` where it now compares with the limit, in the same synchronous step, and `reserve` gets one
 * more answer beside `held`, `refused` and `unavailable`: "ask the authority first". The holds in the file become
 * accuracy (attribution, giving credit back), because the lease itself is then the durable hold.
 */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { EntryQuery, Hold, KeptPrice, LedgerEntry, MonthTotals } from '../core/ledger.ts';

export interface StoredPeriod {
  readonly period: BillingPeriod;
  /** No hold of it is open and none is in suspense: only adjustments can still come. */
  readonly isClosed: boolean;
}

/** Sums of the entries from the first up to `seq`, by month. */
export interface Checkpoint {
  /** 0 when it covers nothing. */
  readonly seq: number;
  readonly months: readonly MonthTotals[];
}

/** Everything that is stored together or not at all. */
export interface Batch {
  /** In order, `seq` without a gap after the last stored one. May be empty. */
  readonly entries: readonly LedgerEntry[];
  /** New or changed periods; they are stored before the entries. */
  readonly periods: readonly StoredPeriod[];
  /** Prices that entries from here on refer to, stored before them. One that is kept already stays as it is. */
  readonly prices: readonly KeptPrice[];
  /** A newer audited checkpoint, now and then. */
  readonly checkpoint: Checkpoint | null;
  /** The latest time that was seen, Unix milliseconds. Always written, so that an empty batch proves a writable store. */
  readonly seenAtMs: number;
}

/** What a ledger needs to know when it starts. */
export interface StoreState {
  readonly lastSeq: number;
  /** 0 when nothing was ever stored. */
  readonly seenAtMs: number;
  /** By month, oldest first. */
  readonly periods: readonly StoredPeriod[];
  /** Holds without an end: of a process that did not stop in good order. */
  readonly openHolds: readonly Hold[];
  readonly checkpoint: Checkpoint;
}

export interface LedgerStore {
  load(): StoreState;
  /**
   * Stores a batch atomically and durably, and moves the balances in the same transaction. Throws when that is not
   * certain; `lastSeq` then tells whether it happened.
   */
  append(batch: Batch): void;
  /** `seq` of the last durable entry, 0 for none. */
  lastSeq(): number;
  /** Every price that was kept, in the order of their ids. */
  prices(): readonly KeptPrice[];
  /** The balances that are kept beside the entries, one for each period. */
  balances(): readonly MonthTotals[];
  /** Sums of the entries after `seq`; the result's own `seq` is that of the last entry. */
  sumsAfter(seq: number): Checkpoint;
  entries(query: EntryQuery): readonly LedgerEntry[];
  /** All entries of one hold, oldest first. */
  entriesOfHold(holdId: string): readonly LedgerEntry[];
  /** Holds of a month that are in suspense, oldest first, at most `limit`. */
  suspendedHolds(month: string, limit: number): readonly Hold[];
  /** Every entry that is kept, oldest first, one by one. */
  scan(): Iterable<LedgerEntry>;
  /** Sums of entries that are no longer kept. A file keeps them all. */
  forgotten(): Checkpoint;
  close(): void;
}

/** Nothing summed yet. */
export const EMPTY_CHECKPOINT: Checkpoint = { seq: 0, months: [] };
