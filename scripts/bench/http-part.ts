/** Whole answers of one kilobyte: throughput and latency in a closed loop, and latency at a fixed rate. */
import { median, shown, type Table } from './figures.ts';
import { closedLoop, openLoop, type LoadResult } from './load.ts';
import type { BenchOptions } from './options.ts';
import { bodies, type Target } from './targets.ts';

type Taken = ReadonlyMap<Target, readonly LoadResult[]>;

/** One round of each target after the other, again and again, so that a busy minute of the machine meets all of them. */
async function interleaved(
  targets: readonly Target[],
  rounds: number,
  take: (target: Target) => Promise<LoadResult>,
): Promise<Taken> {
  const taken = new Map<Target, LoadResult[]>(targets.map((target) => [target, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const target of targets) taken.get(target)?.push(await take(target));
  return taken;
}

/** The same gateway asked for a model without a tokenizer, so that the cost of counting can be told apart. */
function withUncounted(targets: readonly Target[]): readonly Target[] {
  const nexus = targets.find(({ name }) => name === 'nexus');
  if (nexus === undefined) return targets;
  return [...targets, { ...nexus, name: 'nexus, not tokenized', nextBody: bodies('stub-model') }];
}

function mediansOf(results: readonly LoadResult[]): LoadResult {
  const of = (read: (result: LoadResult) => number): number => median(results.map(read));
  return {
    requests: results.reduce((sum, { requests }) => sum + requests, 0),
    requestsPerSecond: of((result) => result.requestsPerSecond),
    p50Ms: of((result) => result.p50Ms),
    p99Ms: of((result) => result.p99Ms),
    cpuMicros: of((result) => result.cpuMicros),
  };
}

/** Median of the ratios within each round: both sides of a ratio met the same minute. */
function ratioTo(
  results: readonly LoadResult[],
  others: readonly LoadResult[],
  read: (result: LoadResult) => number,
): number {
  return median(
    results.flatMap((result, round) => {
      const other = others[round];
      return other === undefined ? [] : [read(result) / read(other)];
    }),
  );
}

const COLUMNS = [
  'requests/s',
  'p50 ms',
  'p99 ms',
  'added p50 ms',
  'added p99 ms',
  'CPU µs/request',
  'requests/s to raw',
  'p50 to raw',
  'p99 to raw',
  'CPU to raw',
];

function rowsOf(first: string, taken: Taken): readonly (readonly string[])[] {
  const named = (name: string): readonly LoadResult[] =>
    [...taken].find(([target]) => target.name === name)?.[1] ?? [];
  const raw = named('raw');
  const direct = mediansOf(named('direct'));
  return [...taken].map(([{ name }, results]) => {
    const { requestsPerSecond, p50Ms, p99Ms, cpuMicros } = mediansOf(results);
    const ratio = (read: (result: LoadResult) => number): string =>
      shown(ratioTo(results, raw, read), 2);
    return [
      first,
      name,
      shown(requestsPerSecond),
      shown(p50Ms, 2),
      shown(p99Ms, 2),
      shown(p50Ms - direct.p50Ms, 2),
      shown(p99Ms - direct.p99Ms, 2),
      shown(cpuMicros),
      ratio((result) => result.requestsPerSecond),
      ratio((result) => result.p50Ms),
      ratio((result) => result.p99Ms),
      ratio((result) => result.cpuMicros),
    ];
  });
}

/** Every target runs warm before its first round. */
export async function warmUp(
  targets: readonly Target[],
  until: BenchOptions['warmUp'],
): Promise<void> {
  for (const target of targets) await closedLoop(target, 64, until);
}

export async function httpPart(
  targets: readonly Target[],
  { rounds, roundMs }: BenchOptions,
): Promise<Table> {
  const all = withUncounted(targets);
  const rows: (readonly string[])[] = [];
  for (const connections of [1, 10, 64]) {
    const take = async (target: Target): Promise<LoadResult> =>
      closedLoop(target, connections, { ms: roundMs });
    rows.push(...rowsOf(String(connections), await interleaved(all, rounds, take)));
  }
  return {
    title: 'Whole answers, as fast as they come',
    note: `Answers of 1 KB to ever new prompts of about 180 tokens, ${rounds} interleaved rounds of ${roundMs} ms each; medians. Ratios are medians of the ratios within a round.`,
    columns: ['connections', 'what', ...COLUMNS],
    rows,
  };
}

export async function ratePart(
  targets: readonly Target[],
  { rounds, roundMs, isQuick }: BenchOptions,
): Promise<Table> {
  const rows: (readonly string[])[] = [];
  for (const rate of isQuick ? [200] : [200, 500, 1000]) {
    const take = async (target: Target): Promise<LoadResult> => openLoop(target, rate, roundMs);
    rows.push(...rowsOf(String(rate), await interleaved(targets, rounds, take)));
  }
  return {
    title: 'Whole answers at a fixed rate',
    note: 'Requests are sent when they are due, whether earlier ones are answered or not; latency counts from then.',
    columns: ['rate/s', 'what', ...COLUMNS],
    rows,
  };
}
