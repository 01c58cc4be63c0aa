/**
 * `node scripts/bench/workers.ts`: what a request costs in a gateway of one process, and in one of several workers, split
 * into what the workers do and what the primary does. The primary is what there is only one of, so its share says how far
 * workers can be added: `workers it can feed` is the work of a worker over the work of the primary, per request.
 *
 * Rounds are interleaved and medians are printed. On a machine whose cores are shared with the load generator and the
 * backend, requests per second say little; processor time per request says most.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as open } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEnvironment, startFlags } from '../start-command.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 2000);
const CONNECTIONS = 64;
const WORKERS = [1, 2] as const;
const TICK_MICROS = 10_000;

const BODY = Buffer.from(
  JSON.stringify({
    model: 'stub-model',
    max_tokens: 256,
    messages: [
      { role: 'user', content: 'Tell me how a gateway holds the worst case. '.repeat(16) },
    ],
  }),
);

interface Gateway {
  readonly url: string;
  readonly child: ChildProcess;
}

interface Round {
  readonly requestsPerSecond: number;
  /** Processor time per request: of the process that was started, and of its workers. */
  readonly primaryMicros: number;
  readonly workerMicros: number;
}

function here(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

function configOf(folder: string, backend: string, workers: number): string {
  const file = path.join(folder, `workers-${workers}.toml`);
  writeFileSync(
    file,
    `[server]
port = 0
workers = ${workers}
[logging]
format = "json"
[ledger]
path = ${JSON.stringify(path.join(folder, `workers-${workers}.db`))}
[routing.budget]
monthly_limit_usd = 1000000
hard_limit_action = "block_cloud"
[[backends]]
name = "stub"
url = ${JSON.stringify(backend)}
type = "generic"
kind = "cloud"
models = ["stub-model"]
[backends.prices."*"]
input = 10
output = 30
max_output_tokens = 4096
`,
  );
  return file;
}

async function startGateway(file: string): Promise<Gateway> {
  const args = [...startFlags(), here('../../src/cli/main.ts'), 'serve', '--config', file];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...startEnvironment() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    // Goes on to read when the URL is found: the log is written to somebody who listens.
    child.stdout.on('data', (chunk: Buffer) => {
      if (said.length < 10_000) said += chunk.toString();
      const found = /listens on (http:[^\s"]+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`the gateway did not start: ${said}`)));
  });
  return { url, child };
}

/** User and system time of a process in microseconds, and its parent. */
function statOf(pid: number): { readonly parent: number; readonly micros: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { parent: Number(fields[1]), micros: ticks * TICK_MICROS };
}

function microsOf({ child }: Gateway): { readonly primary: number; readonly workers: number } {
  const pid = child.pid ?? 0;
  let workers = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const { parent, micros } = statOf(Number(name));
      if (parent === pid) workers += micros;
    } catch {
      // It ended while we looked.
    }
  }
  return { primary: statOf(pid).micros, workers };
}

function send(url: string, agent: Agent): Promise<void> {
  const headers = { 'content-type': 'application/json', 'content-length': BODY.length };
  return new Promise((resolve, reject) => {
    const call = open(`${url}/v1/chat/completions`, { method: 'POST', agent, headers });
    call.on('response', (answer) => {
      answer.resume();
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`status ${answer.statusCode}`)),
      );
    });
    call.on('error', reject);
    call.end(BODY);
  });
}

async function run(gateway: Gateway): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const before = microsOf(gateway);
  const startedMs = performance.now();
  let left = REQUESTS;
  const clients = Array.from({ length: CONNECTIONS }, async () => {
    while (left > 0) {
      left -= 1;
      await send(gateway.url, agent);
    }
  });
  await Promise.all(clients);
  const seconds = (performance.now() - startedMs) / 1000;
  const after = microsOf(gateway);
  agent.destroy();
  return {
    requestsPerSecond: REQUESTS / seconds,
    primaryMicros: (after.primary - before.primary) / REQUESTS,
    workerMicros: (after.workers - before.workers) / REQUESTS,
  };
}

function median(rounds: readonly Round[], read: (round: Round) => number): number {
  return rounds.map(read).toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? 0;
}

function print(results: ReadonlyMap<number, readonly Round[]>): void {
  const single = results.get(1) ?? [];
  const base = median(single, ({ primaryMicros }) => primaryMicros);
  const pace = median(single, ({ requestsPerSecond }) => requestsPerSecond);
  console.log(
    '| workers | requests/s | to one | CPU µs/request | to one | of it primary | of it workers | workers it can feed |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const [workers, rounds] of results) {
    const primary = median(rounds, ({ primaryMicros }) => primaryMicros);
    const own = median(rounds, ({ workerMicros }) => workerMicros);
    const rate = median(rounds, ({ requestsPerSecond }) => requestsPerSecond);
    const cells = [
      workers,
      rate.toFixed(0),
      (rate / pace).toFixed(2),
      (primary + own).toFixed(0),
      ((primary + own) / base).toFixed(2),
      primary.toFixed(0),
      own.toFixed(0),
      workers === 1 ? '' : (own / primary).toFixed(1),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'nexus-bench-'));
const backend = fork(here('./stub-upstream.ts'), [], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
const gateways: Gateway[] = [];
try {
  const [{ url }] = (await once(backend, 'message')) as [{ url: string }];
  for (const workers of WORKERS) gateways.push(await startGateway(configOf(folder, url, workers)));
  const results = new Map<number, Round[]>(WORKERS.map((workers) => [workers, []]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [at, workers] of WORKERS.entries()) {
      const gateway = gateways[at];
      if (gateway === undefined) continue;
      const result = await run(gateway);
      // The first round warms up.
      if (round >= 0) results.get(workers)?.push(result);
    }
  }
  console.log(
    `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${REQUESTS} requests; medians.\n`,
  );
  print(results);
} finally {
  for (const { child } of gateways) {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
  backend.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
