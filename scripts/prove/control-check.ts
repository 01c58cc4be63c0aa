/** The rules of status and months: the charts say what the totals say, and each month is turned exactly once. */
import type { BillingPeriod } from '../../src/core/billing-period.ts';
import type { ControlEvent, ControlPlane } from '../../src/core/control.ts';
import type { Posture } from '../../src/core/policy.ts';
import type { OpenLedger } from '../../src/ledger/ledger.ts';
import { monthAt, type Calendar, type Month } from './calendar.ts';
import type { Books } from './books.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import { StatusModel, type Limits } from './status-model.ts';
import type { Verdict } from './verdict.ts';

export interface ControlCheckOptions {
  readonly verdict: Verdict;
  readonly calendar: Calendar;
  /**
   * Restarts change the billing day, so that months may end early or late: then it is only known that none is opened
   * again and none outlives its end.
   */
  readonly hasOtherDays: boolean;
  readonly books: Books;
  readonly disk: SimulatedDisk;
}

function nextMonth(name: string): string {
  const [year = 0, month = 0] = name.split('-').map(Number);
  return new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 7);
}

/** The eyes on one process. */
export class ControlCheck {
  /** The month in which money is counted now. */
  month: string;
  months = 0;
  readonly #options: ControlCheckOptions;
  readonly #ledger: OpenLedger;
  readonly #model: StatusModel;
  #control: ControlPlane | null = null;
  /** The month that the clock showed last. */
  #shown: Month;
  #limits: Limits;
  #softSeen = 0;
  #hardSeen = 0;
  /** The month that was announced last. */
  #announced: string;

  /** The books are those that the process found. */
  constructor(options: ControlCheckOptions, ledger: OpenLedger, limits: Limits, nowMs: number) {
    const { calendar, disk, verdict, books, hasOtherDays } = options;
    this.#options = options;
    this.#ledger = ledger;
    this.#limits = limits;
    this.#shown = monthAt(nowMs, calendar);
    const { name } = this.#shown;
    const { month } = ledger.period();
    const least = name > disk.latestMonth ? name : disk.latestMonth;
    this.month = hasOtherDays && month > least ? month : least;
    this.#announced = this.month;
    verdict.check(month === this.month, () => `began in ${month}, which is ${this.month}`);
    this.#model = new StatusModel(limits, books.spendingIn(this.month));
  }

  watch(control: ControlPlane): void {
    this.#control = control;
  }

  get limits(): Limits {
    return this.#limits;
  }

  /** What the status leaves. */
  get posture(): Posture {
    const { status } = this.#model;
    if (status === 'Normal') return 'open';
    if (status === 'SoftLimit' || this.#limits.action === 'warn') return 'preferLocal';
    return this.#limits.action === 'block_all' ? 'closed' : 'localOnly';
  }

  /** Money of the current month that is neither spent nor set aside; null when nothing is enforced. */
  get free(): number | null {
    const { action, limit } = this.#limits;
    return action === 'warn' ? null : limit - this.#options.books.committedIn(this.month);
  }

  spendingChanged(): void {
    this.#model.spent(this.#options.books.spendingIn(this.month));
  }

  limitsChanged(limits: Limits): void {
    this.#limits = limits;
    this.#model.limitsChanged(limits);
  }

  nothingFits(): void {
    const { held } = this.#options.books.month(this.month);
    this.#options.verdict.check(
      held === 0,
      () => `nothing is said to fit while ${held} is held in ${this.month}`,
    );
    this.#model.nothingFits();
  }

  /** The request path looked at the clock: the month must be the one that it shows, or a later one. */
  lookedAtClock(nowMs: number): void {
    const { endsAtMs } = this.#ledger.period();
    this.#options.verdict.check(
      nowMs < endsAtMs,
      () => `${this.month} ended at ${new Date(endsAtMs).toISOString()} and was not turned`,
    );
    if (this.#options.hasOtherDays) return;
    if (nowMs < this.#shown.startsAtMs || nowMs >= this.#shown.endsAtMs)
      this.#shown = monthAt(nowMs, this.#options.calendar);
    this.#options.verdict.check(
      this.#shown.name <= this.month,
      () => `it is ${this.#shown.name}, and ${this.month} was not turned`,
    );
  }

