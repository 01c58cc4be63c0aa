import { describe, expect, it } from '@jest/globals';
import { NO_USAGE } from '../../src/core/usage.ts';
import { parseInstant } from '../../src/core/instants.ts';
import { TimeOrder } from '../../src/simulation/traffic/in-time-order.ts';
import type { TrafficRequest, TrafficRow } from '../../src/simulation/traffic/traffic-request.ts';
import { seededRandom } from '../support/seeded-random.ts';

function row(atMs: number, line: number, more: Partial<TrafficRow> = {}): TrafficRow {
  const place = `traffic, line ${line}`;
  const usage = { ...NO_USAGE, input: 10, output: 20 };
  return {
    place,
    atMs,
    untilMs: atMs,
    requests: 1,
    model: 'm',
    usage,
    maxOutputTokens: null,
    ...more,
  };
}

/** Plays rows through a window of a few. */
function order(rows: readonly TrafficRow[], window: number): readonly TrafficRequest[] {
  const timeOrder = new TimeOrder(window);
  const requests: TrafficRequest[] = [];
  for (const each of rows) {
    timeOrder.add(each);
    requests.push(...timeOrder.ready());
  }
  requests.push(...timeOrder.rest());
  return requests;
}

describe('the order of traffic', () => {
  it('is that of time, for rows that are out of place by no more than the window', () => {
    const times = [3, 1, 2, 6, 5, 4, 9, 7, 8, 12, 11, 10];

    expect(
      order(
        times.map((atMs, line) => row(atMs, line)),
        3,
      ).map(({ atMs }) => atMs),
    ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('is that of the file at one instant', () => {
    const rows = ['a', 'b', 'c', 'd', 'e'].map((model, at) => row(7, at, { model }));

    expect(
      order(rows, 1)
        .map(({ model }) => model)
        .join(''),
    ).toBe('abcde');
  });

  it('is refused to a row that comes too late, with its line', () => {
    const times = [5, 6, 7, 8, 9, 10, 1];

    expect(() =>
      order(
        times.map((atMs, line) => row(atMs, line)),
        2,
      ),
    ).toThrow(
      'traffic, line 6: its time, 1970-01-01T00:00:00.001Z, is before that of rows more than 2 rows above it; sort the file by time',
    );
  });

  it('mixes sums and single requests, and loses none of their tokens', () => {
    const random = seededRandom();
    const rows = Array.from({ length: 200 }, (_, line) => {
      const atMs = line * 10 + random.below(20);
      const isSum = random.below(2) === 0;
      const requests = isSum ? 1 + random.below(30) : 1;
      const untilMs = isSum ? atMs + random.below(500) : atMs;
      const usage = { ...NO_USAGE, input: random.below(1000), output: random.below(1000) };
      return row(atMs, line, { requests, untilMs, usage });
    });
    const played = order(rows, 20);
    const sum = (list: readonly TrafficRequest[]): number =>
      list.reduce((total, { usage }) => total + usage.input + 1000 * usage.output, 0);

    expect(played).toHaveLength(rows.reduce((total, { requests }) => total + requests, 0));
    expect(sum(played)).toBe(sum(rows));
    const times = played.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});

describe('an instant', () => {
  it.each([
    ['2026-11-02T09:00:00Z', '2026-11-02T09:00:00.000Z'],
    ['2026-11-02t09:00:00.5z', '2026-11-02T09:00:00.500Z'],
    ['2026-11-02 09:00:00.123456789+05:30', '2026-11-02T03:30:00.123Z'],
    ['2026-11-02T09:00:00-0800', '2026-11-02T17:00:00.000Z'],
    ['2026-11-02T09:00:00+01', '2026-11-02T08:00:00.000Z'],
    ['2024-02-29T23:59:60Z', '2024-03-01T00:00:00.000Z'],
  ])('%s is read', (text, expected) => {
    expect(new Date(parseInstant(text) ?? Number.NaN).toISOString()).toBe(expected);
  });

  it.each([
    '2026-11-02T09:00:00',
    '2026-11-02T09:00Z',
    '2026-11-31T09:00:00Z',
    '2025-02-29T09:00:00Z',
    '2026-13-01T09:00:00Z',
    '2026-00-01T09:00:00Z',
    '2026-11-00T09:00:00Z',
    '2026-11-02T24:00:00Z',
    '2026-11-02T09:60:00Z',
    '2026-11-02T09:00:61Z',
    'Mon, 02 Nov 2026 09:00:00 GMT',
    '1793577600',
  ])('%s is none', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  it('takes the zone that is given for one that is missing', () => {
    expect(parseInstant('2026-11-02 09:00:00', 'Z')).toBe(Date.parse('2026-11-02T09:00:00Z'));
  });
});
