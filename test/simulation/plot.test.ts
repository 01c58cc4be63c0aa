import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SimulationOutcome } from '../../src/simulation/outcome.ts';
import { roundValues, roundWholes, timeTicks } from '../../src/simulation/plot/scales.ts';
import { plotHtml, plotSvg } from '../../src/simulation/plot/plot.ts';
import { nextStepMs, stepName } from '../../src/simulation/time-steps.ts';
import { Timeline } from '../../src/simulation/timeline.ts';
import { CLOUD_AND_LOCAL, everyMinute, play } from '../support/simulated-month.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

function ticks(from: string, to: string, most: number): readonly string[] {
  return timeTicks(Date.parse(from), Date.parse(to), most).map(({ label }) => label);
}

describe('a plot', () => {
  let strict: SimulationOutcome;
  let lenient: SimulationOutcome;

  beforeAll(async () => {
    const requests = [
      ...everyMinute('2026-11-30T23:00:00Z', 20),
      ...everyMinute('2026-12-01T10:00:00Z', 6),
      ...everyMinute('2026-12-01T11:00:00Z', 4, 'small'),
    ];
    const budget = '[routing.budget]\nmonthly_limit_usd = 0.4\nhard_limit_action = ';
    strict = await play(`${CLOUD_AND_LOCAL}${budget}"block_cloud"`, requests);
    lenient = await play(CLOUD_AND_LOCAL, requests);
  });

  it('needs nothing else: no script, no font, no request', () => {
    const page = plotHtml([{ name: 'a', outcome: strict }], 'traffic.csv');
    const picture = plotSvg([{ name: 'a', outcome: strict }]);

    for (const text of [page, picture]) {
      const withoutNamespace = text.replace('http://www.w3.org/2000/svg', '');
      expect(withoutNamespace).not.toMatch(/https?:|<script|<link|@import|url\(|src=|href=/);
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
      expect(text).toContain('prefers-color-scheme:dark');
    }
    expect(page).toContain("default-src 'none'");
    expect(picture).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  });

  it('shows each month against both limits, the times of each status, and what was refused', () => {
    const picture = plotSvg([{ name: 'a', outcome: strict }]);
    const count = (pattern: RegExp): number => [...picture.matchAll(pattern)].length;

    expect(count(/class="spend"/g)).toBe(2);
    expect(count(/class="soft-band"/g)).toBe(1);
    expect(count(/class="hard-band"/g)).toBe(1);
    expect(count(/class="soft-dot"/g)).toBe(1);
    expect(count(/class="hard-dot"/g)).toBe(1);
    expect(picture).toContain('soft limit 0.30 USD');
    expect(picture).toContain('hard limit 0.40 USD (block_cloud)');
    expect(picture).toContain('hard limit reached at 2026-11-30 23:09 UTC');
    expect(picture).toContain('5 refused, from 2026-11-30 23:10 UTC');
    expect(picture).toContain('4 local, from 2026-12-01 11:00 UTC');
  });

  it('shows policies side by side on the same scales', () => {
    const policies = [
      { name: 'strict', outcome: strict },
      { name: 'lenient', outcome: lenient },
    ];
    const page = plotHtml(policies, 'traffic.csv');

    expect([...page.matchAll(/<figure /g)]).toHaveLength(2);
    expect([...page.matchAll(/<tr><td/g)]).toHaveLength(4);
    expect(page).toContain('no budget');
    expect(page).toContain('Requests refused: none');
    expect(plotSvg(policies)).toContain('translate(680,0)');
  });

  it('writes names as text, whatever is in them', () => {
    const name = '<img src=x onerror="alert(1)">&\u0007';
    const page = plotHtml([{ name, outcome: lenient }], name);

    expect(page).not.toContain('<img');
    expect(page).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;?');
  });

  it('says so where the limit is far above the spending', async () => {
    const toml = `${CLOUD_AND_LOCAL}[routing.budget]\nmonthly_limit_usd = 1000\n`;
    const outcome = await play(toml, everyMinute('2026-11-30T23:00:00Z', 1));

    expect(plotSvg([{ name: 'a', outcome }])).toContain(
      'the limit of 1,000.00 USD is above this range',
    );
  });

  it('draws one line where the soft limit is the hard limit', async () => {
    const toml = `${CLOUD_AND_LOCAL}[routing.budget]\nmonthly_limit_usd = 0.1\nsoft_limit_percent = 100\n`;
    const outcome = await play(toml, everyMinute('2026-11-30T23:00:00Z', 5));
    const picture = plotSvg([{ name: 'a', outcome }]);

    expect(picture).toContain('class="hard-line"');
    expect(picture).not.toContain('class="soft-line"');
  });
});

describe('ticks', () => {
  it('are at values that are round', () => {
    expect(roundValues(60, 5)).toEqual([0, 20, 40, 60]);
    expect(roundValues(1.1, 4)).toEqual([0, 0.5, 1]);
    expect(roundValues(9.4, 1)).toEqual([0]);
    expect(roundWholes(1.08, 4)).toEqual([0, 1]);
  });

  it.each([
    [
      '2026-11-02T09:02:00Z',
      '2026-11-02T09:07:00Z',
      6,
      ['09:02', '09:03', '09:04', '09:05', '09:06', '09:07'],
    ],
    ['2026-11-02T20:00:00Z', '2026-11-03T07:00:00Z', 4, ['21:00', '3 Nov', '03:00', '06:00']],
    ['2026-11-02T00:00:00Z', '2026-11-05T00:00:00Z', 4, ['2 Nov', '3 Nov', '4 Nov', '5 Nov']],
    ['2026-10-28T00:00:00Z', '2026-11-09T00:00:00Z', 3, ['1 Nov', '6 Nov']],
    ['2026-10-01T00:00:00Z', '2027-01-01T00:00:00Z', 6, ['Oct', 'Nov', 'Dec', 'Jan 2027']],
    ['2025-02-03T00:00:00Z', '2027-01-01T00:00:00Z', 4, ['Jul', 'Jan 2026', 'Jul', 'Jan 2027']],
  ])('from %s to %s are at times that people count in', (from, to, most, expected) => {
    expect(ticks(from, to, most)).toEqual(expected);
  });
});

describe('steps of time', () => {
  it('have names, and the next one is a multiple of each', () => {
    let stepMs = MINUTE_MS;
    const names: string[] = [];
    for (let at = 0; at < 11; at += 1) {
      names.push(stepName(stepMs));
      expect(nextStepMs(stepMs) % stepMs).toBe(0);
      stepMs = nextStepMs(stepMs);
    }

    expect(names).toEqual([
      'minute',
      '5 minutes',
      '15 minutes',
      '30 minutes',
      'hour',
      '2 hours',
      '4 hours',
      '8 hours',
      'day',
      '2 days',
      '4 days',
    ]);
  });

  it('grow with the time that they cover, and lose no request', () => {
    const timeline = new Timeline();
    const startMs = Date.parse('2026-01-01T00:00:00Z');
    for (let at = 0; at < 50_000; at += 1) {
      const atMs = startMs + at * 10 * MINUTE_MS;
      const month = new Date(atMs).toISOString().slice(0, 7);
      timeline.count(at % 3 === 0 ? 'local' : 'cloud', atMs, month, at);
    }
    const { steps, stepMs } = timeline;

    expect(steps.length).toBeLessThanOrEqual(2000);
    expect(stepMs % MINUTE_MS).toBe(0);
    expect(stepMs).toBeLessThanOrEqual(DAY_MS);
    expect(steps.reduce((sum, { local, cloud }) => sum + local + cloud, 0)).toBe(50_000);
    expect(steps.at(-1)?.spending).toBe(49_999);
    for (const { startsAtMs } of steps) expect(startsAtMs % stepMs).toBe(0);
  });
});
