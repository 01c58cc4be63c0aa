/** A simulation as a table for people, one row for each month and policy. */
import { formatUsd, type NanoUsd } from '../../core/money.ts';
import type { Counts, MonthOutcome, SimulationOutcome } from '../../simulation/outcome.ts';
import { tableLines, type Column } from '../table.ts';

export interface NamedOutcome {
  readonly name: string;
  readonly outcome: SimulationOutcome;
}

const POLICY: Column = { title: 'POLICY' };
const COLUMNS: readonly Column[] = [
  { title: 'MONTH' },
  { title: 'REQUESTS', align: 'right' },
  { title: 'LOCAL', align: 'right' },
  { title: 'CLOUD', align: 'right' },
  { title: 'REFUSED', align: 'right' },
  { title: 'USD', align: 'right' },
  { title: 'SAVED BY LOCAL', align: 'right' },
  { title: 'STATUS' },
  { title: 'SOFT LIMIT AT' },
  { title: 'HARD LIMIT AT' },
  { title: 'PROJECTED', align: 'right' },
];

const SHOWN_MODELS = 10;

function usd(amount: NanoUsd): string {
  return formatUsd(amount, 4);
}

/** `11-12 09:14`: the month stands beside it. */
function at(atMs: number | null): string {
  return atMs === null ? '-' : new Date(atMs).toISOString().slice(5, 16).replace('T', ' ');
}

function countCells(counts: Counts): readonly string[] {
  const { requests, local, cloud, refused, spending, savedByLocal } = counts;
  return [...[requests, local, cloud, refused].map(String), usd(spending), usd(savedByLocal)];
}

function monthCells(month: MonthOutcome): readonly string[] {
  return [
    month.period.month,
    ...countCells(month),
    month.status ?? '-',
    at(month.softLimitAtMs),
    at(month.hardLimitAtMs),
    month.projectedUsd === null ? '-' : month.projectedUsd.toFixed(2),
  ];
}

/** Rows of all policies, month by month, so that what is to be compared stands together. */
function rows(policies: readonly NamedOutcome[]): readonly (readonly string[])[] {
  const months = policies[0]?.outcome.months.map(({ period }) => period.month) ?? [];
  const named = (name: string, cells: readonly string[]): readonly string[] =>
    policies.length > 1 ? [name, ...cells] : cells;
  const ofMonths = policyMonths(policies, months).map(({ name, month }) =>
    named(name, monthCells(month)),
  );
  const totals = policies.map(({ name, outcome }) =>
    named(name, ['total', ...countCells(outcome.total), '', '', '', '']),
  );
  return months.length > 1 ? [...ofMonths, ...totals] : ofMonths;
}

function policyMonths(
  policies: readonly NamedOutcome[],
  first: readonly string[],
): readonly { readonly name: string; readonly month: MonthOutcome }[] {
  const all = policies.flatMap(({ outcome }) => outcome.months.map(({ period }) => period.month));
  // Another billing day gives other months.
  const names = [...new Set([...first, ...all])].toSorted();
  return names.flatMap((wanted) =>
    policies.flatMap(({ name, outcome }) =>
      outcome.months
        .filter(({ period }) => period.month === wanted)
        .map((month) => ({ name, month })),
    ),
  );
}

function plural(count: number, one: string, several: string): string {
  return `${count} ${count === 1 ? one : several}`;
}

function notes({ budget, total, unserved, months }: SimulationOutcome): readonly string[] {
  const lines: string[] = [];
  if (budget === null) lines.push('No budget is configured: nothing is enforced.');
  const refusals = Object.entries(total.refusals).map(([code, count]) => `${count} ${code}`);
  if (refusals.length > 0) lines.push(`Refused: ${refusals.join(', ')}.`);
  if (unserved.size > 0) {
    const models = [...unserved]
      .slice(0, SHOWN_MODELS)
      .map(([model, count]) => `${model} (${plural(count, 'time', 'times')})`);
    const more = unserved.size > SHOWN_MODELS ? `, and ${unserved.size - SHOWN_MODELS} more` : '';
    lines.push(
      `No backend serves ${models.join(', ')}${more}: name them under [[backends]] models, or give them an alias.`,
    );
  }
  if (total.shortened > 0) {
    lines.push(
      `${plural(total.shortened, 'answer was', 'answers were')} shortened: the rest of the month's budget paid for no more.`,
    );
  }
  const last = months.at(-1);
  if (last?.status === 'HardLimit' && budget?.hardLimitAction === 'warn')
    lines.push('The hard limit only warns: nothing was refused for lack of money.');
  return lines;
}

function signed(
  amount: number,
  words: readonly [more: string, less: string],
  what: string,
): string {
  return amount === 0 ? '' : `${what} ${amount > 0 ? words[0] : words[1]}`;
}

/** What the second policy does that the first does not. */
function comparison([one, other]: readonly NamedOutcome[]): readonly string[] {
  if (one === undefined || other === undefined) return [];
  const [a, b] = [one.outcome.total, other.outcome.total];
  const spent = b.spending - a.spending;
  const differences = [
    signed(spent, ['more spent', 'less spent'], `${usd(Math.abs(spent))} USD`),
    signed(b.refused - a.refused, ['more refused', 'fewer refused'], times(b.refused - a.refused)),
    signed(
      b.local - a.local,
      ['more served locally', 'fewer served locally'],
      times(b.local - a.local),
    ),
  ].filter((text) => text !== '');
  const words = differences.length === 0 ? 'the same outcome' : differences.join(', ');
  return [`${other.name} against ${one.name}: ${words}.`];
}

function times(difference: number): string {
  return String(Math.abs(difference));
}

/** @param leftOut what could not be played, from the reader of the traffic. */
export function summaryLines(
  policies: readonly NamedOutcome[],
  leftOut: ReadonlyMap<string, number>,
): readonly string[] {
  const columns = policies.length > 1 ? [POLICY, ...COLUMNS] : COLUMNS;
  const said = policies.flatMap(({ name, outcome }) =>
    notes(outcome).map((note) => (policies.length > 1 ? `${name}: ${note}` : note)),
  );
  const skipped = Array.from(leftOut, ([what, count]) => `Left out: ${count} ${what}.`);
  const below = [...comparison(policies), ...said, ...skipped];
  return [
    ...tableLines(columns, rows(policies)),
    ...(below.length === 0 ? [] : ['', ...below]),
    '',
    'Amounts in USD, times in UTC. Projected: where the month ends at the pace of its traffic.',
  ];
}
