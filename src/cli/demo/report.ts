/** What happened, phase by phase, and where each dollar went: from the ledger, entry by entry. */
import { addNano, formatUsd, formatUsdExact, parseUsd, type NanoUsd } from '../../core/money.ts';
import type { Answer } from '../answer.ts';
import { tableLines, type Column } from '../table.ts';
import type { Phase, PhaseName } from './phases.ts';
import type { Reading } from './reading.ts';

interface PhaseRow {
  readonly phase: PhaseName;
  readonly month: string;
  readonly requests: number;
  readonly local: number;
  readonly cloud: number;
  readonly refused: number;
  readonly spent: NanoUsd;
}

interface SpendRow {
  readonly month: string;
  readonly backend: string;
  readonly kind: string;
  readonly model: string;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly spent: NanoUsd;
}

export interface Report {
  readonly limit: NanoUsd;
  readonly phases: readonly PhaseRow[];
  readonly spending: readonly SpendRow[];
  /** What did not go as it should; empty when all went well. */
  readonly problems: readonly string[];
  readonly seconds: number;
}

/** A change of the ledger, which may be negative. */
function readChange(text: string): NanoUsd {
  return text.startsWith('-') ? -parseUsd(text.slice(1)) : parseUsd(text);
}

function spentOf(entry: Answer): NanoUsd {
  return addNano(readChange(entry.text('settled_usd')), readChange(entry.text('suspense_usd')));
}

function phaseRow(phase: Phase, spentByRequest: ReadonlyMap<string, NanoUsd>): PhaseRow {
  const { name, month, outcomes } = phase;
  const count = (served: string): number =>
    outcomes.filter((outcome) => outcome.served === served).length;
  return {
    phase: name,
    month,
    requests: outcomes.length,
    local: count('local'),
    cloud: count('cloud'),
    refused: count('refused'),
    spent: addNano(...outcomes.map(({ requestId }) => spentByRequest.get(requestId) ?? 0)),
  };
}

function spendRows(entries: readonly Answer[]): readonly SpendRow[] {
  const rows = new Map<string, SpendRow>();
  for (const entry of entries) {
    if (entry.text('kind') !== 'charge') continue;
    const [month, backend, model] = [
      entry.text('billing_month'),
      entry.text('backend'),
      entry.text('model'),
    ];
    const key = [month, backend, model].join('\n');
    const before = rows.get(key);
    const usage = entry.has('usage') ? entry.object('usage') : null;
    rows.set(key, {
      month,
      backend,
      kind: entry.text('backend_type'),
      model,
      requests: (before?.requests ?? 0) + 1,
      inputTokens: (before?.inputTokens ?? 0) + (usage?.number('input_tokens') ?? 0),
      outputTokens: (before?.outputTokens ?? 0) + (usage?.number('output_tokens') ?? 0),
      spent: addNano(before?.spent ?? 0, spentOf(entry)),
    });
  }
  return [...rows.values()].toSorted(
    (one, other) => one.month.localeCompare(other.month) || other.spent - one.spent,
  );
}

/** What each phase must have shown, and what must hold for the money. */
function problemsOf(
  phases: readonly PhaseRow[],
  spending: readonly SpendRow[],
  limit: NanoUsd,
  last: Reading,
): readonly string[] {
  const problems: string[] = [];
  const demand = (holds: boolean, otherwise: string): void => {
    if (!holds) problems.push(otherwise);
  };
  const byName = new Map(phases.map((row) => [row.phase, row]));
  const of = (name: PhaseName): PhaseRow | undefined => byName.get(name);
  demand((of('Normal')?.cloud ?? 0) > 0, 'no cloud backend was used in Normal');
  demand((of('SoftLimit')?.local ?? 0) > 0, 'no local backend was used in SoftLimit');
  demand(of('HardLimit')?.cloud === 0, 'a cloud backend was used at HardLimit');
  demand((of('HardLimit')?.local ?? 0) > 0, 'no local backend was used at HardLimit');
  demand((of('HardLimit')?.refused ?? 0) > 0, 'nothing was refused at HardLimit');
  demand((of('Next month')?.cloud ?? 0) > 0, 'no cloud backend was used in the next month');
  const months = new Set(phases.map(({ month }) => month));
  demand(months.size === 2, `the requests fell into ${months.size} billing months instead of 2`);
  for (const month of months) {
    const spent = addNano(...spending.flatMap((row) => (row.month === month ? [row.spent] : [])));
    demand(spent <= limit, `${month} was overspent: ${formatUsdExact(spent)} USD`);
    if (month === last.month) {
      demand(
        formatUsdExact(spent) === formatUsdExact(parseUsd(last.spent)),
        `the ledger says ${formatUsdExact(spent)} USD in ${month}, /v1/stats says ${last.spent}`,
      );
    }
  }
  demand(last.held === 0, `${last.held} USD are still held although nothing is in flight`);
  const requests = phases.reduce((sum, row) => sum + row.requests, 0);
  demand(
    last.requests === requests,
    `${requests} requests were sent, /v1/stats counted ${last.requests}`,
  );
  return problems;
}

