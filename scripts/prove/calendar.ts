/**
 * Billing months as the checker computes them, by plain arithmetic in zones without summer time. It shares no line with
 * `src/core/billing-period.ts`, so that a fault in either shows.
 */

const HOUR_MS = 3_600_000;

export interface Calendar {
  readonly timezone: string;
  readonly offsetMs: number;
  readonly billingDay: number;
}

export interface Month {
  /** `YYYY-MM`. */
  readonly name: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

type Zone = Pick<Calendar, 'timezone' | 'offsetMs'>;

/** Zones whose offset has not changed since long before the simulated years. */
export const ZONES: readonly [Zone, ...Zone[]] = [
  { timezone: 'UTC', offsetMs: 0 },
  { timezone: 'Asia/Tokyo', offsetMs: 9 * HOUR_MS },
  { timezone: 'Asia/Kolkata', offsetMs: 5.5 * HOUR_MS },
  { timezone: 'America/Phoenix', offsetMs: -7 * HOUR_MS },
];

function startOf(year: number, month: number, { billingDay, offsetMs }: Calendar): number {
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(billingDay, lastDay)) - offsetMs;
}

/** The billing month of an instant. */
export function monthAt(atMs: number, calendar: Calendar): Month {
  const local = new Date(atMs + calendar.offsetMs);
  const year = local.getUTCFullYear();
  let month = local.getUTCMonth();
  if (atMs < startOf(year, month, calendar)) month -= 1;
  const startsAtMs = startOf(year, month, calendar);
  return {
    name: new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 7),
    startsAtMs,
    endsAtMs: startOf(year, month + 1, calendar),
  };
}
