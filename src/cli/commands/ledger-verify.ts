import { existsSync } from 'node:fs';
import { loadConfig } from '../../config/load-config.ts';
import type { AuditReport, Mismatch, Recomputation } from '../../core/ledger.ts';
import { formatUsdExact } from '../../core/money.ts';
import { verifyLedgerFile } from '../../main.ts';
import { command, type Session } from '../command.ts';
import { CommandFailure, UsageFailure } from '../failure.ts';
import type { Flags } from '../flags.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { tableLines, type Column } from '../table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'MONTH' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'SETTLED USD', align: 'right' },
  { title: 'SUSPENSE USD', align: 'right' },
  { title: 'HELD USD', align: 'right' },
  { title: 'DRIFT USD', align: 'right' },
];

function ledgerPath(flags: Flags<'ledger' | 'config'>, { env }: Session): string {
  const given = flags.text('ledger');
  if (given !== undefined && flags.isSet('config'))
    throw new UsageFailure('give --ledger or --config, not both');
  const path = given ?? loadConfig({ path: flags.text('config'), env }).settings.ledger.path;
  if (path === ':memory:')
    throw new CommandFailure('a ledger at :memory: is in no file, so there is nothing to verify');
  if (!existsSync(path)) {
    throw new CommandFailure(
      `there is no ledger at ${path}; name one with --ledger PATH or --config FILE`,
    );
  }
  return path;
}

function mismatchJson({ seq, kind, requestId, what, expectedUsd, foundUsd }: Mismatch): object {
  return {
    seq,
    kind,
    request_id: requestId,
    what,
    expected_usd: expectedUsd,
    found_usd: foundUsd,
  };
}

function reportJson(report: AuditReport): object {
  const { month, entriesChecked, drift, totals, problems, recomputation } = report;
  return {
    billing_month: month,
    entries: entriesChecked,
    settled_usd: formatUsdExact(totals.settled),
    suspense_usd: formatUsdExact(totals.suspense),
    held_usd: formatUsdExact(totals.held),
    drift_usd: formatUsdExact(drift),
    problems: problems ?? [],
    charges_recomputed: recomputation?.recomputed ?? 0,
    charges_not_recomputable: recomputation?.notRecomputable ?? 0,
    mismatches: (recomputation?.mismatches ?? []).map(mismatchJson),
  };
}

function row({ month, entriesChecked, drift, totals }: AuditReport): readonly string[] {
  const amounts = [totals.settled, totals.suspense, totals.held, drift].map(formatUsdExact);
  return [month, String(entriesChecked), ...amounts];
}

/** Everything that is wrong, a line each. */
function faults(reports: readonly AuditReport[]): readonly string[] {
  return reports.flatMap(({ month, drift, problems = [], recomputation }) => [
    ...(drift === 0
      ? []
      : [`${month}: balances and entries differ by ${formatUsdExact(drift)} USD`]),
    ...problems.map((problem) => `${month}: ${problem}`),
    ...(recomputation?.mismatches ?? []).map(
      ({ seq, kind, what, expectedUsd, foundUsd }) =>
        `${month}: entry ${seq} (${kind}) has the ${what} ${foundUsd} USD, but its evidence makes ${expectedUsd} USD`,
    ),
  ]);
}

function lines(reports: readonly AuditReport[]): readonly string[] {
  if (reports.length === 0) return ['The ledger has no entries.'];
  const entries = reports.reduce((sum, { entriesChecked }) => sum + entriesChecked, 0);
  const isSound = faults(reports).length === 0;
  const sum = (of: (counts: Recomputation) => number): number =>
    reports.reduce((all, { recomputation }) => all + (recomputation ? of(recomputation) : 0), 0);
  const old = sum(({ notRecomputable }) => notRecomputable);
  return [
    ...tableLines(COLUMNS, reports.map(row)),
    '',
    `${sum(({ recomputed }) => recomputed)} charges were made again from their usage and price.`,
    ...(old > 0
      ? [`${old} charges are not recomputable: their price or their hold was not kept.`]
      : []),
    ...(isSound ? [`${entries} entries were read; every balance agrees with them.`] : []),
  ];
}

export const ledgerVerify = command({
  synopsis: '[--ledger PATH | --config FILE] [--json]',
  about:
    'Reads every entry of a ledger file, checks each one, makes every charge again from its usage and the price that was kept for it, and compares the sums with the balances of all months. The gateway that owns the file must be stopped; a running one verifies itself at every reconciliation. Ends with 1 when something does not agree.',
  flags: {
    ledger: { value: 'PATH', help: 'SQLite file of the ledger.' },
    config: { value: 'FILE', help: 'TOML config that names the ledger.' },
    ...JSON_FLAG,
  },
  examples: [
    'nexus ledger verify --ledger data/nexus-ledger.db',
    'nexus ledger verify --config nexus.toml --json',
  ],
  async run(flags, session) {
    const path = ledgerPath(flags, session);
    const reports = await verifyLedgerFile(path);
    const wrong = faults(reports);
    if (flags.isSet('json')) {
      const months = reports.map(reportJson);
      await session.out.json({ ok: wrong.length === 0, ledger: path, months });
    } else await session.out.line(lines(reports).join('\n'));
    for (const fault of wrong) await session.err.line(`nexus: ${fault}`);
    return wrong.length === 0 ? 0 : 1;
  },
});