  monthOpened({ month, startsAtMs }: BillingPeriod, nowMs: number): void {
    const { verdict, books, calendar, hasOtherDays } = this.#options;
    verdict.note('month', month);
    const isRight = hasOtherDays
      ? month >= this.month
      : month > this.month && monthAt(startsAtMs, calendar).name === month;
    verdict.check(
      isRight && startsAtMs <= nowMs,
      () => `${month} is opened after ${this.month} at ${new Date(nowMs).toISOString()}`,
    );
    if (month !== this.month) this.months += 1;
    this.month = month;
    this.#model.monthTurned(books.spendingIn(month));
  }

  told(event: ControlEvent): void {
    const { verdict, disk, books } = this.#options;
    if (event.kind === 'month_rollover') {
      const { from, to, finalSpending } = event;
      verdict.check(
        from === this.#announced && to === nextMonth(from),
        () => `the turn from ${from} to ${to} is announced after ${this.#announced}`,
      );
      verdict.check(
        finalSpending === books.spendingIn(from),
        () => `${from} is said to end with ${finalSpending}, not ${books.spendingIn(from)}`,
      );
      this.#announced = to;
    } else if (event.kind === 'soft_limit_reached') this.#softSeen += 1;
    else if (event.kind === 'hard_limit_reached') this.#hardSeen += 1;
    else if (event.kind === 'reconciled') {
      const { drift } = event.report;
      verdict.check(drift === 0, () => `a reconciliation found a drift of ${drift}`);
    } else if (event.kind === 'actor_failed') {
      const isExcused = disk.fault !== 'none' || disk.isUnreadable || !this.#ledger.isHealthy();
      verdict.check(isExcused, () => `the actor ${event.actor} failed: ${event.reason}`);
    }
  }

  /** Everything that must be true whenever nothing is running. The words are found for a fault alone: there are many steps. */
  afterStep(): void {
    const { verdict } = this.#options;
    if (verdict.violation !== null || this.#control === null) return;
    const fault =
      this.#faultOfTotals() ??
      this.#faultOfStatus(this.#control) ??
      this.#faultOfPeriod(this.#control) ??
      this.#faultOfAnnouncements();
    if (fault !== null) verdict.fail(fault);
  }

  #faultOfTotals(): string | null {
    const shown = this.#ledger.totals();
    const sums = this.#options.books.month(this.month);
    const isSame =
      shown.month === this.month &&
      shown.settled === sums.settled &&
      shown.suspense === sums.suspense &&
      shown.held === sums.held &&
      shown.excess === sums.excess &&
      shown.openHolds === sums.openHolds;
    return isSame
      ? null
      : `the totals are ${JSON.stringify(shown)}, not ${JSON.stringify(sums)} in ${this.month}`;
  }

  #faultOfStatus(control: ControlPlane): string | null {
    const { status } = this.#model;
    const { budget: shown, posture } = control.policy();
    if (control.budget()?.status !== status || shown?.status !== status)
      return `the status is ${shown?.status}, not ${status}`;
    const { limit, action } = this.#limits;
    if (shown.limit !== limit || shown.action !== action || shown.billingMonth !== this.month)
      return `the policy shows ${JSON.stringify(shown)}, not ${limit} in ${this.month}`;
    return posture === this.posture ? null : `the posture is ${posture}, not ${this.posture}`;
  }

  #faultOfPeriod(control: ControlPlane): string | null {
    const { month, endsAtMs } = this.#ledger.period();
    const turned = control.period();
    return turned.month === month && turned.endsAtMs === endsAtMs
      ? null
      : `the ledger is in ${month}, the control plane in ${turned.month}`;
  }

  #faultOfAnnouncements(): string | null {
    const { softAnnounced, hardAnnounced } = this.#model;
    if (this.#softSeen !== softAnnounced || this.#hardSeen !== hardAnnounced)
      return `${this.#softSeen} soft and ${this.#hardSeen} hard limits were announced, not ${softAnnounced} and ${hardAnnounced}`;
    return this.#announced === this.month
      ? null
      : `${this.month} was opened, and ${this.#announced} announced last`;
  }

  /** Past months: suspense may have become spending, which changes no sum. */
  comparePast(): void {
    const { verdict, books } = this.#options;
    for (const name of books.monthNames()) {
      const shown = this.#ledger.totalsOf(name);
      const sums = books.month(name);
      const isSame =
        shown.settled + shown.suspense === sums.settled + sums.suspense &&
        shown.held === sums.held &&
        shown.excess === sums.excess &&
        shown.openHolds === sums.openHolds;
      verdict.check(
        isSame,
        () => `${name} has ${JSON.stringify(shown)}, not ${JSON.stringify(sums)}`,
      );
    }
  }
}
