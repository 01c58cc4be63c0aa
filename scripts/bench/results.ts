/** The head of a run, and its results as files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import path from 'node:path';
import { markdownOf, type Table } from './figures.ts';

export interface Run {
  readonly date: string;
  readonly command: string;
  readonly node: string;
  readonly machine: string;
  /** Load of the machine over a minute before the run: what shares the cores with it. */
  readonly loadBefore: number;
  readonly skipped: readonly string[];
}

export function describeRun(args: readonly string[], skipped: readonly string[]): Run {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const memoryGb = Math.round(totalmem() / 1024 ** 3);
  return {
    date: new Date().toISOString(),
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    node: process.version,
    machine: `${cpus().length} x ${model}, ${memoryGb} GB, ${platform()} ${arch()}`,
    loadBefore: loadavg()[0] ?? Number.NaN,
    skipped,
  };
}

export function headOf({ date, command, node, machine, loadBefore, skipped }: Run): string {
  return [
    '# Benchmark',
    '',
    `\`${command}\`, ${date.slice(0, 10)}, Node ${node}, ${machine}, load ${loadBefore.toFixed(1)} before the run.`,
    ...skipped.map((reason) => `Not measured: ${reason}.`),
  ].join('\n');
}

/** Keeps a run as Markdown for people and JSON for comparisons; returns the path of the Markdown. */
export function keepResults(run: Run, tables: readonly Table[]): string {
  const folder = path.join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const name = path.join(folder, run.date.slice(0, 16).replace(/[T:]/g, '-'));
  const text = [headOf(run), ...tables.map(markdownOf)].join('\n\n');
  writeFileSync(`${name}.md`, `${text}\n`);
  writeFileSync(`${name}.json`, `${JSON.stringify({ ...run, tables }, null, 2)}\n`);
  return `${name}.md`;
}
