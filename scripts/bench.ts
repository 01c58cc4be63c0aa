/**
 * `npm run bench`: what the gateway costs beside a direct call and beside the barest proxy on the same Node, with
 * budget, ledger, metrics and log on. Checks first that the bytes are equal; then takes interleaved rounds and prints
 * medians and ratios, because absolute times say more about the machine than about the gateway.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { run, send, type LoadResult, type Target } from './bench/load.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 2000);
const CONNECTIONS = [1, 10, 64] as const;

const prompt =
  'Tell me how a gateway holds the worst case of a request before it is sent, and why. '.repeat(9);
const body = Buffer.from(
  JSON.stringify({
    model: 'stub-model',
    max_tokens: 256,
    messages: [{ role: 'user', content: prompt }],
  }),
);

const children: ChildProcess[] = [];

async function start(script: string, ...args: string[]): Promise<Target> {
  const child = fork(fileURLToPath(new URL(`./bench/${script}`, import.meta.url)), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { url, pid: child.pid ?? 0 };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function medians(results: readonly LoadResult[]): LoadResult {
  const of = (read: (result: LoadResult) => number): number => median(results.map(read));
  return {
    requestsPerSecond: of((result) => result.requestsPerSecond),
    p50Ms: of((result) => result.p50Ms),
    p99Ms: of((result) => result.p99Ms),
    cpuMicros: of((result) => result.cpuMicros),
  };
}

async function checkBytes(targets: Readonly<Record<string, Target>>): Promise<void> {
  const agent = new Agent();
  const answers = await Promise.all(
    Object.values(targets).map(({ url }) => send(url, body, agent)),
  );
  agent.destroy();
  const [first] = answers;
  if (first === undefined || !answers.every((answer) => answer.equals(first)))
    throw new Error('the answers differ: nothing is measured');
}

const upstream = await start('stub-upstream.ts');
const targets = {
  direct: upstream,
  raw: await start('raw-proxy.ts', upstream.url),
  nexus: await start('gateway.ts', upstream.url),
};
try {
  await checkBytes(targets);
  console.log(
    `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${ROUNDS} interleaved rounds of ${REQUESTS} requests; medians.\n`,
  );
  console.log(
    '| connections | what | requests/s | p50 ms | p99 ms | CPU µs/request | requests/s to raw | p50 to raw | CPU to raw |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const connections of CONNECTIONS) {
    const results: Record<string, LoadResult[]> = { direct: [], raw: [], nexus: [] };
    for (let round = -1; round < ROUNDS; round += 1) {
      for (const [name, target] of Object.entries(targets)) {
        const result = await run(target, body, connections, REQUESTS);
        // The first round warms up.
        if (round >= 0) results[name]?.push(result);
      }
    }
    const raw = medians(results['raw'] ?? []);
    for (const [name, taken] of Object.entries(results)) {
      const { requestsPerSecond, p50Ms, p99Ms, cpuMicros } = medians(taken);
      const ratios = [
        requestsPerSecond / raw.requestsPerSecond,
        p50Ms / raw.p50Ms,
        cpuMicros / raw.cpuMicros,
      ].map((ratio) => ratio.toFixed(2));
      console.log(
        `| ${connections} | ${name} | ${requestsPerSecond.toFixed(0)} | ${p50Ms.toFixed(2)} | ${p99Ms.toFixed(2)} | ${cpuMicros.toFixed(0)} | ${ratios.join(' | ')} |`,
      );
    }
  }
} finally {
  for (const child of children) child.kill('SIGTERM');
}
