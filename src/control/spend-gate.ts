import type { Clock } from '../core/clock.ts';
import type { MonthTotals } from '../core/ledger.ts';
import type { NanoUsd } from '../core/money.ts';

/** How long the chart may not know of totals that change nothing. */
const FLUSH_DELAY_MS = 100;

/** Spending within `[fromNano, belowNano)` of `month` leaves the budget chart in its state. */
interface GateRange {
  readonly month: string;
  readonly fromNano: NanoUsd;
  readonly belowNano: NanoUsd;
}

/**
 * Stands between the request path and the budget chart. An event through the chart costs microseconds, an integer
 * comparison nanoseconds; since the chart's guards are thresholds, the totals at which it would change are known. The
 * gate passes those on at once and holds all others back, so that the chart takes the same transition at the same
 * event as if it had seen each one.
 *
 * Whoever sends the chart any other event calls `flush` first, or held totals would land behind it.
 */
export class SpendGate {
  readonly #clock: Clock;
  readonly #pass: (totals: MonthTotals) => void;
  #range: GateRange | null = null;
  #held: MonthTotals | null = null;
  #timer: unknown = null;

  /** `pass` sends totals to the chart; the chart's answer comes back through `adopt` before it returns. */
  constructor(clock: Clock, pass: (totals: MonthTotals) => void) {
    this.#clock = clock;
    this.#pass = pass;
  }

  /** The chart changed, and with it the range of totals that are no news; null while there is no living chart. */
  adopt(range: GateRange | null): void {
    this.#range = range;
  }

  totalsChanged(totals: MonthTotals): void {
    const range = this.#range;
    if (range === null || totals.month !== range.month) return;
    this.#held = totals;
    const spending = totals.settled + totals.suspense;
    if (spending >= range.belowNano || spending < range.fromNano) this.flush();
    else this.#timer ??= this.#clock.setTimeout(() => this.flush(), FLUSH_DELAY_MS);
  }

  /** Passes on what is held. Synchronous. */
  flush(): void {
    if (this.#timer !== null) {
      this.#clock.clearTimeout(this.#timer);
      this.#timer = null;
    }
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#pass(held);
  }
}
