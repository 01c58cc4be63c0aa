/** Which shares of the limit the spending of a month has reached. */
import type { MonthTotals } from '../core/ledger.ts';
import type { NanoUsd } from '../core/money.ts';

/** A percentage is taken to a millionth, so that its share can be computed in whole numbers. */
const PERCENT_PARTS = 1_000_000;
const NONE: readonly number[] = [];

function shareOf(limit: NanoUsd, percent: number): NanoUsd {
  const parts = BigInt(Math.round(percent * PERCENT_PARTS));
  const whole = 100n * BigInt(PERCENT_PARTS);
  return Number((BigInt(limit) * parts + whole - 1n) / whole);
}

/** Settled plus suspense. */
function spendingOf({ settled, suspense }: MonthTotals): NanoUsd {
  return settled + suspense;
}

/** Says each threshold once in a month. What lies below the first totals that it sees counts as said. */
export class ThresholdWatch {
  readonly #percents: readonly number[];
  readonly #told = new Set<number>();
  #totals: MonthTotals;
  #limit: NanoUsd;
  /** The smallest spending at which there is something to say. */
  #next = Number.POSITIVE_INFINITY;

  /** `percents`: of the limit, in any order. */
  constructor(percents: readonly number[], limit: NanoUsd, totals: MonthTotals) {
    this.#percents = percents.toSorted((a, b) => a - b);
    this.#totals = totals;
    this.#limit = limit;
    this.#aim();
    this.#reached();
  }

  /** The thresholds that are reached now and were not before. An integer comparison, nearly always. */
  totalsChanged(totals: MonthTotals): readonly number[] {
    const isNewMonth = totals.month !== this.#totals.month;
    this.#totals = totals;
    if (isNewMonth) {
      this.#told.clear();
      this.#aim();
    }
    return spendingOf(totals) < this.#next ? NONE : this.#reached();
  }

  /** The same for another limit: what was said in this month stays said. */
  limitChanged(limit: NanoUsd): readonly number[] {
    this.#limit = limit;
    this.#aim();
    return this.#reached();
  }

  #reached(): readonly number[] {
    const spending = spendingOf(this.#totals);
    const reached = this.#percents.filter(
      (percent) => !this.#told.has(percent) && spending >= shareOf(this.#limit, percent),
    );
    for (const percent of reached) this.#told.add(percent);
    this.#aim();
    return reached;
  }

  #aim(): void {
    const waiting = this.#percents.find((percent) => !this.#told.has(percent));
    this.#next = waiting === undefined ? Number.POSITIVE_INFINITY : shareOf(this.#limit, waiting);
  }
}
