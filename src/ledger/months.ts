/** The billing months and their balances in memory. */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { LedgerEntry, MonthTotals } from '../core/ledger.ts';
import { addEntry, assertBalance, Sums, type Balance } from './balance.ts';
import type { StoredPeriod } from './store.ts';

type TotalsListener = (totals: MonthTotals) => void;

export interface MonthsStart {
  /** Oldest first. */
  readonly periods: readonly StoredPeriod[];
  readonly balances: readonly MonthTotals[];
  /** Used where no period was ever stored. */
  readonly firstPeriod: BillingPeriod;
  /** A listener threw. It must not, but the books go on. */
  readonly onListenerError: (error: unknown) => void;
}

export class Months {
  readonly #balances: Sums;
  readonly #names: string[];
  /** Past months that are not closed yet: a hold of theirs may be open or in suspense. */
  readonly #unclosed = new Map<string, BillingPeriod>();
  readonly #listeners = new Set<TotalsListener>();
  readonly #onListenerError: (error: unknown) => void;
  #period: BillingPeriod;
  #current: Balance;

  constructor({ periods, balances, firstPeriod, onListenerError }: MonthsStart) {
    this.#balances = new Sums(balances);
    this.#names = periods.map(({ period }) => period.month);
    for (const { period, isClosed } of periods.slice(0, -1)) {
      if (!isClosed) this.#unclosed.set(period.month, period);
    }
    this.#period = periods.at(-1)?.period ?? firstPeriod;
    this.#current = this.#balances.of(this.#period.month);
    this.#onListenerError = onListenerError;
  }

  get period(): BillingPeriod {
    return this.#period;
  }

  /** The current month's balance itself; only `apply` changes it. */
  get current(): MonthTotals {
    return this.#current;
  }

  /** Every month that was ever opened, oldest first. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Balances of all months, as copies. */
  list(): readonly MonthTotals[] {
    return this.#balances.list();
  }

  totalsOf(month: string): MonthTotals {
    return { ...this.#balances.of(month) };
  }

  /** Makes an entry count, in its own month. Listeners hear of the current month only. */
  apply(entry: LedgerEntry): void {
    const balance = this.#balances.of(entry.month);
    addEntry(balance, entry);
    assertBalance(balance);
    if (balance === this.#current) this.#announce();
  }

  /**
   * Turns to the same or a later month; the holds of the old one stay in it. Returns the period when it has to be
   * stored: a new one, or the present one with other bounds (the billing day or the zone was changed).
   */
  turnTo(period: BillingPeriod): BillingPeriod | null {
    const last = this.#period;
    const isStored = this.#names.at(-1) === period.month;
    this.#period = period;
    if (period.month !== last.month) {
      this.#unclosed.set(last.month, last);
      this.#current = this.#balances.of(period.month);
      this.#announce();
    }
    if (!isStored) this.#names.push(period.month);
    const isSame = period.startsAtMs === last.startsAtMs && period.endsAtMs === last.endsAtMs;
    return isStored && isSame ? null : period;
  }

  /** Past months in which no hold is open any more. */
  closable(): readonly BillingPeriod[] {
    return Array.from(this.#unclosed.values()).filter(
      ({ month }) => this.#balances.of(month).openHolds === 0,
    );
  }

  markClosed(month: string): void {
    this.#unclosed.delete(month);
  }

  onTotals(listener: TotalsListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #announce(): void {
    if (this.#listeners.size === 0) return;
    const totals = { ...this.#current };
    for (const listener of this.#listeners) {
      try {
        listener(totals);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}
