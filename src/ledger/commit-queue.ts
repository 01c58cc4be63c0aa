/**
 * The way of entries into the store: entries of one event-loop turn are stored together, and when the store fails,
 * nothing that was spent is lost.
 *
 * What happens when a batch can not be stored:
 * 1. Everybody who waits for durability is told, so none of the waiting holds is dispatched. `takeBack` names the entries
 *    of those holds; they leave the queue. All other entries (charges of what was dispatched earlier, free attempts)
 *    stay, in order, and newer ones line up behind them. `seq` is given at the moment of storing, so it has no gap.
 * 2. A store that throws may still have stored the batch (an error after the commit reached the disk, a lost reply).
 *    Its `lastSeq` tells. Before anything else is stored, that doubt is settled: an unstored batch is simply tried again
 *    with what came later; a stored one leaves the queue, and the holds that were taken back in memory get a `void`
 *    entry, so that the file and the memory tell the same story. No entry is ever stored twice.
 * 3. The store is tried again on the clock, with growing pauses. The first batch that is stored ends the failure.
 */
import { assert } from '../core/assert.ts';
import type { Clock } from '../core/clock.ts';
import { LedgerUnavailable, type KeptPrice } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import { asError } from './as-error.ts';
import { voidEntry, type PendingEntry } from './entries.ts';
import { holdOf } from './hold-history.ts';
import type { Checkpoint, LedgerStore, StoredPeriod } from './store.ts';

/** A backlog is stored in pieces of this size, so that the event loop is never held for long. */
const MAX_BATCH_ENTRIES = 2000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;

export interface CommitQueueOptions {
  readonly store: LedgerStore;
  readonly lastSeq: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs a function once, soon, after the work of this turn. */
  readonly scheduleFlush: (flush: () => void) => void;
  /** The same for entries that nobody waits for, which may share a commit with later ones; null: they wait for none. */
  readonly scheduleLater: ((flush: () => void) => void) | null;
  readonly seenAtMs: () => number;
  /** A checkpoint that should be stored with the next batch, or null. */
  readonly checkpoint: () => Checkpoint | null;
  /** Takes back the holds that nobody may dispatch any more, and says which entries they are. */
  readonly takeBack: (queued: readonly PendingEntry[]) => ReadonlySet<PendingEntry>;
  /** A batch was stored; `lastSeq` is that of its last entry. */
  readonly onStored: (lastSeq: number) => void;
}

interface Waiter {
  /** Number of entries ever queued when it began to wait. */
  readonly upTo: number;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: LedgerUnavailable) => void;
}

/** A batch of which it is not known whether it was stored. */
interface Doubt {
  readonly entries: readonly PendingEntry[];
  /** Its entries that have been taken back since. */
  readonly takenBack: Set<PendingEntry>;
}

interface Failure {
  readonly cause: unknown;
  retryMs: number;
  timer: unknown;
}

