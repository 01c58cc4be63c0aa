/** What the size of the ledger costs: at the start, at each reconciliation, and to those who ask. */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { periodAt } from '../../src/core/billing-period.ts';
import type { Charge } from '../../src/core/ledger.ts';
import type { Log } from '../../src/core/log.ts';
import { createSystemClock } from '../../src/control/system-clock.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import { timedId } from '../../src/http/request-id.ts';
import { openLedger, type OpenLedger } from '../../src/ledger/ledger.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { median, shown, type Table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { startGateway, stop, type Started } from './processes.ts';

const silent: Log = { error() {}, warn() {}, info() {}, debug() {} };
const CHARGE: Charge = {
  amount: 6_600_000,
  exactPico: '6600000000',
  basis: 'provider',
  usage: { ...NO_USAGE, input: 180, output: 160 },
};
const FLUSH_EVERY = 500;
const ASKED = 20;

interface Opened {
  readonly ledger: OpenLedger;
  readonly flush: () => void;
}

function open(file: string): Opened {
  const clock = createSystemClock();
  const flushes: (() => void)[] = [];
  const ledger = openLedger({
    store: openStore(file),
    clock,
    period: periodAt(clock.now(), { billingCycleDay: 1, timezone: 'UTC' }),
    newId: () => timedId('hold'),
    log: silent,
    scheduleFlush: (run) => flushes.push(run),
  });
  return { ledger, flush: () => flushes.splice(0).forEach((run) => run()) };
}

/** Two entries for each request, stored as the gateway stores them, checkpoints included. */
async function fill(file: string, entries: number): Promise<void> {
  const { ledger, flush } = open(file);
  for (let made = 0; made < entries; made += 2) {
    const reserved = ledger.reserve({
      requestId: timedId('req'),
      attempt: 1,
      backend: 'stub',
      backendKind: 'cloud',
      model: 'gpt-4o',
      amount: 9_000_000,
      priceVersion: 'bench',
    });
    if (reserved.kind === 'held') ledger.settle(reserved.hold.id, CHARGE);
    if (made % (2 * FLUSH_EVERY) === 0) flush();
  }
  flush();
  await ledger.close();
  writeBack(file);
}

/** Gigabytes that still wait to be written would slow down the first fsync of the start that is measured. */
function writeBack(file: string): void {
  const descriptor = openSync(file, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function timed(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}

/** Milliseconds to open the books, to compare them with the entries, and to read the newest hundred. */
async function inProcess(file: string): Promise<readonly number[]> {
  const startedMs = performance.now();
  const { ledger } = open(file);
  const openMs = performance.now() - startedMs;
  const audits = Array.from({ length: ASKED }, () => timed(() => ledger.audit()));
  const pages = Array.from({ length: ASKED }, () => timed(() => ledger.entries({ limit: 100 })));
  await ledger.close();
  return [openMs, Math.max(...audits), median(pages)];
}

async function answerMs(url: string): Promise<number> {
  const startedMs = performance.now();
  const answer = await fetch(url);
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return performance.now() - startedMs;
}

/** Milliseconds from the start of a process to its first answer, and for an answer of its statistics. */
async function asProcess(file: string, upstream: Started): Promise<readonly number[]> {
  const startedMs = performance.now();
  const { child, url } = await startGateway(upstream.url, file);
  await answerMs(`${url}/readyz`);
  const startMs = performance.now() - startedMs;
  const stats: number[] = [];
  for (let asked = 0; asked < ASKED; asked += 1) stats.push(await answerMs(`${url}/v1/stats`));
  await stop(child);
  return [startMs, median(stats)];
}

export async function ledgerPart(upstream: Started, { ledgerSizes }: BenchOptions): Promise<Table> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-bench-ledger-'));
  const rows: string[][] = [];
  try {
    for (const entries of ledgerSizes) {
      const file = path.join(folder, `${entries}.db`);
      await fill(file, entries);
      const megabytes = statSync(file).size / 1024 ** 2;
      const figures = [...(await asProcess(file, upstream)), ...(await inProcess(file))];
      rows.push([
        entries.toLocaleString('en'),
        shown(megabytes, 1),
        ...figures.map((figure) => shown(figure, 1)),
      ]);
      rmSync(file);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    title: 'Size of the ledger',
    note: 'Entries of the current month. The start is that of the whole process up to its first answer; reconciliation is the slowest of twenty.',
    columns: [
      'entries',
      'file MB',
      'start to first answer ms',
      'GET /v1/stats ms',
      'open the books ms',
      'reconciliation ms',
      'newest 100 entries ms',
    ],
    rows,
  };
}
