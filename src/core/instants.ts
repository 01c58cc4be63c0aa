/** Instants as files write them. */

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:?\d\d|[+-]\d\d)?$/;

function offsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || 0);
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** Midnight UTC of a date, or null when there is no such day. Rows of traffic of one day come together, so the last is kept. */
let lastDay = { year: 0, month: 0, day: 0, startsAtMs: Number.NaN };

function startOfDay(year: number, month: number, day: number): number | null {
  if (lastDay.day === day && lastDay.month === month && lastDay.year === year)
    return lastDay.startsAtMs;
  const startsAtMs = Date.UTC(year, month - 1, day);
  const date = new Date(startsAtMs);
  // `Date` makes 2 March of 30 February.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  lastDay = { year, month, day, startsAtMs };
  return startsAtMs;
}

/**
 * RFC 3339 (`2026-11-02T09:00:00Z`, `2026-11-02 09:00:00.123+01:00`) as Unix milliseconds; null when it is none, or names
 * a day or an hour that there is not. `zone`: what stands in for a missing one; without it an instant must name its own.
 */
export function parseInstant(text: string, zone?: 'Z'): number | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction = '', written = zone] = match;
  if (written === undefined) return null;
  const startsAtMs = startOfDay(Number(year), Number(month), Number(day));
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  // 60 is a leap second, which Unix time does not know.
  if (startsAtMs === null || hours > 23 || minutes > 59 || seconds > 60) return null;
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const ofDayMs = ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
  return startsAtMs + ofDayMs - offsetMs(written);
}
