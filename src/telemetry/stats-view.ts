/** `GET /v1/stats` and `GET /v1/budget`: pure functions from readings to JSON. */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { BudgetReading } from '../core/control.ts';
import type { MonthTotals } from '../core/ledger.ts';
import { formatUsdExact, percentOf, toUsdNumber, type NanoUsd } from '../core/money.ts';
import type {
  BackendView,
  BudgetStatus,
  BudgetView,
  HealthStatus,
  RoutingPolicy,
} from '../core/policy.ts';
import type { BackendKind, BackendType, BudgetSettings } from '../core/settings.ts';
import type { CalibrationReading } from '../core/tokens.ts';
import type { TokenTier } from '../core/usage.ts';
import { forecast, type Forecast } from './forecast.ts';
import type { StatsReading } from './stats.ts';
import { ACTION_WORDS } from './words.ts';

/** Ratios are kept in millionths. */
const MILLION = 1_000_000;

/** What the views are made of, all read in one synchronous stretch. */
export interface StatsInput {
  /** Null without a budget. */
  readonly budget: BudgetSettings | null;
  readonly policy: RoutingPolicy;
  readonly totals: MonthTotals;
  readonly period: BillingPeriod;
  readonly reading: BudgetReading | null;
  readonly stats: StatsReading;
  readonly pending: (backend: string) => number;
  readonly calibration: readonly CalibrationReading[];
  readonly uptimeSeconds: number;
  readonly nowMs: number;
  /** See `observedSince`. */
  readonly observedSinceMs: number;
}

/** The shape of `budget` in `/v1/stats`. */
interface StatsBudget {
  /** Settled plus suspense. */
  readonly current_spending_usd: number;
  readonly monthly_limit_usd: number;
  readonly utilization_percent: number;
  readonly status: BudgetStatus;
  /** `YYYY-MM`. */
  readonly billing_month: string;
  /** RFC 3339, UTC; null before the first one. */
  readonly last_reconciliation: string | null;
  /** Percent. */
  readonly soft_limit_threshold: number;
  readonly hard_limit_action: (typeof ACTION_WORDS)[keyof typeof ACTION_WORDS];
  /** `YYYY-MM-DD` in the budget's zone. */
  readonly next_reset_date: string;
  readonly held_usd: number;
  readonly suspense_usd: number;
  /** Limit minus spending, never below 0; what is held is still in it. */
  readonly remaining_usd: number;
  readonly forecast: Forecast;
}

interface StatsBackend {
  readonly id: string;
  readonly name: string;
  readonly type: BackendType;
  readonly kind: BackendKind;
  readonly status: HealthStatus;
  readonly reason: string | null;
  readonly requests: number;
  readonly failures: number;
  readonly average_latency_ms: number;
  /** Smoothed over probes and traffic, the newest counting most; null before the first. */
  readonly latency_ms: number | null;
  readonly pending: number;
  readonly models: number;
}

/** How far a provider's own counts of input lie from the built-in estimates, by backend and model. */
interface StatsCalibration {
  readonly backend: string;
  readonly model: string;
  readonly tier: TokenTier;
  readonly samples: number;
  /** Billed divided by estimated tokens: as estimates use it, and as holds do; null while there are too few samples. */
  readonly ratio: number | null;
  readonly hold_ratio: number | null;
}

/** The body of `GET /v1/stats`. */
export interface StatsView {
  readonly uptime_seconds: number;
  readonly requests: StatsReading['requests'];
  readonly backends: readonly StatsBackend[];
  readonly models: readonly {
    readonly name: string;
    readonly requests: number;
    readonly average_duration_ms: number;
    readonly cost_usd: number;
  }[];
  readonly token_calibration: readonly StatsCalibration[];
  readonly budget?: StatsBudget;
}

/** The body of `GET /v1/stats`. Without a budget it has no `budget` at all. */
export function statsView(input: StatsInput): StatsView {
  const { stats, policy, uptimeSeconds } = input;
  const budget = statsBudget(input);
  return {
    uptime_seconds: Math.floor(uptimeSeconds),
    requests: stats.requests,
    backends: policy.backends.map((backend) => backendView(backend, input)),
    models: stats.models.map(({ name, requests, averageDurationMs, cost }) => ({
      name,
      requests,
      average_duration_ms: tenths(averageDurationMs),
      cost_usd: toUsdNumber(cost),
    })),
    token_calibration: input.calibration.map(calibrationView),
    ...(budget === null ? {} : { budget }),
  };
}

