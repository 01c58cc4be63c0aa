/** The billing month that a name stands for. */
import { periodAt, type BillingCycle, type BillingPeriod } from '../../core/billing-period.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** `2026-11` as the period that begins on the billing day of November 2026; null when it is no month. */
export function billingMonth(month: string, cycle: BillingCycle): BillingPeriod | null {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month);
  if (match === null) return null;
  // Any zone is in the month by the middle of it, and the billing day is not behind it for long.
  const middleMs = Date.UTC(Number(match[1]), Number(match[2]) - 1, 15);
  for (const days of [0, 16, -16]) {
    const period = periodAt(middleMs + days * DAY_MS, cycle);
    if (period.month === month) return period;
  }
  return null;
}
