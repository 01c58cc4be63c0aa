/** What `npm start` gives to Node, so that what is measured and killed is what users run. */
import { readFileSync } from 'node:fs';

function wordsBeforeEntry(): readonly string[] {
  const file = new URL('../package.json', import.meta.url);
  const { scripts } = JSON.parse(readFileSync(file, 'utf8')) as { scripts: { start: string } };
  const [beforeEntry = ''] = scripts.start.split(' src/cli/');
  return beforeEntry.split(' ');
}

/** Options of Node. */
export function startFlags(): readonly string[] {
  return wordsBeforeEntry().filter((word) => word.startsWith('--'));
}

/** Variables of the environment. */
export function startEnvironment(): Readonly<Record<string, string>> {
  const settings = wordsBeforeEntry().filter((word) => /^[A-Z_]+=/.test(word));
  return Object.fromEntries(settings.map((setting) => setting.split('=') as [string, string]));
}
