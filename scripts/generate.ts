/**
 * Writes the files that are made from others: `node scripts/generate.ts`. With `--check` it writes nothing and fails
 * when one is not what it would write.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configReference } from './config-reference.ts';
import { chartsReadme } from './generate-charts.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

interface Page {
  /** Relative to the top of the project. */
  readonly file: string;
  readonly make: () => string;
}

const PAGES: readonly Page[] = [
  { file: 'config/README.md', make: configReference },
  { file: 'machines/README.md', make: chartsReadme },
];

function current(file: string): string | null {
  const full = path.join(ROOT, file);
  return existsSync(full) ? readFileSync(full, 'utf8') : null;
}

/** True when the page is as it should be, or is now. */
function bringUpToDate({ file, make }: Page, isCheck: boolean): boolean {
  const wanted = make();
  if (current(file) === wanted) return true;
  if (isCheck) {
    console.error(`${file} is out of date; run "npm run generate" and commit it`);
    return false;
  }
  writeFileSync(path.join(ROOT, file), wanted);
  console.log(`${file} written`);
  return true;
}

const args = process.argv.slice(2);
const unknown = args.find((arg) => arg !== '--check');
if (unknown !== undefined) {
  console.error(`generate: ${unknown} means nothing here; the only flag is --check`);
  process.exit(2);
}
const results = PAGES.map((page) => bringUpToDate(page, args.includes('--check')));
process.exitCode = results.every(Boolean) ? 0 : 1;
