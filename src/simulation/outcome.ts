/** What a simulation found out. Amounts are nano-dollars, times Unix milliseconds. */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { NanoUsd } from '../core/money.ts';
import type { BudgetStatus } from '../core/policy.ts';
import type { BudgetSettings } from '../core/settings.ts';
import type { TimelineStep } from './timeline.ts';

export interface Counts {
  readonly requests: number;
  readonly local: number;
  readonly cloud: number;
  readonly refused: number;
  /** Refusals by their code. */
  readonly refusals: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Answers that the budget made shorter than they were: the rest of it paid for no more. */
  readonly shortened: number;
  readonly spending: NanoUsd;
  /** What the requests that local backends served would have cost at the cloud backend that would have been next. */
  readonly savedByLocal: NanoUsd;
}

export interface MonthOutcome extends Counts {
  readonly period: BillingPeriod;
  /** At the end of the month, or of the traffic; null without a budget. */
  readonly status: BudgetStatus | null;
  /** First crossings; null where there was none. */
  readonly softLimitAtMs: number | null;
  readonly hardLimitAtMs: number | null;
  /** Spending at the end of the month, in USD: where the traffic ends before it, by its pace. Null: too little is known. */
  readonly projectedUsd: number | null;
}

export interface SimulationOutcome {
  /** Those in which requests came, oldest first. */
  readonly months: readonly MonthOutcome[];
  readonly total: Counts;
  readonly budget: BudgetSettings | null;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly timeline: { readonly stepMs: number; readonly steps: readonly TimelineStep[] };
  /** Models that no backend serves, and how often they were asked for. */
  readonly unserved: ReadonlyMap<string, number>;
  /** What the rooms warned of, each thing once. */
  readonly warnings: readonly string[];
}
