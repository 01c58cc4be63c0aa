/** The project's own sources, for tests that hold rules about them. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

export interface SourceFile {
  /** Relative to the top of the project, with `/`. */
  readonly file: string;
  readonly text: string;
  /** The text without its comments, which may name what the code must not do. */
  readonly code: string;
}

export interface ImportedName {
  /** As written: `./money.ts`, `xstate`, `node:fs`. */
  readonly specifier: string;
  /** `import type ... from`. */
  readonly isType: boolean;
}

const STRING_OR_COMMENT =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<!\\)\/\/[^\n]*/g;

function withoutComments(text: string): string {
  return text.replaceAll(STRING_OR_COMMENT, (_whole, kept: string | undefined) => kept ?? '');
}

export function sourceFiles(...patterns: readonly string[]): readonly SourceFile[] {
  return globSync([...patterns], { cwd: ROOT })
    .toSorted()
    .map((file) => {
      const text = readFileSync(path.join(ROOT, file), 'utf8');
      return { file: file.replaceAll(path.sep, '/'), text, code: withoutComments(text) };
    });
}

const STATIC_IMPORT = /^\s*(?:import|export)\b(\s+type\b)?[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm;
const BARE_IMPORT = /^\s*import\s*['"]([^'"]+)['"]/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*['"`]([^'"`]+)['"`]/g;
/** How a worker thread is pointed at its file. */
const WORKER_URL = /\bnew URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url/g;

/** Everything that a file takes from elsewhere: static, type-only and dynamic imports, re-exports and worker files. */
export function importsOf(code: string): readonly ImportedName[] {
  const found: ImportedName[] = [];
  for (const [, type, specifier = ''] of code.matchAll(STATIC_IMPORT)) {
    found.push({ specifier, isType: type !== undefined });
  }
  for (const pattern of [BARE_IMPORT, DYNAMIC_IMPORT, WORKER_URL]) {
    for (const [, specifier = ''] of code.matchAll(pattern))
      found.push({ specifier, isType: false });
  }
  return found;
}

/** A relative specifier as a path from the top of the project; null for packages and built-in modules. */
export function resolveImport(file: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  return path.posix.join(path.posix.dirname(file), specifier);
}
