/** Entries, holds and sums as rows of the ledger's file, both ways. */
import type { SQLInputValue } from 'node:sqlite';
import type { EntryKind, KeptPrice, LedgerEntry, MonthTotals } from '../core/ledger.ts';
import type { ModelRoute } from '../core/policy.ts';
import type { Price } from '../core/prices.ts';
import type { BackendKind } from '../core/settings.ts';
import type { ChargeBasis, TokenUsage } from '../core/usage.ts';
import { canonicalPrice } from './kept-prices.ts';

/** Columns of an entry, in the order of `entryValues`. */
export const ENTRY_COLUMNS =
  'seq, kind, at_ms, month, held_change, suspense_change, settled_change, excess_change, hold_id, request_id, attempt, ' +
  'backend, backend_kind, model, basis, exact_pico, usage, price_version, note, route, price_id';

/** Totals of a month; the tables that keep them use the same names. */
export const TOTALS_COLUMNS = 'month, settled, suspense, held, excess, open_holds';

/** Entries summed to the same columns. */
export const SUMMED_COLUMNS = `month,
  sum(settled_change) AS settled,
  sum(suspense_change) AS suspense,
  sum(held_change) AS held,
  sum(excess_change) AS excess,
  sum(CASE kind WHEN 'hold' THEN 1 WHEN 'resolve' THEN 0 WHEN 'adjust' THEN 0 ELSE -1 END) AS open_holds`;

export interface EntryRow {
  readonly seq: number;
  readonly kind: EntryKind;
  readonly at_ms: number;
  readonly month: string;
  readonly held_change: number;
  readonly suspense_change: number;
  readonly settled_change: number;
  readonly excess_change: number;
  readonly hold_id: string;
  readonly request_id: string;
  readonly attempt: number;
  readonly backend: string;
  readonly backend_kind: BackendKind;
  readonly model: string;
  readonly basis: ChargeBasis | null;
  readonly exact_pico: string | null;
  readonly usage: string | null;
  readonly price_version: string;
  readonly note: string | null;
  readonly route: ModelRoute | null;
  readonly price_id: string | null;
}

export interface PriceRow {
  readonly id: string;
  readonly price: string;
}

export interface TotalsRow {
  readonly month: string;
  readonly settled: number;
  readonly suspense: number;
  readonly held: number;
  readonly excess: number;
  readonly open_holds: number;
}

export interface PeriodRow {
  readonly month: string;
  readonly starts_at_ms: number;
  readonly ends_at_ms: number;
  readonly next_reset_date: string;
  readonly is_closed: number;
}

/** Usage and estimate share a column: a file of an earlier version has no estimates, and reads and is read as ever. */
interface StoredUsage extends TokenUsage {
  readonly estimatedInput?: number;
}

function evidenceText({ usage, estimatedInput }: LedgerEntry): string | null {
  if (usage === null) return null;
  const stored: StoredUsage = estimatedInput === undefined ? usage : { ...usage, estimatedInput };
  return JSON.stringify(stored);
}

function evidenceOf(text: string | null): Pick<LedgerEntry, 'usage' | 'estimatedInput'> {
  if (text === null) return { usage: null };
  const { estimatedInput, ...usage } = JSON.parse(text) as StoredUsage;
  return estimatedInput === undefined ? { usage } : { usage, estimatedInput };
}

export function entryValues(entry: LedgerEntry): SQLInputValue[] {
  return [
    entry.seq,
    entry.kind,
    entry.atMs,
    entry.month,
    entry.heldChange,
    entry.suspenseChange,
    entry.settledChange,
    entry.excessChange,
    entry.holdId,
    entry.requestId,
    entry.attempt,
    entry.backend,
    entry.backendKind,
    entry.model,
    entry.basis,
    entry.exactPico,
    evidenceText(entry),
    entry.priceVersion,
    entry.note,
    entry.route,
    entry.priceId,
  ];
}

export function entryOfRow(row: EntryRow): LedgerEntry {
  return {
    seq: row.seq,
    kind: row.kind,
    atMs: row.at_ms,
    month: row.month,
    holdId: row.hold_id,
    requestId: row.request_id,
    attempt: row.attempt,
    route: row.route,
    backend: row.backend,
    backendKind: row.backend_kind,
    model: row.model,
    heldChange: row.held_change,
    suspenseChange: row.suspense_change,
    settledChange: row.settled_change,
    excessChange: row.excess_change,
    basis: row.basis,
    exactPico: row.exact_pico,
    ...evidenceOf(row.usage),
    priceVersion: row.price_version,
    priceId: row.price_id,
    note: row.note,
  };
}

export function priceValues({ id, price }: KeptPrice): SQLInputValue[] {
  return [id, canonicalPrice(price)];
}

export function priceOfRow({ id, price }: PriceRow): KeptPrice {
  return { id, price: JSON.parse(price) as Price };
}

export function totalsOfRow(row: TotalsRow): MonthTotals {
  const { month, settled, suspense, held, excess, open_holds: openHolds } = row;
  return { month, settled, suspense, held, excess, openHolds };
}

export function totalsValues(totals: MonthTotals): SQLInputValue[] {
  const { month, settled, suspense, held, excess, openHolds } = totals;
  return [month, settled, suspense, held, excess, openHolds];
}
