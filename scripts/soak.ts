/**
 * `npm run soak`: the real gateway for half an hour at half of what it can serve, with clients that leave and a provider
 * that fails in every way it knows. At the end its memory must be flat, nothing held, nothing drifted, nothing lost.
 */
import { parseArgs } from 'node:util';
import { runSoak } from './soak/run-soak.ts';

const HELP = `Usage: npm run soak -- [options]
  --minutes M   how long (default 30); memory is judged from 5 minutes on
  --seed S      for the load and the provider (default: a new one, printed)
  --rate R      requests per second (default: half of what a first short run at full speed gives)
  --json        one JSON object and nothing else
Example: npm run soak -- --minutes 1 --rate 50`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    rate: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function refuse(fault: string): never {
  console.error(`${fault}\n\n${HELP}`);
  process.exit(2);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    refuse(`--${name} must be a number above 0, not "${text}"`);
  return value;
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const isTerminal = process.stdout.isTTY && !values.json;
const report = await runSoak({
  seed: positive('seed', values.seed),
  minutes: positive('minutes', values.minutes),
  perSecond: values.rate === undefined ? null : positive('rate', values.rate),
  onProgress: (line) => {
    if (isTerminal) process.stdout.write(`\r${line}\u001B[K`);
  },
});
if (isTerminal) process.stdout.write('\r\u001B[K');
if (values.json) console.log(JSON.stringify(report));
else
  for (const [name, value] of Object.entries(report))
    if (!Array.isArray(value)) console.log(`${name.replaceAll('_', ' ').padEnd(26)} ${value}`);
for (const violation of report.violations)
  if (!values.json) console.error(`VIOLATION ${violation}`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
