/** Where the spending of a month ends. */
import type { BillingPeriod } from '../core/billing-period.ts';
import { MAX_NANO_USD, toUsdNumber, type NanoUsd } from '../core/money.ts';
import type { BudgetSettings } from '../core/settings.ts';
import { forecast } from '../telemetry/forecast.ts';

interface ProjectionInput {
  readonly period: BillingPeriod;
  readonly spending: NanoUsd;
  readonly budget: BudgetSettings | null;
  /** Of the traffic. */
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/**
 * In USD. A month that the traffic goes beyond is over; the last one goes on at its pace, by the gateway's own forecast,
 * but not beyond a limit that is enforced. Null when there is too little of it to tell.
 */
export function projectedUsd(input: ProjectionInput): number | null {
  const { period, spending, budget, firstAtMs, lastAtMs } = input;
  if (lastAtMs >= period.endsAtMs) return toUsdNumber(spending);
  const { projected_month_end_usd: projected } = forecast({
    nowMs: lastAtMs,
    period,
    spending,
    limit: budget?.monthlyLimit ?? MAX_NANO_USD,
    softLimitPercent: budget?.softLimitPercent ?? 100,
    observedSinceMs: firstAtMs,
  });
  if (projected === null || budget === null || budget.hardLimitAction === 'warn') return projected;
  return Math.min(projected, Math.max(toUsdNumber(budget.monthlyLimit), toUsdNumber(spending)));
}
