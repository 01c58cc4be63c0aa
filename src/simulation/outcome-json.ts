/** A simulation as JSON: the names of the contract, and exact amounts beside the numbers. */
import { formatUsdExact, toUsdNumber } from '../core/money.ts';
import type { Counts, MonthOutcome, SimulationOutcome } from './outcome.ts';

function countsJson(counts: Counts): object {
  return {
    requests: counts.requests,
    served_local: counts.local,
    served_cloud: counts.cloud,
    refused: counts.refused,
    spending_usd: toUsdNumber(counts.spending),
    spending_usd_exact: formatUsdExact(counts.spending),
    saved_by_local_usd: toUsdNumber(counts.savedByLocal),
    shortened: counts.shortened,
    refusals: counts.refusals,
  };
}

function instant(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}

function monthJson(month: MonthOutcome): object {
  return {
    billing_month: month.period.month,
    ...countsJson(month),
    status: month.status,
    soft_limit_at: instant(month.softLimitAtMs),
    hard_limit_at: instant(month.hardLimitAtMs),
    projected_usd: month.projectedUsd,
  };
}

/** `{"months": [...], "total": {...}}`; every instant in RFC 3339, UTC. */
export function outcomeJson({ months, total }: SimulationOutcome): {
  readonly months: readonly object[];
  readonly total: object;
} {
  return { months: months.map(monthJson), total: countsJson(total) };
}
