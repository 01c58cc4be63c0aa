/** How busy a month is over its course: a weight for each quarter of an hour. */
import type { BillingPeriod } from '../../core/billing-period.ts';
import type { Random } from '../seeded-random.ts';

export const PROFILES = ['office-hours', 'steady', 'bursty'] as const;
export type ProfileName = (typeof PROFILES)[number];

export const SLOT_MS = 15 * 60 * 1000;

/** Weight of each hour of a working day; at night and at weekends a few jobs go on. */
const OFFICE_DAY = [
  1, 1, 1, 1, 1, 2, 6, 20, 60, 95, 100, 90, 55, 75, 95, 100, 90, 65, 30, 14, 8, 5, 3, 2,
];
const WEEKEND_SHARE = 0.06;

/** The hour and the day of the week of an instant in a zone. */
function localTimes(timezone: string): (atMs: number) => { hour: number; isWeekend: boolean } {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    hour: 'numeric',
    weekday: 'short',
  });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    return {
      hour: Number(parts.get('hour')),
      isWeekend: ['Sat', 'Sun'].includes(parts.get('weekday') ?? ''),
    };
  };
}

function slotStarts({ startsAtMs, endsAtMs }: BillingPeriod): readonly number[] {
  const count = Math.ceil((endsAtMs - startsAtMs) / SLOT_MS);
  return Array.from({ length: count }, (_, at) => startsAtMs + at * SLOT_MS);
}

/** About one burst a day, of a quarter of an hour to two hours, some thirty times as busy as the rest. */
function bursts(slots: number, random: Random): readonly number[] {
  const weights = Array.from({ length: slots }, () => 1);
  const count = Math.max(1, Math.round(slots / 96));
  for (let burst = 0; burst < count; burst += 1) {
    const from = Math.floor(random() * slots);
    const length = 1 + Math.floor(random() * 8);
    const height = 15 + random() * 45;
    for (let slot = from; slot < Math.min(slots, from + length); slot += 1)
      weights[slot] = (weights[slot] ?? 0) + height;
  }
  return weights;
}

/** Weights of the quarters of an hour of a month, in its order. Office hours are those of `timezone`. */
export function slotWeights(
  profile: ProfileName,
  period: BillingPeriod,
  timezone: string,
  random: Random,
): readonly number[] {
  const starts = slotStarts(period);
  if (profile === 'steady') return starts.map(() => 1);
  if (profile === 'bursty') return bursts(starts.length, random);
  const localTime = localTimes(timezone);
  return starts.map((startMs) => {
    const { hour, isWeekend } = localTime(startMs);
    return (OFFICE_DAY[hour] ?? 0) * (isWeekend ? WEEKEND_SHARE : 1);
  });
}
