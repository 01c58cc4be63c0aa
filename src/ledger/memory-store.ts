/**
 * A store that keeps nothing beyond the life of the process: for `:memory:` and for tests. It holds to the same rules as
 * the file, and its size is bounded: the oldest entries are folded into sums.
 */
import { assert } from '../core/assert.ts';
import type { EntryQuery, Hold, KeptPrice, LedgerEntry, MonthTotals } from '../core/ledger.ts';
import { addEntry, assertBalance, Sums } from './balance.ts';
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
  readonly #balances = new Sums();
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
    const opened = new Set(periods.map(({ period }) => period.month));
    const touched = new Set(entries.map(({ month }) => month));
    const balances = new Sums([...touched].flatMap((month) => this.#balances.peek(month) ?? []));
    const changed = new Map<string, Unresolved | null>();
    const priceIds = new Set(prices.map(({ id }) => id));
    for (const [index, entry] of entries.entries()) {
      const { priceId } = entry;
      const isKept = priceId === null || priceIds.has(priceId) || this.#prices.has(priceId);
      assert(isKept, `entry ${entry.seq} refers to a price that is not kept`);
      assert(entry.seq === this.lastSeq() + 1 + index, `entry ${entry.seq} leaves a gap`);
      assert(
        this.#periods.has(entry.month) || opened.has(entry.month),
        `entry ${entry.seq} is of a month that was never opened`,
      );
      addEntry(balances.of(entry.month), entry);
      this.#track(entry, changed);
    }
    const after = balances.list();
    for (const balance of after) assertBalance(balance);
    // Nothing is changed before this line, and nothing can fail after it.
    this.#balances.replace(after);
    for (const stored of periods) {
      this.#periods.set(stored.period.month, stored);
      this.#balances.of(stored.period.month);
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
    return this.#balances.list();
  }

  sumsAfter(seq: number): Checkpoint {
    return { seq: this.lastSeq(), months: sumOf(this.#entries.slice(seq - this.#forgotten.seq)) };
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

function sumOf(entries: readonly LedgerEntry[]): readonly MonthTotals[] {
  const sums = new Sums();
  for (const entry of entries) addEntry(sums.of(entry.month), entry);
  return sums.list();
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
