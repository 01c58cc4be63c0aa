/**
 * `npm run fuzz`: a real gateway between hostile clients and hostile backends. Every request of well-formed HTTP gets a
 * well-formed answer, nothing crashes, hangs or leaks, and the books balance at the end.
 */
import { parseArgs } from 'node:util';
import { runFuzz, type FuzzReport } from './fuzz/run-fuzz.ts';

const HELP = `Usage: npm run fuzz -- [options]
  --requests N      cases to run (default 5000)
  --seed S          the same seed makes the same cases (default: a new one, printed)
  --case I          only this case of the seed, with what came back
  --loop-work MS    processor time for which the event loop may be held (default 500)
  --json            one JSON object and nothing else
Example: npm run fuzz -- --requests 1000 --seed 7`;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    case: { type: 'string' },
    'loop-work': { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} must be a whole number, not "${text}"\n\n${HELP}`);
    process.exit(2);
  }
  return value;
}

function megabytes(bytes: number): number {
  return Number((bytes / 1024 / 1024).toFixed(1));
}

function figuresOf(report: FuzzReport): Readonly<Record<string, number | string>> {
  return {
    seed: report.seed,
    cases: report.cases,
    answers: report.answers,
    statuses: Object.entries(report.statuses)
      .map(([status, count]) => `${status} x${count}`)
      .join(', '),
    hostile_calls: report.hostileCalls,
    loop_delay_max_ms: Math.round(report.loopDelayMs),
    loop_work_max_ms: Math.round(report.loopWorkMs),
    rss_peak_mib: megabytes(report.peakRssBytes),
    heap_growth_mib: megabytes(report.heapGrowthBytes),
    violations: report.violations.length,
    seconds: Number(report.seconds.toFixed(1)),
  };
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const seed = wholeNumber('seed', values.seed);
if (!values.json) console.log(`seed ${seed}`);
const isTerminal = process.stdout.isTTY && !values.json;
const only = values.case === undefined ? null : wholeNumber('case', values.case);
const report = await runFuzz({
  seed,
  requests: wholeNumber('requests', values.requests),
  only,
  loopWorkMs: wholeNumber('loop-work', values['loop-work']),
  onProgress: (line) => {
    if (isTerminal) process.stdout.write(`\r${line}\u001B[K`);
  },
  onCase: ({ label, script }, { answers, ...outcome }) => {
    if (only === null) return;
    console.log(label);
    for (const step of script.steps)
      console.log('send' in step ? step.send.toString('latin1', 0, 3000) : step);
    for (const { status, headers, body } of answers)
      console.log(status, Object.fromEntries(headers), body.toString('utf8', 0, 3000));
    console.log(outcome);
  },
});
if (isTerminal) process.stdout.write('\r\u001B[K');
if (values.json) console.log(JSON.stringify(report));
else
  for (const [name, value] of Object.entries(figuresOf(report)))
    console.log(`${name.replaceAll('_', ' ').padEnd(20)} ${value}`);
if (!values.json) {
  for (const violation of report.violations) console.error(`VIOLATION ${violation}`);
  if (report.violations.length > 0)
    console.error(`Replay one: npm run fuzz -- --seed ${seed} --case I`);
}
process.exitCode = report.violations.length > 0 ? 1 : 0;
