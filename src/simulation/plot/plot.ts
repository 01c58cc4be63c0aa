/** Simulations as a page or a picture that needs nothing else: no script, no font, no request. */
import type { SimulationOutcome } from '../outcome.ts';
import { binLength, binsOf } from './bins.ts';
import { drawPolicy, DRAWING_HEIGHT, type Frame } from './draw-policy.ts';
import { PAGE_STYLE, PLOT_STYLE } from './look.ts';
import { element, escaped } from './svg.ts';
import { count, usd } from './words.ts';

/** A policy by its name, and what came of it. */
export interface PlottedPolicy {
  readonly name: string;
  readonly outcome: SimulationOutcome;
}

const WIDE = 1120;
/** Beside another one. */
const NARROW = 680;
const ROOM_ABOVE = 1.08;
const SHORTEST_SPAN_MS = 60_000;
/** Where spending stays below this share of the limit, the limit would press the curve flat. */
const LEAST_SHARE = 0.15;

/** From the first request to the last; whole billing months where most of their time is in it. */
function spanOf(policies: readonly PlottedPolicy[]): { fromMs: number; toMs: number } {
  const outcomes = policies.map(({ outcome }) => outcome);
  const firstMs = Math.min(...outcomes.map(({ firstAtMs }) => firstAtMs));
  const lastMs = Math.max(...outcomes.map(({ lastAtMs }) => lastAtMs), firstMs + SHORTEST_SPAN_MS);
  const periods = outcomes.flatMap(({ months }) => months.map(({ period }) => period));
  const startMs = Math.min(...periods.map(({ startsAtMs }) => startsAtMs));
  const endMs = Math.max(...periods.map(({ endsAtMs }) => endsAtMs));
  return (lastMs - firstMs) * 2 > endMs - startMs
    ? { fromMs: startMs, toMs: endMs }
    : { fromMs: firstMs, toMs: lastMs };
}

function mostSpending(policies: readonly PlottedPolicy[]): number {
  const spent = policies.flatMap(({ outcome }) => outcome.months.map(({ spending }) => spending));
  const most = Math.max(1, ...spent);
  const limits = policies
    .map(({ outcome }) => outcome.budget?.monthlyLimit ?? 0)
    .filter((limit) => most >= limit * LEAST_SHARE);
  return Math.max(most, ...limits) * ROOM_ABOVE;
}

function frameOf(policies: readonly PlottedPolicy[], width: number): Frame {
  const span = spanOf(policies);
  const stepMs = Math.max(...policies.map(({ outcome }) => outcome.timeline.stepMs));
  const binMs = binLength(stepMs, span.toMs - span.fromMs, width);
  const bins = policies.flatMap(({ outcome }) => binsOf(outcome, binMs));
  const most = (pick: (bin: (typeof bins)[number]) => number): number =>
    bins.reduce((highest, bin) => Math.max(highest, pick(bin)), 1) * ROOM_ABOVE;
  return {
    ...span,
    width,
    binMs,
    mostSpending: mostSpending(policies),
    mostServed: most(({ local, cloud }) => local + cloud),
    mostRefused: most(({ refused }) => refused),
  };
}

function words({ name, outcome }: PlottedPolicy): string {
  const { total } = outcome;
  return `${name}: ${count(total.requests)} requests, ${usd(total.spending)} spent, ${count(total.refused)} refused`;
}

/** The policies side by side in one picture. */
export function plotSvg(policies: readonly PlottedPolicy[]): string {
  const width = policies.length > 1 ? NARROW : WIDE;
  const frame = frameOf(policies, width);
  const whole = width * policies.length;
  const drawings = policies.map(({ name, outcome }, at) =>
    element('g', { transform: `translate(${at * width},0)` }, drawPolicy(name, outcome, frame)),
  );
  return `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${whole} ${DRAWING_HEIGHT}`,
      width: whole,
      height: DRAWING_HEIGHT,
      role: 'img',
      'aria-label': policies.map(words).join('; '),
    },
    element('style', {}, PLOT_STYLE),
    element('rect', { width: whole, height: DRAWING_HEIGHT, class: 'page' }),
    ...drawings,
  )}\n`;
}

function figure(policy: PlottedPolicy, frame: Frame): string {
  const svg = element(
    'svg',
    {
      viewBox: `0 0 ${frame.width} ${DRAWING_HEIGHT}`,
      role: 'img',
      'aria-label': words(policy),
    },
    drawPolicy(policy.name, policy.outcome, frame),
  );
  return `<figure tabindex="0" aria-label="${escaped(policy.name)}">${svg}</figure>`;
}

function instant(atMs: number | null): string {
  return atMs === null ? '–' : new Date(atMs).toISOString().slice(0, 16).replace('T', ' ');
}

const TITLES = [
  'Policy',
  'Month',
  'Requests',
  'Local',
  'Cloud',
  'Refused',
  'Spent',
  'Saved by local',
  'Status',
  'Soft limit at (UTC)',
  'Hard limit at (UTC)',
];
/** Columns of words, which are set to the left. */
const WORDS = new Set([0, 1, 8, 9, 10]);

function row(tag: 'th' | 'td', texts: readonly string[]): string {
  const cells = texts.map((text, at) => {
    const look = WORDS.has(at) ? ' class="words"' : '';
    return `<${tag}${look}>${escaped(text)}</${tag}>`;
  });
  return `<tr>${cells.join('')}</tr>`;
}

function table(policies: readonly PlottedPolicy[]): string {
  const rows = policies.flatMap(({ name, outcome }) =>
    outcome.months.map((month) => [
      name,
      month.period.month,
      count(month.requests),
      count(month.local),
      count(month.cloud),
      count(month.refused),
      usd(month.spending),
      usd(month.savedByLocal),
      month.status ?? '–',
      instant(month.softLimitAtMs),
      instant(month.hardLimitAtMs),
    ]),
  );
  return `<div class="table" tabindex="0" aria-label="The months in figures"><table><thead>${row('th', TITLES)}</thead><tbody>${rows.map((cells) => row('td', cells)).join('\n')}</tbody></table></div>`;
}

/** A page with a drawing for each policy and the figures below. */
export function plotHtml(policies: readonly PlottedPolicy[], source: string): string {
  const frame = frameOf(policies, policies.length > 1 ? NARROW : WIDE);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Nexus simulation: ${escaped(policies.map(({ name }) => name).join(' and '))}</title>
<style>${PAGE_STYLE}
${PLOT_STYLE}</style>
</head>
<body>
<main>
<h1>What would have happened</h1>
<p>${escaped(source)}, played against ${escaped(policies.map(({ name }) => name).join(' and '))} by nexus simulate. Amber ground: SoftLimit; red ground: HardLimit.</p>
<div class="plots ${policies.length > 1 ? 'two' : 'one'}">
${policies.map((policy) => figure(policy, frame)).join('\n')}
</div>
${table(policies)}
</main>
</body>
</html>
`;
}
