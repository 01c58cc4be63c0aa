/** One billing month, while it is played. */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { NanoUsd } from '../core/money.ts';
import type { BudgetStatus } from '../core/policy.ts';
import type { Counts } from './outcome.ts';

export class MonthTally {
  readonly period: BillingPeriod;
  local = 0;
  cloud = 0;
  shortened = 0;
  savedByLocal: NanoUsd = 0;
  status: BudgetStatus | null = null;
  softLimitAtMs: number | null = null;
  hardLimitAtMs: number | null = null;
  readonly #refusals = new Map<ErrorCode, number>();

  constructor(period: BillingPeriod) {
    this.period = period;
  }

  refuse(code: ErrorCode): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  /** @param spending what the ledger says of the month. */
  counts(spending: NanoUsd): Counts {
    const { local, cloud, shortened, savedByLocal } = this;
    const refused = [...this.#refusals.values()].reduce((sum, count) => sum + count, 0);
    const refusals = Object.fromEntries(this.#refusals);
    const requests = local + cloud + refused;
    return { requests, local, cloud, refused, refusals, shortened, spending, savedByLocal };
  }
}

/** All months together. */
export function totalOf(months: readonly Counts[]): Counts {
  const refusals: Partial<Record<ErrorCode, number>> = {};
  for (const month of months) {
    for (const [code, count] of Object.entries(month.refusals) as [ErrorCode, number][])
      refusals[code] = (refusals[code] ?? 0) + count;
  }
  const sum = (pick: (month: Counts) => number): number =>
    months.reduce((total, month) => total + pick(month), 0);
  return {
    requests: sum((month) => month.requests),
    local: sum((month) => month.local),
    cloud: sum((month) => month.cloud),
    refused: sum((month) => month.refused),
    refusals,
    shortened: sum((month) => month.shortened),
    spending: sum((month) => month.spending),
    savedByLocal: sum((month) => month.savedByLocal),
  };
}
