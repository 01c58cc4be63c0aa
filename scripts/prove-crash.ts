/**
 * `npm run prove:crash`: the real gateway under load from a real client, killed with `kill -9` at random moments and
 * started again on the same ledger, against a provider that knows what it billed.
 */
import { parseArgs } from 'node:util';
import { runCrashes, type CrashReport } from './crash/run-crashes.ts';

const HELP = `Usage: npm run prove:crash -- [options]
  --kills N          how often the gateway is killed (default 200)
  --seed S           for the moments, the load and the provider (default: a new one, printed)
  --ready-within MS  the most that a start may take (default 2000)
  --json             one JSON object and nothing else
Example: npm run prove:crash -- --kills 20 --seed 7`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    'ready-within': { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function wholeNumber(name: 'kills' | 'seed' | 'ready-within'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} must be a whole number, not "${values[name]}"\n\n${HELP}`);
    process.exit(2);
  }
  return value;
}

function quantile(sorted: readonly number[], q: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0);
}

function usd(nano: number): string {
  return (nano / 1e9).toFixed(9);
}

/** The figures under their names, in the order in which they are read. */
function figuresOf(report: CrashReport): Readonly<Record<string, number | string>> {
  const { kills, counts, readyMs } = report;
  return {
    seed: report.seed,
    kills: kills.starting + kills.serving + kills.stopping,
    kills_while_starting: kills.starting,
    kills_while_serving: kills.serving,
    kills_while_stopping: kills.stopping,
    requests: counts.requests,
    answered: counts.answered,
    refused: counts.refused,
    cut: counts.cut,
    left_by_client: counts.left,
    entries: report.entries,
    entries_lost: report.entriesLost,
    attempts_billed: report.attemptsBilled,
    billed_usd: usd(report.billed),
    settled_usd: usd(report.settled),
    suspense_usd: usd(report.suspense),
    above_billed_usd: usd(report.settled + report.suspense - report.billed),
    ready_p50_ms: quantile(readyMs, 0.5),
    ready_p99_ms: quantile(readyMs, 0.99),
    ready_max_ms: quantile(readyMs, 1),
    violations: report.violations.length,
    seconds: Number(report.seconds.toFixed(1)),
  };
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const seed = wholeNumber('seed');
if (!values.json) console.log(`seed ${seed}`);
const isTerminal = process.stdout.isTTY && !values.json;
const report = await runCrashes({
  seed,
  kills: wholeNumber('kills'),
  readyWithinMs: wholeNumber('ready-within'),
  onProgress: (line) => {
    if (isTerminal) process.stdout.write(`\r${line}\u001B[K`);
  },
});
if (isTerminal) process.stdout.write('\r\u001B[K');
const figures = figuresOf(report);
if (values.json) console.log(JSON.stringify({ ...figures, violations: report.violations }));
else
  for (const [name, value] of Object.entries(figures))
    console.log(`${name.replaceAll('_', ' ').padEnd(22)} ${value}`);
if (!values.json)
  for (const violation of report.violations) console.error(`VIOLATION ${violation}`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
