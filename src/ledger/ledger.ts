/**
 * The ledger: what is free, what is held, what is spent, and every step between them as an entry.
 *
 * The balances in memory decide; each change of them is an entry that is stored with the others of its event-loop turn.
 * No time and no chance are hidden in here: the clock, the ids, the moment of a commit and the storage are given, so
 * that a simulator can drive exactly this code through every fault and find the same history twice.
 */
import { assert } from '../core/assert.ts';
import type { BillingPeriod } from '../core/billing-period.ts';
import type { Clock } from '../core/clock.ts';
import {
  LedgerUnavailable,
  type AuditReport,
  type Charge,
  type EntryQuery,
  type HoldRequest,
  type KeptPrice,
  type LedgerAdmin,
  type LedgerEntry,
  type MonthTotals,
  type ReserveResult,
} from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import { nanoUsd, type NanoUsd } from '../core/money.ts';
import { asError } from './as-error.ts';
import { Auditor, AuditTrail } from './audit.ts';
import { CommitQueue } from './commit-queue.ts';
import { isExact } from './hold-history.ts';
import { Holds, type LedgerAlarm } from './holds.ts';
import { KeptPrices } from './kept-prices.ts';
import { Months } from './months.ts';
import type { CostOf } from './recompute.ts';
import type { LedgerStore, StoreState } from './store.ts';

/** Suspended holds of an ended month that are charged in one batch. */
const CLOSE_PAGE = 500;

export interface LedgerOptions {
  /** Belongs to the ledger once it is open: `close` closes it. */
  readonly store: LedgerStore;
  readonly clock: Clock;
  /** The billing period of now. One earlier than the last that was stored is not taken. */
  readonly period: BillingPeriod;
  /** A new id for a hold, never the same twice. Ids that grow with time keep the file's index small and fast. */
  readonly newId: () => string;
  readonly log: Log;
  /** The arithmetic of costs, for `verify`. Left out: it does not recompute charges. */
  readonly costOf?: CostOf;
  /** Runs a function once the present turn of the event loop is done. Left out: `setImmediate`. */
  readonly scheduleFlush?: (flush: () => void) => void;
  /**
   * The same for entries that nobody waits for: charges, above all. Each commit costs an fsync, and a charge that a crash
   * takes leaves its hold in suspense, which counts as spending. Left out: as `scheduleFlush`.
   */
  readonly scheduleLater?: (flush: () => void) => void;
  readonly onAlarm?: (alarm: LedgerAlarm) => void;
}

interface Enforcement {
  readonly limit: NanoUsd;
  /** False: nothing is refused. */
  readonly enforce: boolean;
}

/** The ledger as its owner runs it. */
export interface OpenLedger extends LedgerAdmin {
  /**
   * Turns to a later month: its balances count from now on. Open holds stay in theirs. An earlier month changes nothing.
   * Returns the totals of the month that is current then.
   */
  openPeriod(period: BillingPeriod): MonthTotals;
  /** Null: no budget. Applies from the next `reserve` on. */
  setBudget(budget: Enforcement | null): void;
  /** Calls the listener after every change of the current month's totals; returns how to stop that. */
  onTotals(listener: (totals: MonthTotals) => void): () => void;
  /** False while entries can not be stored. */
  isHealthy(): boolean;
  /**
   * Carries holds that are still open as suspense, stores everything and closes the store. Rejects with
   * `LedgerUnavailable` when entries had to be given up; the holds that they would have ended are in suspense at the
   * next start.
   */
  close(): Promise<void>;
}

/**
 * Opens the ledger over a store: balances are summed from the entries, and every hold that a crash left open counts as
 * suspense from here on. Throws `LedgerUnavailable` when that can not be stored; the store is then still the caller's.
 */
export function openLedger(options: LedgerOptions): OpenLedger {
  const state = options.store.load();
  const ledger = new StoredLedger(options, state);
  ledger.recover(state);
  return ledger;
}

class StoredLedger implements OpenLedger {
  readonly #options: LedgerOptions;
  readonly #store: LedgerStore;
  readonly #queue: CommitQueue;
  readonly #trail: AuditTrail;
  readonly #auditor: Auditor;
  readonly #months: Months;
  readonly #holds: Holds;
  readonly #prices = new KeptPrices((price) => this.#queue.pushPrice(price));
  #budget: Enforcement | null = null;
  #seenAtMs: number;
  #isClosed = false;

