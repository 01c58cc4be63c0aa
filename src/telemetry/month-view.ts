/** The course of the month as JSON for the dashboard. */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { Clock } from '../core/clock.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import { toUsdNumber, type NanoUsd } from '../core/money.ts';
import type { BudgetStatus, BudgetView } from '../core/policy.ts';
import type { BackendKind, BudgetSettings } from '../core/settings.ts';
import { MonthHistory, type Limits, type Share } from './month-history.ts';

/** What is shown is at most this old while entries come in; a burst of frames then reads the ledger once. */
const FRESH_MS = 1000;
const MOST_POINTS = 240;
const MOST_NAMES = 10;
const HOUR_MS = 60 * 60 * 1000;
const HOURS_PER_DAY = 24;

interface ShareRow {
  readonly name: string;
  readonly cost_usd: number;
  readonly charges: number;
}

/** The body of `month` in a frame of the dashboard. Instants are Unix milliseconds, for the axis of a chart. */
export interface MonthView {
  readonly month: string;
  readonly starts_at_ms: number;
  readonly ends_at_ms: number;
  readonly timezone: string;
  /** False while entries of the month are still being read. */
  readonly is_complete: boolean;
  /** Spending in the totals whose entries are not among those that were read. */
  readonly not_itemised_usd: number;
  /** Instant and spending from then on, oldest first. */
  readonly points: readonly (readonly [number, number])[];
  /** By the limits of now; without a budget there is none. */
  readonly bands: readonly { readonly status: BudgetStatus; readonly from_ms: number }[];
  readonly last_24h_usd: number;
  readonly by_model: readonly ShareRow[];
  readonly by_backend: readonly (ShareRow & { readonly kind: BackendKind })[];
  /** `name` is the day, `YYYY-MM-DD`; days without an entry are left out. */
  readonly by_day: readonly ShareRow[];
}

export interface MonthReading {
  readonly nowMs: number;
  readonly period: BillingPeriod;
  /** Settled plus suspense, from the totals. */
  readonly spending: NanoUsd;
  readonly budget: BudgetView | null;
  readonly settings: BudgetSettings | null;
  /** When the hard limit of this month was announced last; null when this process saw no such moment. */
  readonly hardLimitAtMs: number | null;
}

export interface MonthSources {
  readonly ledger: Pick<LedgerAdmin, 'entries'>;
  /** Real time. */
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Pick<Log, 'warn'>;
}

/** Reads the ledger for the dashboard and keeps what was read. */
export class MonthViewer {
  readonly #sources: MonthSources;
  #history: MonthHistory | null = null;
  #view: MonthView | null = null;
  #madeAtMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(sources: MonthSources) {
    this.#sources = sources;
  }

  /**
   * Takes some milliseconds at the most, and nothing within a second of the last time. When the ledger can not be read,
   * what is known is shown.
   */
  read(reading: MonthReading): MonthView {
    const history = this.#historyFor(reading);
    const nowMs = this.#sources.clock.monotonicMs();
    const isFresh = nowMs - this.#madeAtMs < FRESH_MS && this.#view?.is_complete === true;
    if (isFresh && this.#view !== null) return this.#view;
    this.#advance(history);
    this.#madeAtMs = nowMs;
    this.#view = viewOf(history, reading);
    return this.#view;
  }

  #advance(history: MonthHistory): void {
    try {
      history.advance();
      this.#isFailing = false;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (!this.#isFailing)
        this.#sources.log.warn('the dashboard could not read the ledger', { error });
      this.#isFailing = true;
    }
  }

  #historyFor({ period, budget, settings }: MonthReading): MonthHistory {
    const limits = limitsOf(budget, settings);
    const last = this.#history;
    if (last !== null && isSame(last, period, limits)) return last;
    const timezone = settings?.timezone ?? 'UTC';
    const history = new MonthHistory(this.#sources.ledger, period, timezone, limits);
    this.#history = history;
    this.#view = null;
    return history;
  }
}

