/**
 * Life after life on one ledger file: start the gateway, hold what it shows against what is known, load it, kill it at
 * a random moment. The moments, the load and the provider's behaviour come from one seed; how they interleave does not.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Chance } from '../prove/chance.ts';
import { Books } from './books.ts';
import { ClientLoad, noCounts, type LoadCounts } from './client-load.ts';
import { GatewayProcess } from './gateway-process.ts';
import { ProviderProcess } from './provider-process.ts';
import { configToml } from './setting.ts';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const WATCH_MS = 40;
/** A life may spend so many nano-dollars: hardly anything, a few calls, or all it wants. */
const ALLOWANCES: readonly [number, ...number[]] = [200_000, 20_000_000, 1e11, 1e11];

/** What the gateway was doing when it was killed. */
type Phase = 'starting' | 'serving' | 'stopping';

export interface CrashOptions {
  readonly seed: number;
  readonly kills: number;
  /** The most that a start may take, from the process to the first 200 of `/readyz`. */
  readonly readyWithinMs: number;
  readonly onProgress?: (line: string) => void;
}

export interface CrashReport {
  readonly seed: number;
  readonly kills: Readonly<Record<Phase, number>>;
  readonly counts: LoadCounts;
  readonly entries: number;
  readonly entriesLost: number;
  readonly attemptsBilled: number;
  /** Nano-dollars. */
  readonly billed: number;
  readonly settled: number;
  readonly suspense: number;
  /** Starts in milliseconds, sorted. */
  readonly readyMs: readonly number[];
  readonly violations: readonly string[];
  readonly seconds: number;
}

interface Trial {
  readonly options: CrashOptions;
  readonly folder: string;
  readonly chance: Chance;
  readonly provider: ProviderProcess;
  readonly books: Books;
  readonly kills: Record<Phase, number>;
  readonly counts: LoadCounts;
  readonly readyMs: number[];
}

function phaseOf(chance: Chance): Phase {
  if (chance.happens(0.15)) return 'starting';
  return chance.happens(0.12) ? 'stopping' : 'serving';
}

function writeConfig({ folder, chance, provider, books }: Trial): string {
  const file = path.join(folder, 'nexus.toml');
  const { settled, suspense } = books.totals;
  const limit = settled + suspense + chance.pick(ALLOWANCES);
  const toml = configToml({
    providerUrl: provider.url,
    ledgerPath: path.join(folder, 'ledger.db'),
    limitUsd: (limit / 1e9).toFixed(6),
  });
  writeFileSync(file, toml);
  return file;
}

/** Asks the gateway again and again what it knows, until it can not answer any more. */
async function watch({ books }: Trial, url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await books.watchBudget(url);
      await books.watchLedger(url);
    } catch (error) {
      // Cut by the kill. What the books find wrong is noted there, and thrown by nobody.
      if ((error as Error).name !== 'TypeError') throw error;
      return;
    }
    await delay(WATCH_MS);
  }
}

async function startAndCheck(trial: Trial, gateway: GatewayProcess): Promise<void> {
  trial.readyMs.push(await gateway.ready());
  await trial.books.checkRestart(gateway.url);
}

/** Loads a gateway and kills it in the middle, or shortly after it was asked to stop. */
async function serveUntilKilled(
  trial: Trial,
  gateway: GatewayProcess,
  phase: Phase,
): Promise<void> {
  const { chance, books, counts } = trial;
  const { url } = gateway;
  const watched = new AbortController();
  const watching = watch(trial, url, watched.signal);
  const load = new ClientLoad({
    url,
    chance,
    counts,
    onAnswer: (answer) => books.noteAnswer(answer),
  });
  await delay(chance.between(20, 800));
  if (gateway.exit !== null) books.fail(`the gateway ended by itself: ${gateway.output}`);
  if (phase === 'stopping') {
    gateway.askToStop();
    await delay(chance.below(120));
  }
  await gateway.kill();
  watched.abort();
  await Promise.all([load.stop(), watching]);
}

async function live(trial: Trial): Promise<void> {
  const { chance, books, provider, kills } = trial;
  const phase = phaseOf(chance);
  const gateway = new GatewayProcess(writeConfig(trial));
  try {
    if (phase === 'starting') {
      await delay(chance.below(Math.ceil(trial.readyMs.at(-1) ?? 1000)));
      await gateway.kill();
    } else {
      await startAndCheck(trial, gateway);
      await serveUntilKilled(trial, gateway, phase);
    }
  } finally {
    await gateway.kill();
  }
  kills[phase] += 1;
  await provider.quiet();
  books.noteBills(await provider.takeBills());
}

/** The last life ends as an operator would end it; then the file is verified, as an operator would. */
async function endInOrder(trial: Trial): Promise<void> {
  const { books, folder } = trial;
  const gateway = new GatewayProcess(writeConfig(trial));
  try {
    await startAndCheck(trial, gateway);
    await books.checkWholeLedger(gateway.url);
    const exit = await gateway.stop();
    if (exit.code !== 0) books.fail(`the last stop ended with ${JSON.stringify(exit)}`);
  } finally {
    await gateway.kill();
  }
  const file = path.join(folder, 'ledger.db');
  try {
    await promisify(execFile)(
      process.execPath,
      [CLI, 'ledger', 'verify', '--ledger', file, '--json'],
      { env: {} },
    );
  } catch (error) {
    books.fail(`nexus ledger verify: ${String(error)}`);
  }
}

export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const startedMs = performance.now();
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-crash-'));
  const provider = await ProviderProcess.start(options.seed);
  const trial: Trial = {
    options,
    folder,
    chance: new Chance(options.seed, 0),
    provider,
    books: new Books(),
    kills: { starting: 0, serving: 0, stopping: 0 },
    counts: noCounts(),
    readyMs: [],
  };
  const { books, kills, counts } = trial;
  try {
    for (let kill = 1; kill <= options.kills && books.violations.length === 0; kill += 1) {
      await live(trial);
      options.onProgress?.(
        `${kill} of ${options.kills} kills, ${counts.answered} answers, ${books.entriesShown} entries`,
      );
    }
    await endInOrder(trial);
  } finally {
    await provider.close();
    // The ledger of a run that failed is evidence.
    if (books.violations.length === 0) rmSync(folder, { recursive: true });
    else books.fail(`the ledger is kept in ${folder}`);
  }
  const readyMs = trial.readyMs.toSorted((a, b) => a - b);
  const slow = readyMs.filter((ms) => ms > options.readyWithinMs).length;
  if (slow > 0) books.fail(`${slow} starts took more than ${options.readyWithinMs} ms`);
  return {
    seed: options.seed,
    kills,
    counts,
    entries: books.entriesShown,
    entriesLost: books.lost,
    attemptsBilled: books.attemptsBilled,
    billed: books.billed,
    settled: books.totals.settled,
    suspense: books.totals.suspense,
    readyMs,
    violations: books.violations,
    seconds: (performance.now() - startedMs) / 1000,
  };
}
