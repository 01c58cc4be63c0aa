/** What the budget's status should be, and how often its limits should have been announced, by the contract's own words. */
import type { BudgetStatus } from '../../src/core/policy.ts';
import type { HardLimitAction } from '../../src/core/settings.ts';

export interface Limits {
  readonly limit: number;
  readonly softPercent: number;
  readonly action: HardLimitAction;
}

export class StatusModel {
  softAnnounced = 0;
  hardAnnounced = 0;
  #limits: Limits;
  #spending: number;
  #nothingFitsAt = Number.POSITIVE_INFINITY;
  #status: BudgetStatus;

  /** Starts where a process starts: a level that is found is not announced. */
  constructor(limits: Limits, spending: number) {
    this.#limits = limits;
    this.#spending = spending;
    this.#status = this.#derive();
  }

  get status(): BudgetStatus {
    return this.#status;
  }

  spent(spending: number): void {
    if (spending < this.#nothingFitsAt) this.#nothingFitsAt = Number.POSITIVE_INFINITY;
    this.#spending = spending;
    this.#move();
  }

  nothingFits(): void {
    this.#nothingFitsAt = this.#spending;
    this.#move();
  }

  monthTurned(spending: number): void {
    this.#nothingFitsAt = Number.POSITIVE_INFINITY;
    this.#spending = spending;
    this.#move();
  }

  limitsChanged(limits: Limits): void {
    if (limits.limit > this.#limits.limit) this.#nothingFitsAt = Number.POSITIVE_INFINITY;
    this.#limits = limits;
    this.#move();
  }

  #derive(): BudgetStatus {
    const { limit, softPercent } = this.#limits;
    if (this.#spending >= Math.min(limit, this.#nothingFitsAt)) return 'HardLimit';
    // Percentages have one decimal at most here.
    const isSoft = this.#spending * 1000 >= limit * Math.round(softPercent * 10);
    return isSoft ? 'SoftLimit' : 'Normal';
  }

  #move(): void {
    const from = this.#status;
    this.#status = this.#derive();
    const isFull = this.#spending >= this.#limits.limit;
    if (this.#status === 'HardLimit' && from !== 'HardLimit') {
      this.hardAnnounced += 1;
      if (from === 'Normal' && isFull) this.softAnnounced += 1;
    } else if (this.#status === 'SoftLimit' && from === 'Normal') this.softAnnounced += 1;
  }
}
