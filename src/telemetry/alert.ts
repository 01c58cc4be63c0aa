/** What an alert says: the JSON of a webhook. Figures, names and times of the gateway, and nothing of any request. */
import { randomUUID } from 'node:crypto';
import { formatUsdExact, percentOf, toUsdNumber, type NanoUsd } from '../core/money.ts';
import type { BudgetStatus } from '../core/policy.ts';
import type { AlertKind } from '../core/settings.ts';
import type { Forecast } from './forecast.ts';
import type { ACTION_WORDS } from './words.ts';

/** The body of a webhook. What only some kinds of alerts have is left out in the others. */
export interface Alert {
  /** The same when it is sent again. */
  readonly id: string;
  readonly type: AlertKind;
  /** RFC 3339 in UTC, by the clock of the gateway. */
  readonly time: string;
  /** `YYYY-MM`; at a `month_rollover` the month that begins. */
  readonly billing_month: string;
  /** `threshold`: the one that was reached. */
  readonly threshold_percent?: number;
  /** `hard_limit`: what happens now. */
  readonly hard_limit_action?: (typeof ACTION_WORDS)[keyof typeof ACTION_WORDS];
  /** `month_rollover`: the month that ended, and its spending. */
  readonly previous_month?: string;
  readonly previous_spending_usd?: number;
  readonly previous_spending_usd_exact?: string;
  /** `drift`: entries of the ledger minus balances. */
  readonly drift_usd_exact?: string;
  /** Settled plus suspense. */
  readonly spending_usd: number;
  readonly spending_usd_exact: string;
  /** This and the next are null without a budget. */
  readonly limit_usd: number | null;
  readonly utilization_percent: number | null;
  readonly status: BudgetStatus | null;
  readonly forecast: Forecast | null;
  readonly nexus_version: string;
}

export interface AlertFacts {
  readonly version: string;
  readonly nowMs: number;
  readonly month: string;
  readonly spending: NanoUsd;
  /** Null without a budget. */
  readonly limit: NanoUsd | null;
  readonly status: BudgetStatus | null;
  readonly forecast: Forecast | null;
}

export type AlertDetails = Pick<
  Alert,
  | 'threshold_percent'
  | 'hard_limit_action'
  | 'previous_month'
  | 'previous_spending_usd'
  | 'previous_spending_usd_exact'
  | 'drift_usd_exact'
>;

export function makeAlert(type: AlertKind, facts: AlertFacts, details: AlertDetails): Alert {
  const { month, spending, limit } = facts;
  return {
    id: `alert_${randomUUID()}`,
    type,
    time: new Date(facts.nowMs).toISOString(),
    billing_month: month,
    ...details,
    spending_usd: toUsdNumber(spending),
    spending_usd_exact: formatUsdExact(spending),
    limit_usd: limit === null ? null : toUsdNumber(limit),
    utilization_percent: limit === null ? null : Number(percentOf(spending, limit).toFixed(6)),
    status: facts.status,
    forecast: facts.forecast,
    nexus_version: facts.version,
  };
}
