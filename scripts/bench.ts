/**
 * `npm run bench`: what the gateway costs beside a direct call, the barest proxy on the same Node, nginx and another
 * gateway, with budget, ledger, metrics and log on. Checks first that the answers are equal; then takes interleaved
 * rounds and prints medians and ratios, because absolute times say more about the machine than about the gateway.
 */
import { checkAnswers } from './bench/correctness.ts';
import { decidePart } from './bench/decide-part.ts';
import { markdownOf, type Table } from './bench/figures.ts';
import { httpPart, ratePart, warmUp } from './bench/http-part.ts';
import { ledgerPart } from './bench/ledger-part.ts';
import { HELP, readOptions, UsageError, type BenchOptions, type Part } from './bench/options.ts';
import { memoryPart, pausePart } from './bench/process-parts.ts';
import { stopAll } from './bench/processes.ts';
import { describeRun, headOf, keepResults } from './bench/results.ts';
import { streamPart } from './bench/stream-part.ts';
import { startTargets } from './bench/targets.ts';

/** Parts that compare the gateway with others. */
const COMPARING: readonly Part[] = ['http', 'rate', 'stream'];

async function measure(options: BenchOptions, args: readonly string[]): Promise<void> {
  const isComparison = COMPARING.some((part) => options.parts.has(part));
  const { upstream, all, skipped } = await startTargets(isComparison);
  const { whole, stream, skipped: failing } = await checkAnswers(all);
  const run = describeRun(args, [...skipped, ...failing]);
  console.log(headOf(run));
  if (isComparison)
    console.log(`\nThe answers are equal: ${whole.map(({ name }) => name).join(', ')}.`);
  const parts: Readonly<Record<Part, () => Promise<Table>>> = {
    http: () => httpPart(whole, options),
    rate: () => ratePart(whole, options),
    stream: () => streamPart(stream, options),
    memory: () => memoryPart(upstream, options),
    pause: () => pausePart(upstream, options),
    decide: () => decidePart(options),
    ledger: () => ledgerPart(upstream, options),
  };
  if (isComparison) await warmUp(whole, options.warmUp);
  const tables: Table[] = [];
  for (const part of options.parts) {
    const table = await parts[part]();
    tables.push(table);
    console.log(`\n${markdownOf(table)}`);
    // After each part, so that a run that is cut short has not run for nothing.
    if (options.isKept) keepResults(run, tables);
  }
  if (options.isKept) console.log(`\nKept: ${keepResults(run, tables)}`);
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options === null) console.log(HELP);
    else await measure(options, args);
    return 0;
  } catch (error) {
    console.error(error instanceof UsageError ? `${error.message}\n\n${HELP}` : error);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    await stopAll();
  }
}

process.exitCode = await main(process.argv.slice(2));
