/**
 * A store that keeps nothing beyond the life of the process: for `:memory:` and for tests. It holds to the same rules as
 * the file, and its size is bounded: the oldest entries are folded into sums.
 */
import { assert } from '../core/assert.ts';
import type { EntryQuery, Hold, KeptPrice, LedgerEntry, MonthTotals } from '../core/ledger.ts';
import { addEntry, assertBalance, balanceFrom, Sums, type Balance } from './balance.ts';
import { holdOf } from './hold-history.ts';
import {
  EMPTY_CHECKPOINT,
  type Batch,
  type Checkpoint,
  type LedgerStore,
  type StoredPeriod,
  type StoreState,
} from './store.ts';

/** Between one and two times this many entries are kept: some 20 MB. More than the ledger ever leaves unaudited. */
const KEPT_ENTRIES = 25_000;

/** A hold without an outcome, and its entries: they are kept however old they are. */
interface Unresolved {
  readonly hold: Hold;
  readonly state: 'held' | 'suspended';
  readonly entries: readonly LedgerEntry[];
}

export class MemoryStore implements LedgerStore {
  #entries: LedgerEntry[] = [];
  /** Each is replaced and never changed: what was given out stays as it was, and need not be copied. */
  readonly #balances = new Map<string, MonthTotals>();
  #forgotten: Checkpoint = EMPTY_CHECKPOINT;
  #checkpoint: Checkpoint = EMPTY_CHECKPOINT;
  #seenAtMs = 0;
  readonly #periods = new Map<string, StoredPeriod>();
  readonly #prices = new Map<string, KeptPrice>();
  readonly #unresolved = new Map<string, Unresolved>();

  load(): StoreState {
    return {
      lastSeq: this.lastSeq(),
      seenAtMs: this.#seenAtMs,
      periods: [...this.#periods.values()],
      openHolds: this.#holdsIn('held'),
      checkpoint: this.#checkpoint,
    };
  }

  append({ entries, periods, prices, checkpoint, seenAtMs }: Batch): void {
    const balances = new Map<string, Balance>();
    const changed = new Map<string, Unresolved | null>();
    let seq = this.lastSeq();
    for (const entry of entries) {
      const { priceId, month } = entry;
      seq += 1;
      assert(entry.seq === seq, `entry ${entry.seq} leaves a gap`);
      assert(
        priceId === null || this.#prices.has(priceId) || prices.some(({ id }) => id === priceId),
        `entry ${seq} refers to a price that is not kept`,
      );
      assert(
        this.#periods.has(month) || periods.some(({ period }) => period.month === month),
        `entry ${seq} is of a month that was never opened`,
      );
      const balance = balances.get(month) ?? balanceFrom(month, this.#balances.get(month));
      addEntry(balance, entry);
      balances.set(month, balance);
      this.#track(entry, changed);
    }
    for (const balance of balances.values()) assertBalance(balance);
    // Nothing is changed before this line, and nothing can fail after it.
    for (const [month, balance] of balances) this.#balances.set(month, balance);
    for (const stored of periods) {
      const { month } = stored.period;
      this.#periods.set(month, stored);
      if (!this.#balances.has(month)) this.#balances.set(month, balanceFrom(month));
    }
    for (const price of prices) if (!this.#prices.has(price.id)) this.#prices.set(price.id, price);
    for (const [holdId, unresolved] of changed) {
      if (unresolved === null) this.#unresolved.delete(holdId);
      else this.#unresolved.set(holdId, unresolved);
    }
    this.#entries.push(...entries);
    this.#checkpoint = checkpoint ?? this.#checkpoint;
    this.#seenAtMs = Math.max(this.#seenAtMs, seenAtMs);
    if (this.#entries.length >= 2 * KEPT_ENTRIES) this.#forget(this.#entries.length - KEPT_ENTRIES);
  }

  lastSeq(): number {
    return this.#forgotten.seq + this.#entries.length;
  }

  prices(): readonly KeptPrice[] {
    return [...this.#prices.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  balances(): readonly MonthTotals[] {
    return [...this.#balances.values()];
  }

  sumsAfter(seq: number): Checkpoint {
    const sums = new Sums();
    for (let at = seq - this.#forgotten.seq; at < this.#entries.length; at += 1) {
      const entry = this.#entries[at];
      if (entry !== undefined) addEntry(sums.of(entry.month), entry);
    }
    return { seq: this.lastSeq(), months: sums.list() };
  }

  entries(query: EntryQuery): readonly LedgerEntry[] {
    const { afterSeq, beforeSeq = Number.POSITIVE_INFINITY, limit } = query;
    const ordered = afterSeq === undefined ? this.#entries.toReversed() : this.#entries;
    const found: LedgerEntry[] = [];
    for (const entry of ordered) {
      if (found.length === limit) break;
      if (entry.seq < beforeSeq && entry.seq > (afterSeq ?? 0) && matches(entry, query))
        found.push(entry);
    }
    return found;
  }

  entriesOfHold(holdId: string): readonly LedgerEntry[] {
    const unresolved = this.#unresolved.get(holdId);
    return unresolved?.entries ?? this.#entries.filter((entry) => entry.holdId === holdId);
  }

  suspendedHolds(month: string, limit: number): readonly Hold[] {
    return this.#holdsIn('suspended')
      .filter((hold) => hold.month === month)
      .slice(0, limit);
  }

  scan(): Iterable<LedgerEntry> {
    return this.#entries.values();
  }

  forgotten(): Checkpoint {
    return this.#forgotten;
  }

  close(): void {
    // There is nothing to give back.
  }

  #holdsIn(state: Unresolved['state']): readonly Hold[] {
    const found = Array.from(this.#unresolved.values()).filter((entry) => entry.state === state);
    return found.map(({ hold }) => hold);
  }

  /** Follows a hold from step to step: begun once, ended once. Nothing is at stake in a suspense of 0. */
  #track(entry: LedgerEntry, changed: Map<string, Unresolved | null>): void {
    const { seq, kind, holdId, suspenseChange } = entry;
    const now = changed.get(holdId);
    const before = now === undefined ? this.#unresolved.get(holdId) : now;
    if (kind === 'hold') {
      assert(!before, `entry ${seq} holds for a hold that is open already`);
      changed.set(holdId, { hold: holdOf(entry), state: 'held', entries: [entry] });
    } else if (kind === 'void' || kind === 'charge' || kind === 'suspend') {
      assert(before?.state === 'held', `entry ${seq} ends a hold that is not open`);
      const { hold, entries } = before;
      const stays = kind === 'suspend' && suspenseChange > 0;
      changed.set(
        holdId,
        stays ? { hold, state: 'suspended', entries: [...entries, entry] } : null,
      );
    } else if (kind === 'resolve') changed.set(holdId, null);
  }

  #forget(count: number): void {
    const sums = new Sums(this.#forgotten.months);
    for (const entry of this.#entries.slice(0, count)) addEntry(sums.of(entry.month), entry);
    this.#forgotten = { seq: this.#forgotten.seq + count, months: sums.list() };
    this.#entries = this.#entries.slice(count);
  }
}

function matches(entry: LedgerEntry, query: EntryQuery): boolean {
  const { month, kind, model, backend, requestId } = query;
  return (
    (month === undefined || entry.month === month) &&
    (kind === undefined || entry.kind === kind) &&
    (model === undefined || entry.model === model) &&
    (backend === undefined || entry.backend === backend) &&
    (requestId === undefined || entry.requestId === requestId)
  );
}
