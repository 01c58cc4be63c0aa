/**
 * `npm run prove`: the production budget engine under a seeded scheduler with simulated clock, storage, clients and
 * providers, and a checker that knows what the providers really billed. A failing seed replays exactly.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runWorlds, type Found, type ProofOptions } from './prove/run-worlds.ts';

const HELP = `Usage: npm run prove -- [options]
  --admissions N   requests to admit, over all worlds (default 1000000)
  --seed S         0 to 2^53-1; the same seed prints the same counts (default: a new one)
  --minutes M      go on for so long, however many admissions that makes
  --workers W      threads (default: one for each processor)
  --store KIND     memory (default) or sqlite: the ledger's own file, in a temporary folder
  --world I        only this world of the seed, to replay a failure
  --trace          print every event (with --world)
  --json           one JSON object and nothing else
Example: npm run prove -- --admissions 100000 --seed 7`;

const { values } = parseArgs({
  options: {
    admissions: { type: 'string', default: '1000000' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    store: { type: 'string', default: 'memory' },
    world: { type: 'string' },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function refuse(fault: string): never {
  console.error(`${fault}\n\n${HELP}`);
  process.exit(2);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    refuse(`--${name} must be a whole number, not "${text}"`);
  return value;
}

function optionsOf(): ProofOptions {
  const { store } = values;
  if (store !== 'memory' && store !== 'sqlite')
    refuse(`--store must be memory or sqlite, not "${store}"`);
  return {
    seed: wholeNumber('seed', values.seed ?? String(Math.floor(Math.random() * 2 ** 32))),
    admissions: wholeNumber('admissions', values.admissions),
    minutes: values.minutes === undefined ? null : wholeNumber('minutes', values.minutes),
    workers: Math.max(1, wholeNumber('workers', values.workers)),
    store,
    world: values.world === undefined ? null : wholeNumber('world', values.world),
    isTraced: values.trace,
  };
}

function tellFound({ world, step, rule, events }: Found): void {
  const { seed, minutes, admissions } = options;
  const size = minutes === null ? `--admissions ${admissions}` : '--minutes 1';
  console.error(`\nVIOLATION in world ${world} of seed ${seed}, step ${step}: ${rule}`);
  for (const line of events) console.error(`  ${line}`);
  console.error(`Replay: npm run prove -- --seed ${seed} ${size} --world ${world} --trace`);
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const options = optionsOf();
if (!values.json) console.log(`seed ${options.seed}`);
const startedMs = performance.now();
const { counts, worlds, found } = await runWorlds(options);
const seconds = Number(((performance.now() - startedMs) / 1000).toFixed(2));
const { admissions, refused, crashes, excess_nano_usd, ...others } = counts;
const result = {
  seed: options.seed,
  worlds,
  admissions,
  refused,
  crashes,
  violations: found.length,
  excess_nano_usd,
  ...others,
  seconds,
};
if (values.json) console.log(JSON.stringify(result));
else {
  for (const [name, value] of Object.entries(result))
    console.log(`${name.replaceAll('_', ' ').padEnd(20)} ${value.toLocaleString('en')}`);
  console.log(
    `${'admissions/s'.padEnd(20)} ${Math.round(admissions / seconds).toLocaleString('en')}`,
  );
}
for (const violation of found.slice(0, 3)) tellFound(violation);
process.exitCode = found.length > 0 ? 1 : 0;