function calibrationView(reading: CalibrationReading): StatsCalibration {
  const { backend, model, tier, samples, ratios } = reading;
  return {
    backend,
    model,
    tier,
    samples,
    ratio: ratios === null ? null : ratios.estimate / MILLION,
    hold_ratio: ratios === null ? null : ratios.hold / MILLION,
  };
}

function backendView(view: BackendView, { stats, pending }: StatsInput): StatsBackend {
  const own = stats.backends.get(view.name);
  return {
    id: view.name,
    name: view.name,
    type: view.type,
    kind: view.kind,
    status: view.health,
    reason: view.healthReason,
    requests: own?.requests ?? 0,
    failures: own?.failures ?? 0,
    average_latency_ms: tenths(own?.averageLatencyMs ?? 0),
    latency_ms: view.latencyMs === null ? null : tenths(view.latencyMs),
    pending: pending(view.name),
    models: view.models.length,
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function spendingOf({ settled, suspense }: MonthTotals): NanoUsd {
  return settled + suspense;
}

/** Also what a float makes of 57 % is written as 57. */
function tidyPercent(spending: NanoUsd, { limit }: BudgetView): number {
  return Number(percentOf(spending, limit).toFixed(6));
}

function rfc3339(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** `budget` of `/v1/stats`; null without a budget. */
function statsBudget(input: StatsInput): StatsBudget | null {
  const { budget: settings, policy, totals, period, reading } = input;
  const { budget } = policy;
  if (settings === null || budget === null) return null;
  const spending = spendingOf(totals);
  const lastMs = reading?.lastReconciliationMs ?? null;
  return {
    current_spending_usd: toUsdNumber(spending),
    monthly_limit_usd: toUsdNumber(budget.limit),
    utilization_percent: tidyPercent(spending, budget),
    status: budget.status,
    billing_month: totals.month,
    last_reconciliation: lastMs === null ? null : rfc3339(lastMs),
    soft_limit_threshold: settings.softLimitPercent,
    hard_limit_action: ACTION_WORDS[budget.action],
    next_reset_date: period.nextResetDate,
    held_usd: toUsdNumber(totals.held),
    suspense_usd: toUsdNumber(totals.suspense),
    remaining_usd: toUsdNumber(Math.max(0, budget.limit - spending)),
    forecast: forecast({
      nowMs: input.nowMs,
      period,
      spending,
      limit: budget.limit,
      softLimitPercent: settings.softLimitPercent,
      observedSinceMs: input.observedSinceMs,
    }),
  };
}

/** An amount as a number for reading and as a decimal string for calculating. */
type Amounts<Name extends string> = Readonly<
  Record<`${Name}_usd`, number> & Record<`${Name}_usd_exact`, string>
>;

function amounts<const Name extends string>(name: Name, amount: NanoUsd): Amounts<Name> {
  return {
    [`${name}_usd`]: toUsdNumber(amount),
    [`${name}_usd_exact`]: formatUsdExact(amount),
  } as Amounts<Name>;
}

/** The body of `GET /v1/budget`: every amount exact, and the window; null without a budget. */
export function budgetView(input: StatsInput): object | null {
  const { budget: settings, policy, totals, period } = input;
  const inStats = statsBudget(input);
  const limit = policy.budget?.limit;
  if (settings === null || inStats === null || limit === undefined) return null;
  const spending = spendingOf(totals);
  return {
    billing_month: inStats.billing_month,
    status: inStats.status,
    posture: policy.posture,
    utilization_percent: inStats.utilization_percent,
    soft_limit_threshold: inStats.soft_limit_threshold,
    hard_limit_action: inStats.hard_limit_action,
    ...amounts('monthly_limit', limit),
    ...amounts('spent', spending),
    ...amounts('settled', totals.settled),
    ...amounts('suspense', totals.suspense),
    ...amounts('held', totals.held),
    ...amounts('remaining', Math.max(0, limit - spending)),
    ...amounts('headroom', Math.max(0, limit - spending - totals.held)),
    ...amounts('excess', totals.excess),
    open_holds: totals.openHolds,
    period_starts_at: rfc3339(period.startsAtMs),
    period_ends_at: rfc3339(period.endsAtMs),
    next_reset_date: inStats.next_reset_date,
    timezone: settings.timezone,
    last_reconciliation: inStats.last_reconciliation,
    forecast: inStats.forecast,
  };
}
