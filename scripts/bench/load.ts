/** Load on keep-alive connections: as fast as answers come, or at a fixed rate. */
import { Agent, request as open } from 'node:http';
import { quantile } from './figures.ts';
import { cpuMicrosOf } from './processes.ts';
import type { Target } from './targets.ts';

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the process under load, per request. */
  readonly cpuMicros: number;
}

/** One request; resolves with the body. Rejects on anything but 200. `onData` sees the pieces as they come. */
export function send(
  { url, headers }: Pick<Target, 'url' | 'headers'>,
  body: Buffer,
  agent: Agent,
  onData: (chunk: Buffer) => void = () => {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = open(
      `${url}/v1/chat/completions`,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          'content-length': body.length,
          ...headers,
        },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          onData(chunk);
        });
        answer.on('end', () => {
          const whole = Buffer.concat(chunks);
          if (answer.statusCode === 200) resolve(whole);
          else reject(new Error(`status ${answer.statusCode}: ${whole.toString().slice(0, 300)}`));
        });
        answer.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

function resultOf(latencies: readonly number[], startedMs: number, cpuMicros: number): LoadResult {
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    requests: latencies.length,
    requestsPerSecond: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuMicros: cpuMicros / latencies.length,
  };
}

export interface Until {
  readonly ms?: number;
  readonly requests?: number;
}

/** Sends over `connections` connections as fast as answers come, until a time or a number is reached. */
export async function closedLoop(
  target: Target,
  connections: number,
  { ms = Number.POSITIVE_INFINITY, requests = Number.POSITIVE_INFINITY }: Until,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  let left = requests;
  const cpuBefore = cpuMicrosOf(target.pid);
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left > 0 && performance.now() - startedMs < ms) {
        left -= 1;
        const sentMs = performance.now();
        await send(target, target.nextBody(), agent);
        latencies.push(performance.now() - sentMs);
      }
    }),
  );
  const result = resultOf(latencies, startedMs, cpuMicrosOf(target.pid) - cpuBefore);
  agent.destroy();
  return result;
}

/** Latency of a request that was due at a moment. */
async function sendDue(target: Target, agent: Agent, dueMs: number): Promise<number> {
  await send(target, target.nextBody(), agent);
  return performance.now() - dueMs;
}

/**
 * Sends at a rate, whether answers come or not. Latency counts from the moment at which a request was due, so that a
 * target that falls behind is charged for the wait.
 */
export async function openLoop(target: Target, rate: number, ms: number): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const running: Promise<number>[] = [];
  const cpuBefore = cpuMicrosOf(target.pid);
  const startedMs = performance.now();
  const total = Math.floor((rate * ms) / 1000);
  while (running.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startedMs) * rate) / 1000));
    for (let next = running.length; next < due; next += 1) {
      const dueMs = startedMs + (next * 1000) / rate;
      running.push(sendDue(target, agent, dueMs));
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
  const latencies = await Promise.all(running);
  const result = resultOf(latencies, startedMs, cpuMicrosOf(target.pid) - cpuBefore);
  agent.destroy();
  return result;
}
