/**
 * Billing months. A month starts at the first instant of the billing day in the budget's time zone; its boundaries
 * are computed by this one function and then kept as instants, so that no other code reasons about calendars.
 */
import { assert } from './assert.ts';

/** One billing month: `[startsAtMs, endsAtMs)` in Unix milliseconds. */
export interface BillingPeriod {
  /** `YYYY-MM` of the billing day with which the period starts. */
  readonly month: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** `YYYY-MM-DD` in the budget's zone: the day on which the next period starts. */
  readonly nextResetDate: string;
}

export interface BillingCycle {
  /** 1 to 31, clamped to the last day of short months. */
  readonly billingCycleDay: number;
  /** IANA zone name. */
  readonly timezone: string;
}

interface LocalDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

const MINUTE_MS = 60_000;
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterFor(timezone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timezone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formatters.set(timezone, formatter);
  }
  return formatter;
}

/** True when the runtime knows the IANA zone. */
export function isTimezone(timezone: string): boolean {
  try {
    formatterFor(timezone);
    return true;
  } catch {
    return false;
  }
}

/** The local wall time at an instant, written as if it were UTC: the usual device for zone arithmetic. */
function localAsUtc(atMs: number, timezone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterFor(timezone).formatToParts(atMs))
    parts[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The beginning of a local day. */
interface DayStart {
  readonly atMs: number;
  /** `YYYY-MM-DD`, read back from the instant: a zone that crossed the date line has days that never were. */
  readonly date: string;
}

/** A zone's rules do not change while a process runs, and few days are asked for again and again. */
const MEMORY_DAYS = 1000;
const startsOfDays = new Map<string, DayStart>();

/** `startOfDay` from memory: the search asks the zone's rules some thirty times. */
function knownStartOfDay(date: LocalDate, timezone: string): DayStart {
  const key = `${date.year}-${date.month}-${date.day} ${timezone}`;
  let start = startsOfDays.get(key);
  if (start === undefined) {
    const atMs = startOfDay(date, timezone);
    start = { atMs, date: new Date(localAsUtc(atMs, timezone)).toISOString().slice(0, 10) };
    if (startsOfDays.size >= MEMORY_DAYS) startsOfDays.clear();
    startsOfDays.set(key, start);
  }
  return start;
}

/**
 * The first instant of a local day. Where midnight does not exist (a spring change at midnight) this is the first
 * instant after the gap; where it occurs twice, the earlier one. Both fall out of one rule: the earliest instant at
 * which the local date is that day.
 */
function startOfDay(date: LocalDate, timezone: string): number {
  const midnight = Date.UTC(date.year, date.month - 1, date.day);
  // Offsets lie between -12 h and +14 h and change at most once within the search window.
  let before = midnight - 15 * 60 * MINUTE_MS;
  let after = midnight + 13 * 60 * MINUTE_MS;
  const offsetMs = localAsUtc(before, timezone) - before;
  assert(before + offsetMs < midnight, 'the search starts before the day');
  // Nearly every day: no change of the offset is near, so there is nothing to search for.
  if (localAsUtc(after, timezone) - after === offsetMs) return midnight - offsetMs;
  while (after - before > 1000) {
    const middle = before + Math.floor((after - before) / 2000) * 1000;
    if (localAsUtc(middle, timezone) >= midnight) after = middle;
    else before = middle;
  }
  return after;
}

function lastDayOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** The billing day of a calendar month given by months since year 0, clamped to its last day. */
function billingDate(monthIndex: number, billingCycleDay: number): LocalDate {
  const year = Math.floor(monthIndex / 12);
  const month = (monthIndex % 12) + 1;
  return { year, month, day: Math.min(billingCycleDay, lastDayOf(year, month)) };
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

function periodOfMonth(monthIndex: number, cycle: BillingCycle): BillingPeriod {
  const start = billingDate(monthIndex, cycle.billingCycleDay);
  const end = knownStartOfDay(billingDate(monthIndex + 1, cycle.billingCycleDay), cycle.timezone);
  return {
    month: `${pad(start.year, 4)}-${pad(start.month, 2)}`,
    startsAtMs: knownStartOfDay(start, cycle.timezone).atMs,
    endsAtMs: end.atMs,
    nextResetDate: end.date,
  };
}

/** The billing period that contains an instant. */
export function periodAt(atMs: number, cycle: BillingCycle): BillingPeriod {
  return periodOfMonth(monthIndexAt(atMs, cycle), cycle);
}

/** Months since year 0 up to that of the billing day with which the period of an instant starts. */
function monthIndexAt(atMs: number, cycle: BillingCycle): number {
  const local = new Date(localAsUtc(atMs, cycle.timezone));
  const monthIndex = local.getUTCFullYear() * 12 + local.getUTCMonth();
  const guess = periodOfMonth(monthIndex, cycle);
  if (atMs < guess.startsAtMs) return monthIndex - 1;
  return atMs >= guess.endsAtMs ? monthIndex + 1 : monthIndex;
}

/** `count` periods in a row, the first of which contains `fromMs`; each ends where the next one starts. */
export function periodsFrom(
  fromMs: number,
  count: number,
  cycle: BillingCycle,
): readonly BillingPeriod[] {
  const first = monthIndexAt(fromMs, cycle);
  return Array.from({ length: count }, (_, months) => periodOfMonth(first + months, cycle));
}
