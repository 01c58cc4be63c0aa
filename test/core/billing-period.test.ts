import { describe, expect, it } from '@jest/globals';
import { isTimezone, periodAt, periodsFrom } from '../../src/core/billing-period.ts';
import type { BillingCycle, BillingPeriod } from '../../src/core/billing-period.ts';
import { seededRandom } from '../support/seeded-random.ts';

function daysIn({ startsAtMs, endsAtMs }: BillingPeriod): number {
  return (endsAtMs - startsAtMs) / 86_400_000;
}

const ZONES = Intl.supportedValuesOf('timeZone');
/** The days that short months clamp, all of them in every zone; of the plain days any two in each zone. */
const CLAMPED_DAYS = [28, 29, 30, 31];

function cycle(billingCycleDay: number, timezone = 'UTC'): BillingCycle {
  return { billingCycleDay, timezone };
}

function at(iso: string, { billingCycleDay, timezone }: BillingCycle): BillingPeriod {
  return periodAt(Date.parse(iso), cycle(billingCycleDay, timezone));
}

function starts(period: BillingPeriod): string {
  return new Date(period.startsAtMs).toISOString();
}

/** `YYYY-MM-DD` on the wall of a zone, found by another way than the one under test. */
function localDates(timeZone: string): (atMs: number) => string {
  const wall = new Intl.DateTimeFormat('sv-SE', { timeZone });
  return (atMs) => wall.format(atMs);
}

describe('a billing period', () => {
  it('is the calendar month by default', () => {
    expect(at('2026-11-23T12:00:00Z', cycle(1))).toEqual({
      month: '2026-11',
      startsAtMs: Date.parse('2026-11-01T00:00:00Z'),
      endsAtMs: Date.parse('2026-12-01T00:00:00Z'),
      nextResetDate: '2026-12-01',
    });
  });

  it('contains its first instant and not its last', () => {
    const november = at('2026-11-23T12:00:00Z', cycle(1));
    expect(periodAt(november.startsAtMs, cycle(1)).month).toBe('2026-11');
    expect(periodAt(november.startsAtMs - 1, cycle(1)).month).toBe('2026-10');
    expect(periodAt(november.endsAtMs - 1, cycle(1)).month).toBe('2026-11');
    expect(periodAt(november.endsAtMs, cycle(1)).month).toBe('2026-12');
  });

  it('before the billing day belongs to the month before', () => {
    expect(at('2026-11-14T23:59:59Z', cycle(15)).month).toBe('2026-10');
    expect(at('2026-11-15T00:00:00Z', cycle(15)).month).toBe('2026-11');
    expect(at('2027-01-14T00:00:00Z', cycle(15)).month).toBe('2026-12');
  });

  it('with billing day 31 starts on the last day of a short month', () => {
    const year = periodsFrom(Date.parse('2027-12-31T00:00:00Z'), 13, cycle(31));
    expect(year.map((period) => starts(period).slice(0, 10))).toEqual([
      '2027-12-31',
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
      '2028-04-30',
      '2028-05-31',
      '2028-06-30',
      '2028-07-31',
      '2028-08-31',
      '2028-09-30',
      '2028-10-31',
      '2028-11-30',
      '2028-12-31',
    ]);
    expect(at('2027-02-28T00:00:00Z', cycle(31)).month).toBe('2027-02');
    expect(at('2027-02-27T23:59:59Z', cycle(31)).month).toBe('2027-01');
  });

  it('is as long as its days, also when a clock changes within it', () => {
    expect(daysIn(at('2028-02-10T00:00:00Z', cycle(1)))).toBe(29);
    expect(daysIn(at('2026-03-10T00:00:00Z', cycle(1, 'Europe/Berlin')))).toBeCloseTo(31 - 1 / 24);
    expect(daysIn(at('2026-10-10T00:00:00Z', cycle(1, 'Europe/Berlin')))).toBeCloseTo(31 + 1 / 24);
  });
});