/** @param entries all entries of the ledger; @param last what `/v1/stats` says at the end. */
export function makeReport(
  phases: readonly Phase[],
  entries: readonly Answer[],
  last: Reading,
  seconds: number,
): Report {
  const spentByRequest = new Map<string, NanoUsd>();
  for (const entry of entries) {
    const id = entry.text('request_id');
    spentByRequest.set(id, addNano(spentByRequest.get(id) ?? 0, spentOf(entry)));
  }
  const rows = phases.map((phase) => phaseRow(phase, spentByRequest));
  const spending = spendRows(entries);
  const limit = parseUsd(last.limit);
  const problems = problemsOf(rows, spending, limit, last);
  return { limit, phases: rows, spending, problems, seconds };
}

export function reportJson({ limit, phases, spending, problems, seconds }: Report): object {
  return {
    ok: problems.length === 0,
    problems,
    limit_usd: formatUsdExact(limit),
    phases: phases.map(({ month, spent, ...row }) => ({
      ...row,
      billing_month: month,
      spent_usd: formatUsdExact(spent),
    })),
    spending: spending.map((row) => ({
      billing_month: row.month,
      backend: row.backend,
      backend_type: row.kind,
      model: row.model,
      requests: row.requests,
      input_tokens: row.inputTokens,
      output_tokens: row.outputTokens,
      spent_usd: formatUsdExact(row.spent),
    })),
    seconds: Math.round(seconds * 10) / 10,
  };
}

const PHASE_COLUMNS: readonly Column[] = [
  { title: 'PHASE' },
  { title: 'MONTH' },
  { title: 'REQUESTS', align: 'right' },
  { title: 'LOCAL', align: 'right' },
  { title: 'CLOUD', align: 'right' },
  { title: 'REFUSED', align: 'right' },
  { title: 'SPENT USD', align: 'right' },
];

const SPEND_COLUMNS: readonly Column[] = [
  { title: 'MONTH' },
  { title: 'BACKEND' },
  { title: 'MODEL' },
  { title: 'REQUESTS', align: 'right' },
  { title: 'TOKENS IN', align: 'right' },
  { title: 'TOKENS OUT', align: 'right' },
  { title: 'USD', align: 'right' },
];

const usd = (amount: NanoUsd): string => formatUsd(amount, 6);

export function reportLines({ limit, phases, spending, seconds }: Report): readonly string[] {
  const sum = (pick: (row: PhaseRow) => number): number =>
    phases.reduce((total, row) => total + pick(row), 0);
  const phaseCells = phases.map((row) => [
    row.phase,
    row.month,
    ...[row.requests, row.local, row.cloud, row.refused].map(String),
    usd(row.spent),
  ]);
  const totals = [
    sum((row) => row.requests),
    sum((row) => row.local),
    sum((row) => row.cloud),
    sum((row) => row.refused),
  ];
  const spendCells = spending.map((row) => [
    row.month,
    row.backend,
    row.model,
    ...[row.requests, row.inputTokens, row.outputTokens].map(String),
    usd(row.spent),
  ]);
  const months = [...new Set(phases.map(({ month }) => month))];
  return [
    'What happened',
    ...tableLines(PHASE_COLUMNS, [
      ...phaseCells,
      ['total', '', ...totals.map(String), usd(sum((row) => row.spent))],
    ]),
    '',
    'Where each dollar went',
    ...tableLines(SPEND_COLUMNS, [
      ...spendCells,
      ['total', '', '', '', '', '', usd(addNano(...spending.map((row) => row.spent)))],
    ]),
    '',
    ...months.map((month) => {
      const spent = addNano(...spending.flatMap((row) => (row.month === month ? [row.spent] : [])));
      return `${month}: ${usd(spent)} of ${formatUsd(limit, 2)} USD spent.`;
    }),
    `${sum((row) => row.requests)} requests in ${seconds.toFixed(1)} s; every amount is from the ledger.`,
  ];
}