  constructor(options: LedgerOptions, state: StoreState) {
    const { store, clock, log, scheduleFlush = setImmediate } = options;
    this.#options = options;
    this.#store = store;
    this.#seenAtMs = state.seenAtMs;
    this.#trail = new AuditTrail(store, state.checkpoint);
    this.#trail.advance();
    this.#months = new Months({
      periods: state.periods,
      balances: this.#trail.months,
      firstPeriod: options.period,
      onListenerError: (error) => {
        log.error('a listener for the totals threw', { error: asError(error) });
      },
    });
    this.#queue = new CommitQueue({
      store,
      lastSeq: state.lastSeq,
      clock,
      log,
      scheduleFlush,
      scheduleLater: options.scheduleLater ?? null,
      seenAtMs: () => this.#now(),
      checkpoint: () => this.#trail.toStore(),
      takeBack: (queued) => this.#holds.takeBack(queued),
      onStored: (lastSeq) => this.#keepHouse(lastSeq),
    });
    this.#holds = new Holds({
      now: () => this.#now(),
      log,
      onAlarm: (alarm) => this.#raise(alarm),
      apply: (entry) => this.#months.apply(entry),
      push: (entry) => this.#queue.push(entry),
      pending: () => this.#queue.pending,
      historyOf: (holdId) => this.#historyOf(holdId),
    });
    this.#auditor = new Auditor({
      store,
      queue: this.#queue,
      months: this.#months,
      trail: this.#trail,
      now: () => this.#now(),
      ...(options.costOf && { costOf: options.costOf }),
    });
  }

  /** What a crash left open becomes suspense, in its own month. */
  recover({ openHolds }: StoreState): void {
    this.openPeriod(this.#options.period);
    this.#holds.adopt(openHolds);
    this.#holds.suspendAll('crash recovery');
    const isClean = this.#months.list().every((balance) => balance.openHolds === 0);
    assert(isClean, 'the open holds in the store do not agree with its entries');
    this.#queue.flush();
    if (this.#queue.isHealthy) return;
    this.#queue.finish();
    if (this.#queue.failure !== null) throw this.#queue.failure;
  }

  reserve(request: HoldRequest): ReserveResult {
    const amount = nanoUsd(request.amount);
    assert(amount >= 0, `a hold of ${amount} nano-dollars`);
    if (this.#isClosed) throw new LedgerUnavailable('The ledger is closed.');
    if (amount > 0) {
      if (!this.#queue.isHealthy) return { kind: 'unavailable' };
      const free = this.#free();
      if (amount > free) {
        const fitsWhenIdle = amount <= free + this.#months.current.held;
        return { kind: 'refused', headroom: Math.max(0, free), fitsWhenIdle };
      }
    }
    const id = this.#options.newId();
    const { month } = this.#months.period;
    const { price, route = null } = request;
    const priceId = price === undefined ? null : this.#prices.idOf(price);
    const hold = {
      id,
      requestId: request.requestId,
      attempt: request.attempt,
      route,
      backend: request.backend,
      backendKind: request.backendKind,
      model: request.model,
      amount,
      priceVersion: request.priceVersion,
      priceId,
      month,
      heldAtMs: this.#now(),
    };
    this.#holds.begin(hold);
    return { kind: 'held', hold };
  }

  committed(): Promise<void> {
    return this.#queue.committed();
  }

  settle(holdId: string, charge: Charge, note?: string): void {
    const { amount, exactPico } = charge;
    assert(
      isExact(amount, exactPico),
      `a charge of ${amount} nano-dollars for an exact cost of ${exactPico} pico-dollars`,
    );
    if (this.#isStillOpen('charge', holdId)) this.#holds.settle(holdId, charge, note);
  }

  release(holdId: string, note: string): void {
    if (this.#isStillOpen('release', holdId)) this.#holds.release(holdId, note);
  }

  suspend(holdId: string, note: string): void {
    if (this.#isStillOpen('suspense', holdId)) this.#holds.suspend(holdId, note);
  }

  headroom(): NanoUsd | null {
    const free = this.#free();
    return free === Number.POSITIVE_INFINITY ? null : Math.max(0, free);
  }

  totals(): MonthTotals {
    return { ...this.#months.current };
  }

  period(): BillingPeriod {
    return this.#months.period;
  }

  openPeriod(period: BillingPeriod): MonthTotals {
    const { month } = this.#months.period;
    if (period.month < month) {
      this.#options.log.warn('the clock shows an earlier month, which is never opened again', {
        month,
        shown: period.month,
      });
      return this.totals();
    }
    const toStore = this.#months.turnTo(period);
    if (toStore !== null) this.#queue.pushPeriod({ period: toStore, isClosed: false });
    return this.totals();
  }

  setBudget(budget: Enforcement | null): void {
    this.#budget = budget;
  }

  onTotals(listener: (totals: MonthTotals) => void): () => void {
    return this.#months.onTotals(listener);
  }

  isHealthy(): boolean {
    return this.#queue.isHealthy;
  }

  entries(query: EntryQuery): readonly LedgerEntry[] {
    assert(query.limit >= 1 && query.limit <= 1000, `a limit of ${query.limit} entries`);
    this.#queue.flush();
    return this.#store.entries(query);
  }

  totalsOf(month: string): MonthTotals {
    return this.#months.totalsOf(month);
  }

  months(): readonly string[] {
    return [...this.#months.names];
  }

  prices(): readonly KeptPrice[] {
    this.#queue.flush();
    return this.#store.prices();
  }

  audit(): AuditReport {
    return this.#auditor.audit();
  }

  verify(): readonly AuditReport[] {
    return this.#auditor.verify();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#holds.bookLateCharges();
    this.#holds.suspendAll('shutdown');
    this.#isClosed = true;
    this.#queue.finish();
    const { failure, pending } = this.#queue;
    this.#store.close();
    const lost = pending.length + this.#holds.lateCharges;
    if (lost > 0)
      this.#options.log.error('the ledger closes with entries that it could not store', { lost });
    if (failure !== null) throw failure;
  }

  /** Time never goes back, not even over restarts: entries are in the order of their times. */
  #now(): number {
    this.#seenAtMs = Math.max(this.#seenAtMs, Math.trunc(this.#options.clock.now()));
    return this.#seenAtMs;
  }

  /** Free money of the current month: negative after an excess or a lowered limit, infinite when nothing is enforced. */
  #free(): number {
    if (this.#budget === null || !this.#budget.enforce) return Number.POSITIVE_INFINITY;
    const { settled, suspense, held } = this.#months.current;
    return this.#budget.limit - settled - suspense - held;
  }

  #isStillOpen(what: string, holdId: string): boolean {
    if (this.#isClosed) {
      this.#options.log.warn('the ledger is closed; the hold stays in suspense', { what, holdId });
    }
    return !this.#isClosed;
  }

  #raise(alarm: LedgerAlarm): void {
    this.#options.log.error('a charge does not fit its hold', { ...alarm });
    this.#options.onAlarm?.(alarm);
  }

  #historyOf(holdId: string): readonly LedgerEntry[] {
    if (!this.#queue.isCertain) throw new LedgerUnavailable('The last batch may be stored or not.');
    const waiting = this.#queue.pending.filter((entry) => entry.holdId === holdId);
    return [...this.#store.entriesOfHold(holdId), ...waiting];
  }

  /** What is done after every batch. The store may fail here as anywhere; all of it is tried again after the next one. */
  #keepHouse(lastSeq: number): void {
    try {
      this.#trail.onStored(lastSeq);
      this.#holds.bookLateCharges();
      if (this.#queue.pending.length === 0) this.#closeOldMonths();
    } catch (error) {
      this.#options.log.warn('the ledger could not be read', { error: asError(error) });
    }
  }

  /**
   * A month is closed when no hold of it is open: what is in suspense then is taken for spent. Its total stays the same;
   * a later truth becomes an adjustment, in that month.
   */
  #closeOldMonths(): void {
    for (const period of this.#months.closable()) {
      const suspended = this.#store.suspendedHolds(period.month, CLOSE_PAGE);
      for (const hold of suspended) this.#holds.assume(hold);
      if (suspended.length > 0) continue;
      this.#months.markClosed(period.month);
      this.#queue.pushPeriod({ period, isClosed: true });
    }
  }
}