function limitsOf(budget: BudgetView | null, settings: BudgetSettings | null): Limits | null {
  if (budget === null || settings === null) return null;
  const { limit: hardLimit } = budget;
  return { hardLimit, softLimit: Math.ceil((hardLimit * settings.softLimitPercent) / 100) };
}

function isSame(history: MonthHistory, period: BillingPeriod, limits: Limits | null): boolean {
  return (
    history.period.month === period.month &&
    history.period.startsAtMs === period.startsAtMs &&
    history.limits?.hardLimit === limits?.hardLimit &&
    history.limits?.softLimit === limits?.softLimit
  );
}

function viewOf(history: MonthHistory, reading: MonthReading): MonthView {
  const { period } = history;
  // Entries are gone from a ledger in memory after a while, and lie before the month when its first day was changed.
  const missing = history.isComplete ? Math.max(0, reading.spending - history.spending) : 0;
  return {
    month: period.month,
    starts_at_ms: period.startsAtMs,
    ends_at_ms: period.endsAtMs,
    timezone: reading.settings?.timezone ?? 'UTC',
    is_complete: history.isComplete,
    not_itemised_usd: toUsdNumber(missing),
    points: pointsOf(history, missing, reading.nowMs),
    bands: bandsOf(history, reading),
    last_24h_usd: toUsdNumber(lastDay(history, reading.nowMs)),
    by_model: dearest(history.byModel),
    by_backend: [...history.byBackend].map(([name, share]) => ({
      ...rowOf(name, share),
      kind: share.kind,
    })),
    by_day: [...history.byDay].map(([name, share]) => rowOf(name, share)),
  };
}

function rowOf(name: string, { cost, charges }: Share): ShareRow {
  return { name, cost_usd: toUsdNumber(cost), charges };
}

function dearest(shares: ReadonlyMap<string, Share>): readonly ShareRow[] {
  const rows = [...shares].toSorted(([, a], [, b]) => b.cost - a.cost || b.charges - a.charges);
  const rest = rows.slice(MOST_NAMES);
  const shown = rows.slice(0, MOST_NAMES).map(([name, share]) => rowOf(name, share));
  if (rest.length === 0) return shown;
  const cost = rest.reduce((sum, [, share]) => sum + share.cost, 0);
  const charges = rest.reduce((sum, [, share]) => sum + share.charges, 0);
  return [...shown, rowOf(`${rest.length} more`, { cost, charges })];
}

/** As many points as a chart has room for; of those that fall together the last counts. */
function pointsOf(
  { byHour, period }: MonthHistory,
  missing: NanoUsd,
  nowMs: number,
): MonthView['points'] {
  const every = Math.ceil(byHour.size / MOST_POINTS);
  const latestMs = Math.min(nowMs, period.endsAtMs);
  const kept = [...byHour].filter((_, at) => (byHour.size - 1 - at) % every === 0);
  return [
    [period.startsAtMs, toUsdNumber(missing)],
    ...kept.map(
      ([hour, spending]) =>
        [Math.min((hour + 1) * HOUR_MS, latestMs), toUsdNumber(missing + spending)] as const,
    ),
  ];
}

/** That a request was refused because nothing more fitted is not in the entries; the policy knows it. */
function bandsOf(
  { changes, limits, period }: MonthHistory,
  reading: MonthReading,
): MonthView['bands'] {
  const { budget, hardLimitAtMs, nowMs } = reading;
  if (limits === null || budget === null) return [];
  const bands = [
    { status: 'Normal' as BudgetStatus, from_ms: period.startsAtMs },
    ...changes.map(({ atMs, status }) => ({ status, from_ms: atMs })),
  ];
  const { status } = budget;
  if (bands.at(-1)?.status === status) return bands;
  const sinceMs = status === 'HardLimit' ? hardLimitAtMs : null;
  return [...bands, { status, from_ms: sinceMs ?? nowMs }];
}

function lastDay({ byHour, spending }: MonthHistory, nowMs: number): NanoUsd {
  const since = Math.floor(nowMs / HOUR_MS) - HOURS_PER_DAY;
  const before = [...byHour].findLast(([hour]) => hour < since);
  return spending - (before?.[1] ?? 0);
}
