/** One long life of a gateway under load, and what must be true of it all the time and at its end. */
import { execFile } from 'node:child_process';
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Books, nanoOf } from '../crash/books.ts';
import { ClientLoad, noCounts, type LoadCounts } from '../crash/client-load.ts';
import { GatewayProcess } from '../crash/gateway-process.ts';
import { ProviderProcess } from '../crash/provider-process.ts';
import { configToml } from '../crash/setting.ts';
import { Chance } from '../prove/chance.ts';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** How long full speed is measured for. */
const FULL_SPEED_MS = 10_000;
const SAMPLE_MS = 2000;
const REST_WITHIN_MS = 15_000;
const CALLS_AT_ONCE = 64;
/** Below this a growing heap is still warming up. */
const JUDGED_FROM_MINUTES = 5;
/** Between the second and the last quarter of the run. */
const MAX_GROWTH = 0.1;
/** More than the whole run can spend, so that no request is refused for money. */
const LIMIT_USD = '1000000';

export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Null: half of what full speed gives. */
  readonly perSecond: number | null;
  readonly onProgress: (line: string) => void;
}

export interface SoakReport {
  readonly seed: number;
  readonly minutes: number;
  readonly full_speed_per_second: number | null;
  readonly rate_per_second: number;
  readonly requests: number;
  readonly answered: number;
  readonly refused: number;
  readonly cut: number;
  readonly left_by_client: number;
  /** Resident memory of the gateway: medians of the second and of the last quarter, and the peak. */
  readonly rss_second_quarter_mib: number;
  readonly rss_last_quarter_mib: number;
  readonly rss_peak_mib: number;
  readonly held_usd_at_end: string;
  readonly drift_usd_worst: number;
  readonly billed_usd: string;
  readonly settled_and_suspense_usd: string;
  readonly violations: readonly string[];
}

/** Resident memory of a process in MiB, as the kernel tells it. */
function rssMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function driftOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nexus_budget_drift_usd(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1]);
}

async function budgetOf(url: string): Promise<{ held_usd_exact: string; open_holds: number }> {
  const answer = await fetch(`${url}/v1/budget`);
  return (await answer.json()) as { held_usd_exact: string; open_holds: number };
}

interface Soak {
  readonly options: SoakOptions;
  readonly gateway: GatewayProcess;
  readonly provider: ProviderProcess;
  readonly books: Books;
  readonly chance: Chance;
  readonly rss: number[];
  drift: number;
  billed: number;
}

/** Bills are fetched as the run goes: kept until its end they would be the memory that grows. */
async function sample(soak: Soak): Promise<void> {
  const { gateway, books, rss, provider } = soak;
  rss.push(rssMib(gateway.pid));
  await books.watchBudget(gateway.url);
  const drift = await driftOf(gateway.url);
  soak.drift = Math.max(soak.drift, Math.abs(drift));
  if (drift !== 0) books.fail(`the drift is ${drift}`);
  for (const { nanoUsd } of await provider.takeBills()) soak.billed += nanoUsd;
}

async function load(
  soak: Soak,
  counts: LoadCounts,
  ms: number,
  perSecond: number | null,
): Promise<void> {
  const { gateway, chance, books, options } = soak;
  const client = new ClientLoad({
    url: gateway.url,
    chance,
    counts,
    onAnswer: () => undefined,
    callsAtOnce: CALLS_AT_ONCE,
    ...(perSecond === null ? {} : { perSecond }),
  });
  const endMs = performance.now() + ms;
  while (performance.now() < endMs && books.violations.length === 0 && gateway.exit === null) {
    await delay(Math.min(SAMPLE_MS, Math.max(1, endMs - performance.now())));
    if (gateway.exit !== null) break;
    await sample(soak);
    const { requests, answered } = counts;
    const leftS = Math.round((endMs - performance.now()) / 1000);
    options.onProgress(
      `${requests} requests, ${answered} answered, ${Math.round(soak.rss.at(-1) ?? 0)} MiB, ${leftS} s left`,
    );
  }
  await client.stop();
  if (gateway.exit !== null) books.fail(`the gateway ended by itself: ${gateway.output}`);
}

/** Requests per second at full speed. */
async function fullSpeed(soak: Soak): Promise<number> {
  const counts = noCounts();
  const startedMs = performance.now();
  await load(soak, counts, FULL_SPEED_MS, null);
  return (counts.requests * 1000) / (performance.now() - startedMs);
}

