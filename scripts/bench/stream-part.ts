/** Paced streams: what a chunk costs while many answers come at the speed of models. */
import { Agent } from 'node:http';
import { median, shown, type Table } from './figures.ts';
import { send } from './load.ts';
import type { BenchOptions } from './options.ts';
import { cpuMicrosOf } from './processes.ts';
import { chatBody, type Target } from './targets.ts';

interface StreamResult {
  readonly chunksPerSecond: number;
  readonly cpuMicrosPerChunk: number;
  readonly failed: number;
}

const CONTENT = Buffer.from('"a word or two"');

function countOf(bytes: Buffer): number {
  let found = 0;
  for (let at = bytes.indexOf(CONTENT); at >= 0; at = bytes.indexOf(CONTENT, at + 1)) found += 1;
  return found;
}

async function runStreams(target: Target, streams: number, chunks: number): Promise<StreamResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: streams });
  const messages = [{ role: 'user', content: 'Write at the speed of a model.' }];
  const body = chatBody({ messages, stream: true, max_tokens: chunks });
  const cpuBefore = cpuMicrosOf(target.pid);
  const startedMs = performance.now();
  const counts = await Promise.all(
    Array.from({ length: streams }, async () =>
      send(target, body, agent).then(
        (answer) => (answer.includes('data: [DONE]') ? countOf(answer) : 0),
        () => 0,
      ),
    ),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const cpuMicros = cpuMicrosOf(target.pid) - cpuBefore;
  agent.destroy();
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    chunksPerSecond: total / seconds,
    cpuMicrosPerChunk: cpuMicros / total,
    failed: counts.filter((count) => count !== chunks).length,
  };
}

export async function streamPart(
  targets: readonly Target[],
  { rounds, isQuick }: BenchOptions,
): Promise<Table> {
  const streams = isQuick ? 20 : 50;
  const chunks = isQuick ? 30 : 200;
  const taken = new Map<Target, StreamResult[]>(targets.map((target) => [target, []]));
  // The first round warms up.
  for (let round = -1; round < rounds; round += 1) {
    for (const target of targets) {
      const result = await runStreams(target, streams, chunks);
      if (round >= 0) taken.get(target)?.push(result);
    }
  }
  const raw = [...taken].find(([{ name }]) => name === 'raw')?.[1] ?? [];
  const rows = [...taken].map(([{ name }, results]) => {
    const ratios = results.map(
      (result, at) => result.cpuMicrosPerChunk / (raw[at]?.cpuMicrosPerChunk ?? Number.NaN),
    );
    return [
      name,
      shown(median(results.map((result) => result.chunksPerSecond))),
      shown(median(results.map((result) => result.cpuMicrosPerChunk)), 1),
      shown(median(ratios), 2),
      String(results.reduce((sum, { failed }) => sum + failed, 0)),
    ];
  });
  return {
    title: 'Streams',
    note: `${streams} streams at once of ${chunks} chunks, one every 10 ms each; ${rounds} interleaved rounds; medians. A stream has failed when a chunk or its end is missing.`,
    columns: ['what', 'chunks/s', 'CPU µs/chunk', 'CPU to raw', 'failed streams'],
    rows,
  };
}
