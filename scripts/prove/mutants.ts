/**
 * `npm run prove:mutants`: is the proof worth anything? Each mutant of the engine is put in place in a copy of the
 * sources, and the simulation run on it: every one must be found. A survivor, or a mutant that no longer fits the
 * sources, fails the run.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTANTS } from './mutant-list.ts';
import type { Mutant } from './mutants/mutant.ts';

const HELP = `Usage: npm run prove:mutants -- [options]
  --seed S         seed of the simulations (default 1)
  --admissions N   the most admissions in which each mutant must be found (default 80000)
  --only TEXT      only mutants whose name contains the text
Example: npm run prove:mutants -- --only month`;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['src', 'machines', 'scripts', 'config', 'package.json'];
/** A mutant that runs longer than this hangs, and was not found. */
const LONGEST_MS = 240_000;

interface Outcome {
  readonly mutant: Mutant;
  readonly verdict: 'found' | 'SURVIVED' | 'does not fit' | 'broken';
  /** Admissions until it was found. */
  readonly admissions: number;
  readonly seconds: number;
  /** The rule that it broke, or what went wrong. */
  readonly detail: string;
}

interface Run {
  readonly exitCode: number | null;
  readonly out: string;
  readonly error: string;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    admissions: { type: 'string', default: '80000' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});

function makeCopy(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-mutants-'));
  for (const name of COPIED)
    cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

function simulate(folder: string): Promise<Run> {
  const { seed, admissions } = values;
  const args = ['--seed', seed, '--admissions', admissions, '--workers', '1', '--json'];
  const child = spawn(process.execPath, ['scripts/prove.ts', ...args], {
    cwd: folder,
    timeout: LONGEST_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, out, error }));
  });
}

/** Writes the mutant into the copy; the returned function takes it out again. Null when it does not fit. */
function apply({ edits }: Mutant, folder: string): (() => void) | null {
  const originals = new Map<string, string>();
  const restore = (): void => {
    for (const [file, text] of originals) writeFileSync(file, text);
  };
  for (const { file, find, replace } of edits) {
    const at = path.join(folder, file);
    const text = readFileSync(at, 'utf8');
    if (!originals.has(at)) originals.set(at, text);
    if (text.split(find).length !== 2) {
      restore();
      return null;
    }
    writeFileSync(
      at,
      text.replace(find, () => replace),
    );
  }
  return restore;
}

function read({ exitCode, out, error }: Run): Pick<Outcome, 'verdict' | 'admissions' | 'detail'> {
  try {
    const { admissions, violations } = JSON.parse(out) as Record<string, number>;
    const rule = /^VIOLATION [^:]*: (.*)$/m.exec(error)?.[1] ?? '';
    const isFound = exitCode === 1 && Number(violations) > 0;
    const verdict = isFound ? 'found' : 'SURVIVED';
    return { verdict, admissions: Number(admissions), detail: rule };
  } catch {
    const detail = exitCode === null ? 'it does not end' : error.trim().slice(0, 300);
    return { verdict: 'broken', admissions: 0, detail };
  }
}

async function judge(mutant: Mutant, folder: string): Promise<Outcome> {
  const startedMs = performance.now();
  const restore = apply(mutant, folder);
  if (restore === null)
    return { mutant, verdict: 'does not fit', admissions: 0, seconds: 0, detail: 'edit the list' };
  const run = await simulate(folder);
  restore();
  return { mutant, ...read(run), seconds: (performance.now() - startedMs) / 1000 };
}

function tell({ mutant, verdict, admissions, seconds, detail }: Outcome): void {
  const cells = [
    mutant.name,
    verdict,
    String(admissions),
    seconds.toFixed(1),
    detail.replaceAll('|', '/').slice(0, 100),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** The sources as they are must pass, or finding a mutant in them would mean nothing. */
async function checkOriginal(folder: string): Promise<void> {
  const { exitCode, error } = await simulate(folder);
  if (exitCode === 0) return;
  console.error(`The sources without a mutant do not pass:\n${error}`);
  process.exit(1);
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const waiting = MUTANTS.filter(({ name }) => name.includes(values.only));
const outcomes: Outcome[] = [];
const folders = Array.from({ length: Math.min(availableParallelism(), waiting.length) }, makeCopy);
try {
  const [first] = folders;
  if (first !== undefined) await checkOriginal(first);
  console.log('| mutant | verdict | admissions | seconds | rule that it broke |');
  console.log('|---|---|---|---|---|');
  await Promise.all(
    folders.map(async (folder) => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const outcome = await judge(mutant, folder);
        outcomes.push(outcome);
        tell(outcome);
      }
    }),
  );
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true });
}
const missed = outcomes.filter(({ verdict }) => verdict !== 'found');
console.log(`\n${outcomes.length - missed.length} of ${outcomes.length} mutants found.`);
process.exitCode = missed.length === 0 && outcomes.length > 0 ? 0 : 1;
