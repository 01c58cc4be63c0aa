/** Many worlds of one seed, over threads. Each world depends on the seed and its number alone, so threads change nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { LedgerEntry } from '../../src/core/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory-store.ts';
import { openSqliteStore } from '../../src/ledger/sqlite-store.ts';
import type { Batch, LedgerStore } from '../../src/ledger/store.ts';
import { addCounts, noCounts, type Counts } from './counts.ts';
import { World } from './world.ts';

/** Small enough that many different worlds are seen, large enough that each sees many months. */
const ADMISSIONS_IN_WORLD = 4000;

export interface ProofOptions {
  readonly seed: number;
  readonly admissions: number;
  /** Null: until the admissions are made. */
  readonly minutes: number | null;
  readonly workers: number;
  readonly store: 'memory' | 'sqlite';
  /** Only this one. */
  readonly world: number | null;
  readonly isTraced: boolean;
}

/** A rule that was broken. */
export interface Found {
  readonly world: number;
  readonly step: number;
  readonly rule: string;
  readonly events: readonly string[];
}

export interface Proof {
  readonly counts: Counts;
  readonly worlds: number;
  readonly found: readonly Found[];
}

interface WorldResult {
  readonly counts: Counts;
  readonly found: Found | null;
}

type Task = Pick<ProofOptions, 'seed' | 'store' | 'isTraced'> & {
  readonly world: number;
  readonly admissions: number;
};

/** Finds the entries of a hold without reading all the others. */
class IndexedMemoryStore extends MemoryStore {
  readonly #byHold = new Map<string, LedgerEntry[]>();

  override append(batch: Batch): void {
    super.append(batch);
    for (const entry of batch.entries) {
      const entries = this.#byHold.get(entry.holdId);
      if (entries === undefined) this.#byHold.set(entry.holdId, [entry]);
      else entries.push(entry);
    }
  }

  override entriesOfHold(holdId: string): readonly LedgerEntry[] {
    return this.#byHold.get(holdId) ?? [];
  }
}

function memory(): () => LedgerStore {
  const store = new IndexedMemoryStore();
  return () => store;
}

async function runWorld({ seed, store, isTraced, world, admissions }: Task): Promise<WorldResult> {
  const folder = store === 'sqlite' ? mkdtempSync(path.join(tmpdir(), 'nexus-prove-')) : null;
  const run = new World({
    seed,
    world,
    admissions,
    openStore:
      folder === null ? memory() : () => openSqliteStore(path.join(folder, 'ledger.sqlite')),
    say: isTraced ? (line) => console.error(line) : null,
  });
  const { stackTraceLimit } = Error;
  // Refusals and failures are ordinary here; making the stack of each would cost a tenth of the time.
  if (!isTraced) Error.stackTraceLimit = 0;
  await run.run();
  Error.stackTraceLimit = stackTraceLimit;
  if (folder !== null) rmSync(folder, { recursive: true });
  const { violation, step } = run.verdict;
  const found =
    violation === null ? null : { world, step, rule: violation, events: run.verdict.lines() };
  return { counts: run.counts, found };
}

function admissionsOf(world: number, { admissions, minutes }: ProofOptions): number {
  if (minutes !== null) return ADMISSIONS_IN_WORLD;
  return Math.min(ADMISSIONS_IN_WORLD, admissions - world * ADMISSIONS_IN_WORLD);
}

interface TaskSource {
  /** The next world of the proof, or null when it is done. */
  readonly nextTask: () => Task | null;
  /** A rule was broken: worlds that have begun end, no other begins. */
  readonly stop: () => void;
}

function taskSource(options: ProofOptions): TaskSource {
  const { seed, store, isTraced, minutes } = options;
  const endMs = minutes === null ? Number.POSITIVE_INFINITY : Date.now() + minutes * 60_000;
  let next = options.world ?? 0;
  let isOver = false;
  const nextTask = (): Task | null => {
    if (options.world !== null && next > options.world) return null;
    const admissions = admissionsOf(next, options);
    if (isOver || admissions <= 0 || Date.now() >= endMs) return null;
    next += 1;
    return { seed, store, isTraced, world: next - 1, admissions };
  };
  const stop = (): void => {
    isOver = true;
  };
  return { nextTask, stop };
}

type RunTask = (task: Task) => Promise<WorldResult>;

/** A thread that runs one world after the other. */
function startThread(): { readonly run: RunTask; readonly stop: () => Promise<unknown> } {
  const worker = new Worker(new URL(import.meta.url), {
    workerData: 'run worlds',
    // Worlds make short-lived objects by the million: room for them saves most of the collector's work.
    resourceLimits: { maxYoungGenerationSizeMb: 128 },
  });
  const run: RunTask = (task) =>
    new Promise((resolve, reject) => {
      worker.once('message', (result: WorldResult) => {
        worker.removeAllListeners('error');
        resolve(result);
      });
      worker.once('error', reject);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
      worker.postMessage(task);
    });
  return { run, stop: () => worker.terminate() };
}

async function drain(
  { nextTask, stop }: TaskSource,
  run: RunTask,
  results: Map<number, WorldResult>,
): Promise<void> {
  for (let task = nextTask(); task !== null; task = nextTask()) {
    const result = await run(task);
    results.set(task.world, result);
    if (result.found !== null) stop();
  }
}

/** Runs all worlds. Counts are summed in the order of the worlds, whoever ran them. */
export async function runWorlds(options: ProofOptions): Promise<Proof> {
  const tasks = taskSource(options);
  const results = new Map<number, WorldResult>();
  if (options.workers === 1 || options.world !== null) await drain(tasks, runWorld, results);
  else {
    const threads = Array.from({ length: options.workers }, startThread);
    await Promise.all(threads.map(({ run }) => drain(tasks, run, results)));
    await Promise.all(threads.map(({ stop }) => stop()));
  }
  const counts = noCounts();
  const found: Found[] = [];
  for (const [, result] of [...results].toSorted(([a], [b]) => a - b)) {
    addCounts(counts, result.counts);
    if (result.found !== null) found.push(result.found);
  }
  return { counts, worlds: results.size, found };
}

if (!isMainThread && workerData === 'run worlds') {
  parentPort?.on('message', (task: Task) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
    void runWorld(task).then((result) => parentPort?.postMessage(result));
  });
}
