/** Case after case against one real gateway, several at a time, and then a look at what they left behind. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GatewayProcess } from '../crash/gateway-process.ts';
import { caseOf, type FuzzCase, type Surroundings } from './cases.ts';
import { exchange, type Outcome } from './exchange.ts';
import { GatewayWatch, WATCHED } from './gateway-watch.ts';
import { HostileBackend } from './hostile-backend.ts';
import { faultsOf } from './judge.ts';
import { readRoutes } from './routes.ts';
import { configToml, GOOD_MODELS, HOSTILE_MODELS } from './setting.ts';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const CASES_AT_ONCE = 8;
const DEADLINE_MS = 20_000;
const QUIET_WITHIN_MS = 20_000;
/** What the first cases load and fill (encodings, caches) is not counted as growth. */
const WARM_UP_CASES = 300;
const MAX_GROWTH_BYTES = 128 * 1024 * 1024;
const MOST_VIOLATIONS = 25;

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  /** Only this case, to replay it. */
  readonly only: number | null;
  /** The most that the gateway's event loop may work without a pause, in milliseconds of processor time. */
  readonly loopWorkMs: number;
  readonly onProgress?: (line: string) => void;
  readonly onCase?: (fuzzCase: FuzzCase, outcome: Outcome) => void;
}

export interface FuzzReport {
  readonly seed: number;
  readonly cases: number;
  readonly answers: number;
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Calls that reached a hostile backend. */
  readonly hostileCalls: number;
  readonly loopDelayMs: number;
  readonly loopWorkMs: number;
  readonly peakRssBytes: number;
  readonly heapGrowthBytes: number;
  readonly violations: readonly string[];
  readonly seconds: number;
}

class Fuzzing {
  readonly violations: string[] = [];
  readonly statuses: Record<string, number> = {};
  answers = 0;
  cases = 0;
  readonly #options: FuzzOptions;
  readonly #gateway: GatewayProcess;
  readonly #around: Surroundings;

  constructor(options: FuzzOptions, gateway: GatewayProcess, around: Surroundings) {
    this.#options = options;
    this.#gateway = gateway;
    this.#around = around;
  }

  fail(violation: string): void {
    this.violations.push(violation);
  }

  /** Runs the cases with the numbers from `first` to below `end`. */
  async run(first: number, end: number): Promise<void> {
    let next = first;
    const worker = async (): Promise<void> => {
      while (next < end && this.#goesOn()) {
        next += 1;
        await this.#one(next - 1);
      }
    };
    await Promise.all(Array.from({ length: CASES_AT_ONCE }, worker));
  }

  async #one(number: number): Promise<void> {
    const { seed, onCase, onProgress, requests } = this.#options;
    const fuzzCase = caseOf(seed, number, this.#around);
    const port = Number(new URL(this.#gateway.url).port);
    const outcome = await exchange(port, fuzzCase.script, DEADLINE_MS);
    this.cases += 1;
    this.answers += outcome.answers.length;
    for (const { status } of outcome.answers)
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    for (const fault of faultsOf(fuzzCase, outcome))
      this.fail(`case ${number}, ${fuzzCase.label}: ${fault}`);
    onCase?.(fuzzCase, outcome);
    onProgress?.(`${this.cases} of ${requests} cases, ${this.violations.length} violations`);
  }

  #goesOn(): boolean {
    return this.violations.length < MOST_VIOLATIONS && this.#gateway.exit === null;
  }
}

/** Waits until no hold is open and a reconciliation has seen that, then looks at the books. */
async function checkBooks(fuzzing: Fuzzing, url: string): Promise<void> {
  const endMs = performance.now() + QUIET_WITHIN_MS;
  let budget = { open_holds: -1, held_usd: -1 };
  while (performance.now() < endMs) {
    budget = (await (await fetch(`${url}/v1/budget`)).json()) as typeof budget;
    if (budget.open_holds === 0) break;
    await delay(50);
  }
  if (budget.open_holds !== 0 || budget.held_usd !== 0)
    fuzzing.fail(`${budget.open_holds} holds are open and nothing is in flight`);
  await delay(1200);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const drift = /^nexus_budget_drift_usd(?:\{[^}]*\})? (\S+)$/m.exec(metrics)?.[1];
  if (drift !== '0') fuzzing.fail(`the drift is ${String(drift)}`);
}