export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #lastSeq: number;
  #entries: PendingEntry[] = [];
  #periods: StoredPeriod[] = [];
  #prices: KeptPrice[] = [];
  #queuedEver = 0;
  #waiters: Waiter[] = [];
  #isScheduled = false;
  #isLaterScheduled = false;
  #failure: Failure | null = null;
  #doubt: Doubt | null = null;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
    this.#lastSeq = options.lastSeq;
  }

  /** Why nothing can be stored at present; null when all is well. */
  get failure(): LedgerUnavailable | null {
    return this.#failure === null ? null : unavailable(this.#failure.cause);
  }

  get isHealthy(): boolean {
    return this.#failure === null;
  }

  /** False while nobody can say whether the store has the batch that failed. */
  get isCertain(): boolean {
    return this.#doubt === null;
  }

  /** Entries that are not durable yet, oldest first. */
  get pending(): readonly PendingEntry[] {
    return this.#entries;
  }

  push(entry: PendingEntry): void {
    this.#entries.push(entry);
    this.#queuedEver += 1;
    const { scheduleLater } = this.#options;
    if (scheduleLater === null) this.#schedule();
    else this.#scheduleLater(scheduleLater);
  }

  pushPeriod(period: StoredPeriod): void {
    this.#periods.push(period);
    this.#schedule();
  }

  /** Stored with the next entries: the hold that is charged by it comes right behind. */
  pushPrice(price: KeptPrice): void {
    this.#prices.push(price);
  }

  /** Resolves when everything queued so far is durable. */
  committed(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(unavailable(this.#failure.cause));
    if (this.#entries.length === 0) return Promise.resolve();
    const last = this.#waiters.at(-1);
    if (last !== undefined && last.upTo === this.#queuedEver) return last.promise;
    const waiter = { upTo: this.#queuedEver, ...Promise.withResolvers<void>() };
    // Whoever awaits it is told. Somebody who does not must not bring the process down by an unhandled rejection.
    waiter.promise.catch(() => undefined);
    this.#waiters.push(waiter);
    this.#schedule();
    return waiter.promise;
  }

  /** Stores everything at once, in this very step, unless the store is failing. */
  flush(): void {
    while (this.#failure === null && this.#hasWork()) this.#storeNext();
  }

  /** One more try for a failing store, now; then stops trying for good. */
  finish(): void {
    if (this.#failure !== null) {
      this.#options.clock.clearTimeout(this.#failure.timer);
      this.#storeNext();
    }
    this.flush();
    if (this.#failure !== null) this.#options.clock.clearTimeout(this.#failure.timer);
  }

  #hasWork(): boolean {
    return this.#entries.length > 0 || this.#periods.length > 0;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#failure !== null) return;
    this.#isScheduled = true;
    this.#options.scheduleFlush(() => {
      this.#isScheduled = false;
      this.#storeScheduled();
    });
  }

  #scheduleLater(scheduleLater: (flush: () => void) => void): void {
    if (this.#isScheduled || this.#isLaterScheduled || this.#failure !== null) return;
    this.#isLaterScheduled = true;
    scheduleLater(() => {
      this.#isLaterScheduled = false;
      this.#storeScheduled();
    });
  }

  #storeScheduled(): void {
    if (this.#failure !== null || !this.#hasWork()) return;
    this.#storeNext();
    if (this.#hasWork()) this.#schedule();
  }

  #storeNext(): void {
    const { store, seenAtMs, checkpoint } = this.#options;
    try {
      this.#settleDoubt();
      const entries = this.#entries.slice(0, MAX_BATCH_ENTRIES);
      const periods = this.#periods.slice();
      const prices = this.#prices.slice();
      for (const [index, entry] of entries.entries()) entry.seq = this.#lastSeq + 1 + index;
      this.#doubt = { entries, takenBack: new Set() };
      store.append({ entries, periods, prices, checkpoint: checkpoint(), seenAtMs: seenAtMs() });
      this.#doubt = null;
      this.#lastSeq += entries.length;
      this.#entries = this.#entries.slice(entries.length);
      this.#periods = this.#periods.slice(periods.length);
      this.#prices = this.#prices.slice(prices.length);
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    this.#succeed();
  }

  #succeed(): void {
    if (this.#failure !== null) {
      this.#failure = null;
      this.#options.log.info('the ledger can store entries again', {
        waiting: this.#entries.length,
      });
    }
    const durable = this.#queuedEver - this.#entries.length;
    const isDurable = (waiter: Waiter): boolean => waiter.upTo <= durable;
    for (const waiter of this.#waiters.filter(isDurable)) waiter.resolve();
    this.#waiters = this.#waiters.filter((waiter) => !isDurable(waiter));
    this.#options.onStored(this.#lastSeq);
  }

  #fail(cause: unknown): void {
    const { clock, log, takeBack } = this.#options;
    const isNew = this.#failure === null;
    const retryMs = this.#failure === null ? FIRST_RETRY_MS : this.#failure.retryMs;
    const timer = clock.setTimeout(() => {
      this.#storeNext();
      if (this.#hasWork()) this.#schedule();
    }, retryMs);
    this.#failure = { cause, retryMs: Math.min(retryMs * 2, LAST_RETRY_MS), timer };
    const takenBack = takeBack(this.#entries);
    this.#entries = this.#entries.filter((entry) => !takenBack.has(entry));
    const doubt = this.#doubt;
    assert(doubt !== null, 'a batch that failed is in doubt');
    for (const entry of doubt.entries) if (takenBack.has(entry)) doubt.takenBack.add(entry);
    const reason = unavailable(cause);
    if (isNew) log.error('the ledger can not store entries', { error: reason });
    for (const waiter of this.#waiters) waiter.reject(reason);
    this.#waiters = [];
    try {
      this.#settleDoubt();
    } catch {
      // The store can not even be read. The doubt stays, and is settled before the next batch.
    }
  }

  /** Finds out whether the last batch was stored, and makes the queue fit the answer. Throws when it can not be told. */
  #settleDoubt(): void {
    if (this.#doubt === null) return;
    const { entries, takenBack } = this.#doubt;
    const stored = this.#options.store.lastSeq() - this.#lastSeq;
    if (stored !== 0) {
      if (stored !== entries.length) {
        throw new Error(`the store is ${stored} entries ahead: something else writes to it`);
      }
      this.#lastSeq += stored;
      const kept = this.#entries.slice(entries.length - takenBack.size);
      const atMs = Math.max(...entries.map((entry) => entry.atMs));
      const voids = Array.from(takenBack, (entry) =>
        voidEntry(holdOf(entry), atMs, 'never sent: the store failed'),
      );
      this.#queuedEver += voids.length;
      this.#entries = [...voids, ...kept];
    }
    this.#doubt = null;
  }
}

function unavailable(cause: unknown): LedgerUnavailable {
  return new LedgerUnavailable(
    `The ledger can not store entries: ${asError(cause).message}`,
    cause,
  );
}
