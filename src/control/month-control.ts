import type { BillingCycle, BillingPeriod } from '../core/billing-period.ts';
import { periodsFrom } from '../core/billing-period.ts';
import type { Clock } from '../core/clock.ts';
import type { ChildCare, MonthClockRef } from './actors.ts';

/** How many months ahead the chart knows. */
const CALENDAR_MONTHS = 24;
/** The wall clock may be set ahead while nothing happens; it is looked at this often at least. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;
/** The pause before a turn that failed is tried again without traffic. */
const RETRY_WAIT_MS = 60 * 1000;

interface MonthControlOptions {
  readonly clock: Clock;
  readonly cycle: BillingCycle;
  readonly initialPeriod: BillingPeriod;
  /** Opens the books of a new month. When it throws, the month is not turned, and tried again at the next look. */
  readonly openMonth: (from: BillingPeriod, to: BillingPeriod) => void;
  /** A turn that was due by the clock alone failed. */
  readonly onFailure: (error: unknown) => void;
}

/** Feeds the month clock with time and carries out, one by one and in order, the turns that it announces. */
export class MonthControl implements ChildCare<MonthClockRef> {
  readonly #options: MonthControlOptions;
  /** Announced by the chart, not yet carried out. */
  readonly #due: BillingPeriod[] = [];
  #period: BillingPeriod;
  #ref: MonthClockRef | null = null;
  #timer: unknown = null;
  #isTurning = false;

  constructor(options: MonthControlOptions) {
    this.#options = options;
    this.#period = options.initialPeriod;
  }

  /** The chart starts at the beginning of its month, so that the next tick of any time is news to it. */
  readonly input = (): unknown => {
    const period = this.#due.at(-1) ?? this.#period;
    const upcoming = periodsFrom(period.endsAtMs, CALENDAR_MONTHS, this.#options.cycle);
    return { nowMs: period.startsAtMs, period, upcoming };
  };

  readonly up = (ref: MonthClockRef): void => {
    this.#ref = ref;
    ref.on('month turned', ({ period }) => this.#due.push(period));
    ref.on('calendar is running out', ({ fromMs }) =>
      ref.send({
        type: 'calendar extended',
        upcoming: periodsFrom(fromMs, CALENDAR_MONTHS, this.#options.cycle),
      }),
    );
  };

  readonly down = (): void => {
    this.#ref = null;
  };

  period(): BillingPeriod {
    return this.#period;
  }

  /** One integer comparison, unless a month has ended: then it is turned before this returns. Throws what `openMonth` throws. */
  noticeTime(nowMs: number): void {
    if (nowMs < this.#period.endsAtMs || this.#isTurning) return;
    this.#isTurning = true;
    try {
      this.#ref?.send({ type: 'clock.ticked', nowMs });
      for (let next = this.#due[0]; next; next = this.#due[0]) {
        this.#options.openMonth(this.#period, next);
        this.#period = next;
        this.#due.shift();
      }
    } finally {
      this.#isTurning = false;
    }
  }

  /** Turns the month also when there is no traffic. */
  arm(): void {
    const { clock, onFailure } = this.#options;
    const remainingMs = this.#period.endsAtMs - clock.now();
    const waitMs = remainingMs > 0 ? Math.min(remainingMs, LONGEST_WAIT_MS) : RETRY_WAIT_MS;
    this.#timer = clock.setTimeout(() => {
      try {
        this.noticeTime(clock.now());
      } catch (error) {
        onFailure(error);
      }
      this.arm();
    }, waitMs);
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }
}
