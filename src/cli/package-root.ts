/** The package that this code belongs to: a checkout, or an installed one with its JavaScript under `dist/`. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CommandFailure } from './failure.ts';

/** The nearest folder upwards that has a `package.json`. */
export function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) {
    const above = path.dirname(folder);
    if (above === folder)
      throw new CommandFailure('no package.json above the program; install it again');
    folder = above;
  }
  return folder;
}

export function packageVersion(): string {
  const text = readFileSync(path.join(packageRoot(), 'package.json'), 'utf8');
  const parsed: unknown = JSON.parse(text);
  const hasVersion = typeof parsed === 'object' && parsed !== null && 'version' in parsed;
  return hasVersion ? String(parsed.version) : 'unknown';
}
