/** What happens inside the gateway's process: its memory, and how long its event loop is held up. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import { quantile, shown, type Table } from './figures.ts';
import { closedLoop, send } from './load.ts';
import type { BenchOptions } from './options.ts';
import { memoryMbOf, startGateway, stop, type Started } from './processes.ts';
import { bodies, chatBody, type Target } from './targets.ts';

function targetOf({ url, pid }: Started): Target {
  const nextBody = bodies('gpt-4o');
  return { name: 'nexus', url, pid, headers: {}, nextBody, rewrites: false };
}

export async function memoryPart(
  upstream: Started,
  { memoryRequests }: BenchOptions,
): Promise<Table> {
  const started = await startGateway(upstream.url);
  const target = targetOf(started);
  const rows = [['0', shown(memoryMbOf(started.pid))]];
  const steps = [0.1, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * memoryRequests));
  let sent = 0;
  for (const step of steps) {
    await closedLoop(target, 64, { requests: step - sent });
    sent = step;
    rows.push([String(sent), shown(memoryMbOf(started.pid))]);
  }
  await stop(started.child);
  return {
    title: 'Memory',
    note: 'Resident memory of a fresh gateway after so many requests over 64 connections.',
    columns: ['requests', 'MB'],
    rows,
  };
}

const MEGABYTE = 1024 * 1024;
const SENTENCE = 'The quick brown fox jumps over the lazy dog, and nobody counts its tokens. ';

/** One letter again and again is the worst case of a tokenizer; the other cases are what people send. */
const PROMPTS: readonly (readonly [string, () => string])[] = [
  ['1 MB of English', () => SENTENCE.repeat(Math.ceil(MEGABYTE / SENTENCE.length))],
  ['1 MB of one letter (hostile)', () => 'a'.repeat(MEGABYTE)],
  ['1 MB of spaces (hostile)', () => ' '.repeat(MEGABYTE)],
  ['1 MB of Chinese', () => '预算用完之前，每个请求都先按最坏情况预留。'.repeat(17_500)],
];

/** Small requests, one after the other, until the flag falls; their latencies. */
async function pingUntil(target: Target, isOver: () => boolean, agent: Agent): Promise<number[]> {
  const latencies: number[] = [];
  while (!isOver()) {
    const sentMs = performance.now();
    await send(target, target.nextBody(), agent);
    latencies.push(performance.now() - sentMs);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  return latencies;
}

async function pauseOf(
  { child }: Started,
  target: Target,
  load: () => Promise<void>,
): Promise<readonly string[]> {
  const agent = new Agent({ keepAlive: true });
  let isOver = false;
  const pings = pingUntil(target, () => isOver, agent);
  child.send('watch');
  await load();
  child.send('tell');
  const [delay] = (await once(child, 'message')) as [{ p99Ms: number; mostMs: number }];
  isOver = true;
  const latencies = await pings;
  agent.destroy();
  return [shown(delay.p99Ms, 1), shown(delay.mostMs, 1), shown(quantile(latencies, 0.99), 1)];
}

export async function pausePart(upstream: Started, { isQuick }: BenchOptions): Promise<Table> {
  const started = await startGateway(upstream.url);
  const target = targetOf(started);
  await closedLoop(target, 10, { ms: isQuick ? 500 : 5000 });
  const agent = new Agent({ keepAlive: true });
  const idle = async (): Promise<void> =>
    new Promise((resolve) => {
      setTimeout(resolve, isQuick ? 300 : 3000);
    });
  const rows: (readonly string[])[] = [
    ['small requests only', '-', ...(await pauseOf(started, target, idle))],
  ];
  for (const [name, prompt] of PROMPTS) {
    const times = isQuick ? 1 : 8;
    const startedMs = performance.now();
    const row = await pauseOf(started, target, async () => {
      for (let time = 0; time < times; time += 1) {
        const messages = [{ role: 'user', content: `${time} ${prompt()}` }];
        await send(target, chatBody({ messages }), agent);
      }
    });
    rows.push([name, shown((performance.now() - startedMs) / times), ...row]);
  }
  agent.destroy();
  await stop(started.child);
  return {
    title: 'Long and hostile prompts',
    note: "Delay of the gateway's event loop, and latency of small requests, while prompts are counted one after the other.",
    columns: [
      'prompt',
      'ms/prompt',
      'event loop p99 ms',
      'event loop most ms',
      'small requests p99 ms',
    ],
    rows,
  };
}