describe('in a zone', () => {
  it.each([
    ['at its own midnight', '2026-11-02T00:00:00Z', 1, 'Asia/Tokyo', '2026-10-31T15:00:00.000Z'],
    ['with half an hour', '2026-11-02T00:00:00Z', 1, 'Asia/Kolkata', '2026-10-31T18:30:00.000Z'],
    [
      'far in the east',
      '2026-11-02T00:00:00Z',
      1,
      'Pacific/Kiritimati',
      '2026-10-31T10:00:00.000Z',
    ],
    ['far in the west', '2026-11-02T00:00:00Z', 1, 'Etc/GMT+12', '2026-11-01T12:00:00.000Z'],
    // Havana goes from 0:00 to 1:00 on 8 March, so that day begins at 1:00.
    ['without a midnight', '2026-03-09T00:00:00Z', 8, 'America/Havana', '2026-03-08T05:00:00.000Z'],
    // It goes back from 1:00 to 0:00 on 1 November: the earlier of two midnights counts.
    ['with two midnights', '2026-11-02T00:00:00Z', 1, 'America/Havana', '2026-11-01T04:00:00.000Z'],
    // Santiago goes from 24:00 back to 23:00: the day after begins an hour later than it seems.
    ['with 23:00 twice', '2026-04-06T00:00:00Z', 5, 'America/Santiago', '2026-04-05T04:00:00.000Z'],
    [
      'of Santiago in spring',
      '2026-09-07T00:00:00Z',
      6,
      'America/Santiago',
      '2026-09-06T04:00:00.000Z',
    ],
    // Samoa had no 30 December 2011: what would begin then begins on the 31st.
    ['without the day', '2012-01-02T00:00:00Z', 30, 'Pacific/Apia', '2011-12-30T10:00:00.000Z'],
  ])('%s, the period of %s from day %d in %s starts at %s', (_, iso, day, zone, expected) => {
    expect(starts(at(iso, cycle(day, zone)))).toBe(expected);
  });

  it('names a next reset date that exists', () => {
    const november = at('2011-12-15T00:00:00Z', cycle(30, 'Pacific/Apia'));
    expect(november.month).toBe('2011-11');
    expect(november.nextResetDate).toBe('2011-12-31');
  });

  it('is not confused by a wall that shows the old month once more after midnight', () => {
    // St. John's went from 0:01 on 1 November back to 23:01 on 31 October.
    const minutes = ['02:29', '02:30', '02:31', '02:59', '03:30', '03:31'];
    const months = minutes.map(
      (time) => at(`2009-11-01T${time}:00Z`, cycle(1, 'America/St_Johns')).month,
    );
    expect(months).toEqual(['2009-10', ...Array.from({ length: 5 }, () => '2009-11')]);
  });
});

describe('in every zone of the world', () => {
  it('periods follow one another without gap or overlap, each from its own day on', () => {
    const { seed, below } = seededRandom();
    const faults: string[] = [];
    for (const zone of ZONES) {
      const localDate = localDates(zone);
      for (const day of [1, 1 + below(27), 1 + below(27), ...CLAMPED_DAYS]) {
        const fromMs = Date.UTC(2024, below(120), 1 + below(28), below(24), below(60));
        // `periodsFrom` asserts that each period starts where the one before it ended.
        const [first, second] = periodsFrom(fromMs, 2, cycle(day, zone));
        if (!first || !second) throw new Error('two periods were asked for');
        const [year, month] = second.month.split('-').map(Number);
        const lastDay = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
        const billingDate = `${second.month}-${String(Math.min(day, lastDay)).padStart(2, '0')}`;
        const isRight =
          fromMs >= first.startsAtMs &&
          fromMs < first.endsAtMs &&
          localDate(second.startsAtMs) === billingDate &&
          localDate(second.startsAtMs - 1) < billingDate &&
          first.nextResetDate === billingDate;
        if (!isRight) faults.push(`${zone}, day ${day}, from ${new Date(fromMs).toISOString()}`);
      }
    }
    expect({ seed, faults }).toEqual({ seed, faults: [] });
  });

  it('every instant lies in its period, and every period lasts 28 to 31 days', () => {
    const { seed, below } = seededRandom();
    for (let run = 0; run < 3000; run += 1) {
      const zone = ZONES[below(ZONES.length)] ?? 'UTC';
      const atMs = Date.UTC(2025, 0, 1) + below(10 * 365 * 24 * 3600) * 1000;
      const period = periodAt(atMs, cycle(1 + below(31), zone));
      const isIn = atMs >= period.startsAtMs && atMs < period.endsAtMs;
      const days = Math.round(daysIn(period));
      expect({ seed, zone, isIn, fits: days >= 28 && days <= 31 }).toEqual({
        seed,
        zone,
        isIn: true,
        fits: true,
      });
    }
  });
});

describe('a time zone', () => {
  it('is known by its IANA name', () => {
    expect(isTimezone('Europe/Berlin')).toBe(true);
    expect(isTimezone('Europe/Berlin')).toBe(true);
    expect(isTimezone('Europe/Bielefeld')).toBe(false);
    expect(isTimezone('')).toBe(false);
  });
});
