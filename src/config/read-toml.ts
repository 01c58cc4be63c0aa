/** A TOML file as plain data. */
import { readFileSync } from 'node:fs';
import { parse } from '@iarna/toml';
import { ConfigError, KeyProblem, type KeyPath } from './config-error.ts';

export type Table = { [key: string]: unknown };

export function isTable(value: unknown): value is Table {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
    if (code === 'ENOENT') {
      throw new ConfigError(
        `${file}: there is no such file; write one with "nexus config init", or leave out --config to run on defaults`,
      );
    }
    if (code === 'EISDIR') throw new ConfigError(`${file}: is a folder; name the file in it`);
    throw new ConfigError(`${file}: can not be read (${String(code)}); look at its permissions`, {
      cause: error,
    });
  }
}

/** The parser counts lines and columns from 0, and repeats the lines of the file, which may hold anything. */
function syntaxError(file: string, error: unknown): ConfigError {
  if (!(error instanceof Error && 'line' in error && typeof error.line === 'number')) {
    return new ConfigError(`${file}: is no TOML`, { cause: error });
  }
  const [problem = ''] = error.message.split(' at row ');
  return new ConfigError(`${file}:${error.line + 1}: this is no TOML: ${problem}`, {
    cause: error,
  });
}

/** Dates, times and numbers that lose digits are nothing that a key takes, and the schema would not name them well. */
function refuseOddValues(value: unknown, path: KeyPath): void {
  if (typeof value === 'bigint') {
    throw new KeyProblem(
      path,
      'is a whole number beyond 9007199254740991, which can not be kept exactly; use a smaller one',
    );
  }
  if (value instanceof Date) {
    throw new KeyProblem(
      path,
      'is a date or a time, which no key takes; put it in quotes if it is meant as text',
    );
  }
  if (Array.isArray(value)) value.forEach((item, at) => refuseOddValues(item, [...path, at]));
  else if (isTable(value))
    for (const [key, item] of Object.entries(value)) refuseOddValues(item, [...path, key]);
}

/**
 * Reads a file. Throws `ConfigError` when it can not be read or is no TOML, and `KeyProblem` for a value of a kind
 * that no key takes.
 */
export function readToml(file: string): Table {
  const text = readText(file);
  let document: Table;
  try {
    document = parse(text);
  } catch (error) {
    throw syntaxError(file, error);
  }
  refuseOddValues(document, []);
  return document;
}
