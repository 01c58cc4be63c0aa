/** Where the spending of a month is heading, by its own pace so far. A pure function of its input. */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import { toUsdNumber, type NanoUsd } from '../core/money.ts';

/** Less than this says nothing: one request in the first minute would forecast a fortune. */
const LEAST_WINDOW_MS = 15 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface ForecastInput {
  readonly nowMs: number;
  readonly period: BillingPeriod;
  /** Settled plus suspense. */
  readonly spending: NanoUsd;
  readonly limit: NanoUsd;
  readonly softLimitPercent: number;
  /** Since when the gateway could have spent; see `observedSince`. */
  readonly observedSinceMs: number;
}

/** The shape of `forecast` in `/v1/stats`. Instants are RFC 3339 in UTC. */
export interface Forecast {
  readonly status: 'ok' | 'insufficient_data';
  /** Start of the window whose spending sets the pace. */
  readonly since: string;
  readonly burn_rate_usd_per_day: number | null;
  readonly projected_month_end_usd: number | null;
  /** When the spending is expected to cross; null when it has, or will not this month. */
  readonly soft_limit_at: string | null;
  readonly hard_limit_at: string | null;
}

/**
 * Since when spending can have been seen: the first entry of the ledger, or now where it has none. A gateway that was
 * installed on the 20th is not taken to have spent nothing from the 1st on, and one that was idle for a week is.
 */
export function observedSince(ledger: Pick<LedgerAdmin, 'entries'>, nowMs: number): number {
  const [first] = ledger.entries({ afterSeq: 0, limit: 1 });
  return Math.min(nowMs, first?.atMs ?? nowMs);
}

/**
 * Extends the average pace of the window linearly to the end of the month. The window goes from the start of the month,
 * or from the first observation where that is later, until now; under 15 minutes nothing is forecast.
 */
export function forecast(input: ForecastInput): Forecast {
  const { nowMs, period, spending, limit, softLimitPercent } = input;
  const sinceMs = Math.max(period.startsAtMs, Math.min(input.observedSinceMs, nowMs));
  const since = new Date(sinceMs).toISOString();
  const windowMs = Math.min(nowMs, period.endsAtMs) - sinceMs;
  if (windowMs < LEAST_WINDOW_MS) {
    return {
      status: 'insufficient_data',
      since,
      burn_rate_usd_per_day: null,
      projected_month_end_usd: null,
      soft_limit_at: null,
      hard_limit_at: null,
    };
  }
  const nanoPerMs = spending / windowMs;
  const restMs = Math.max(0, period.endsAtMs - nowMs);
  const crossing = (threshold: number): string | null => {
    if (spending >= threshold || nanoPerMs === 0) return null;
    const inMs = (threshold - spending) / nanoPerMs;
    return inMs < restMs ? new Date(nowMs + Math.ceil(inMs)).toISOString() : null;
  };
  return {
    status: 'ok',
    since,
    burn_rate_usd_per_day: usd(nanoPerMs * DAY_MS),
    projected_month_end_usd: usd(spending + nanoPerMs * restMs),
    soft_limit_at: crossing((limit * softLimitPercent) / 100),
    hard_limit_at: crossing(limit),
  };
}

/** A projection may lie beyond every amount that the ledger takes, and is worth no more than micro-dollars. */
function usd(nano: number): number {
  return nano < Number.MAX_SAFE_INTEGER
    ? toUsdNumber(Math.round(nano / 1000) * 1000)
    : Math.round(nano / 1e9);
}