/** The load is over: what is held must come to nothing by itself. */
async function comeToRest({ gateway, books }: Soak): Promise<string> {
  const endMs = performance.now() + REST_WITHIN_MS;
  for (;;) {
    const { held_usd_exact: held, open_holds: open } = await budgetOf(gateway.url);
    if (open === 0) return held;
    if (performance.now() > endMs) {
      books.fail(`${open} holds of ${held} USD are open ${REST_WITHIN_MS} ms after the load`);
      return held;
    }
    await delay(50);
  }
}

interface VerifiedMonth {
  readonly settled_usd: string;
  readonly suspense_usd: string;
}

/** All that the ledger counts as spent, over all months, from `nexus ledger verify`. In nano-dollars. */
async function verifiedSpending(books: Books, ledger: string): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [CLI, 'ledger', 'verify', '--ledger', ledger, '--json'],
      { env: {}, maxBuffer: 64 * 1024 * 1024 },
    );
    const { months } = JSON.parse(stdout) as { readonly months: readonly VerifiedMonth[] };
    return months.reduce(
      (sum, month) => sum + nanoOf(month.settled_usd) + nanoOf(month.suspense_usd),
      0,
    );
  } catch (error) {
    books.fail(`nexus ledger verify: ${String(error)}`);
    return 0;
  }
}

function judgeMemory({ books, rss, options }: Soak): readonly [number, number] {
  const quarter = Math.floor(rss.length / 4);
  const early = median(rss.slice(quarter, 2 * quarter));
  const late = median(rss.slice(-Math.max(1, quarter)));
  if (options.minutes >= JUDGED_FROM_MINUTES && late > early * (1 + MAX_GROWTH))
    books.fail(`memory grew from ${early.toFixed(0)} to ${late.toFixed(0)} MiB`);
  return [early, late];
}

function usd(nano: number): string {
  return (nano / 1e9).toFixed(9);
}

async function runOn(soak: Soak, folder: string): Promise<SoakReport> {
  const { options, gateway, provider, books, rss } = soak;
  await gateway.ready();
  const full = options.perSecond === null ? await fullSpeed(soak) : null;
  const rate = options.perSecond ?? (full ?? 0) / 2;
  rss.length = 0;
  const counts = noCounts();
  await load(soak, counts, options.minutes * 60_000, rate);
  const held = await comeToRest(soak);
  await sample(soak);
  const [early, late] = judgeMemory(soak);
  const exit = await gateway.stop();
  if (exit.code !== 0) books.fail(`the stop ended with ${JSON.stringify(exit)}`);
  await provider.quiet();
  for (const { nanoUsd } of await provider.takeBills()) soak.billed += nanoUsd;
  const spent = await verifiedSpending(books, path.join(folder, 'ledger.db'));
  if (spent < soak.billed) books.fail(`${soak.billed} was billed, and the ledger has ${spent}`);
  return {
    seed: options.seed,
    minutes: options.minutes,
    full_speed_per_second: full === null ? null : Math.round(full),
    rate_per_second: Math.round(rate),
    requests: counts.requests,
    answered: counts.answered,
    refused: counts.refused,
    cut: counts.cut,
    left_by_client: counts.left,
    rss_second_quarter_mib: Math.round(early),
    rss_last_quarter_mib: Math.round(late),
    rss_peak_mib: Math.round(Math.max(...rss)),
    held_usd_at_end: held,
    drift_usd_worst: soak.drift,
    billed_usd: usd(soak.billed),
    settled_and_suspense_usd: usd(spent),
    violations: books.violations,
  };
}

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-soak-'));
  const provider = await ProviderProcess.start(options.seed);
  const config = path.join(folder, 'nexus.toml');
  const ledgerPath = path.join(folder, 'ledger.db');
  writeFileSync(config, configToml({ providerUrl: provider.url, ledgerPath, limitUsd: LIMIT_USD }));
  const gateway = new GatewayProcess(config);
  const books = new Books();
  try {
    const soak = { options, gateway, provider, books, rss: [], drift: 0, billed: 0 };
    return await runOn({ ...soak, chance: new Chance(options.seed, 0) }, folder);
  } finally {
    await gateway.kill();
    await provider.close();
    rmSync(folder, { recursive: true });
  }
}