/**
 * The gateway logs as an error only what is its own fault; Node's warnings (a leak of listeners, a rejection that nobody
 * handled) come on the same way.
 */
function checkOutput(fuzzing: Fuzzing, output: string): void {
  for (const line of output.split('\n')) {
    if (/^\(node:\d+\)|Unhandled|uncaught| ERROR /i.test(line))
      fuzzing.fail(`the gateway said: ${line}`);
  }
}

async function checkEnd(fuzzing: Fuzzing, gateway: GatewayProcess, ledger: string): Promise<void> {
  if (gateway.exit !== null) {
    fuzzing.fail(`the gateway ended: ${JSON.stringify(gateway.exit)}\n${gateway.output}`);
    return;
  }
  await checkBooks(fuzzing, gateway.url);
  const exit = await gateway.stop();
  if (exit.code !== 0) fuzzing.fail(`the stop ended with ${JSON.stringify(exit)}`);
  checkOutput(fuzzing, gateway.output);
  try {
    const args = [CLI, 'ledger', 'verify', '--ledger', ledger];
    await promisify(execFile)(process.execPath, args, { env: {} });
  } catch (error) {
    fuzzing.fail(`nexus ledger verify: ${String(error)}`);
  }
}

/** Runs all cases, and a collection of garbage before and after. Returns by how much the memory in use has grown. */
async function runCases(
  fuzzing: Fuzzing,
  watch: GatewayWatch,
  { requests, only }: FuzzOptions,
): Promise<number> {
  if (only !== null) {
    await fuzzing.run(only, only + 1);
    return 0;
  }
  await watch.start();
  await fuzzing.run(0, Math.min(WARM_UP_CASES, requests));
  const before = await watch.heapBytes();
  await fuzzing.run(WARM_UP_CASES, requests);
  // Calls that their clients have left are still drained for a moment.
  await delay(1000);
  const growth = (await watch.heapBytes()) - before;
  watch.stop();
  return growth;
}

export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const startedMs = performance.now();
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-fuzz-'));
  const ledgerPath = path.join(folder, 'ledger.db');
  const config = path.join(folder, 'nexus.toml');
  const hostile = await HostileBackend.start();
  writeFileSync(config, configToml({ hostileUrl: hostile.url, ledgerPath }));
  const gateway = new GatewayProcess(config, { nodeOptions: WATCHED, ipc: true });
  const watch = new GatewayWatch(gateway);
  try {
    await gateway.ready();
    const routes = await readRoutes(gateway.url);
    const around = { routes, models: GOOD_MODELS, hostileModels: HOSTILE_MODELS };
    const fuzzing = new Fuzzing(options, gateway, around);
    const growth = await runCases(fuzzing, watch, options).catch(() => 0);
    await checkEnd(fuzzing, gateway, ledgerPath);
    for (const fault of hostile.faults) fuzzing.fail(fault);
    if (watch.loopWorkMs > options.loopWorkMs)
      fuzzing.fail(`the event loop was held for ${Math.round(watch.loopWorkMs)} ms`);
    if (growth > MAX_GROWTH_BYTES) fuzzing.fail(`memory in use grew by ${growth} bytes`);
    const { cases, answers, statuses, violations } = fuzzing;
    return {
      seed: options.seed,
      cases,
      answers,
      statuses,
      hostileCalls: hostile.calls,
      loopDelayMs: watch.loopDelayMs,
      loopWorkMs: watch.loopWorkMs,
      peakRssBytes: watch.rssBytes,
      heapGrowthBytes: growth,
      violations,
      seconds: (performance.now() - startedMs) / 1000,
    };
  } finally {
    watch.stop();
    await gateway.kill();
    await hostile.close();
    rmSync(folder, { recursive: true });
  }
}
