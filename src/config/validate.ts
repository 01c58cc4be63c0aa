/** Holds a document against the schema, fills in the defaults, and turns the first fault into words. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { dottedKey, KeyProblem, type KeyPath } from './config-error.ts';
import { nearest } from './nearest.ts';
import type { RawConfig } from './raw-config.ts';
import { isTable, type Table } from './read-toml.ts';
import { acceptedBy, placesOf, SCHEMA, schemaAt } from './schema.ts';

let compiled: ValidateFunction | undefined;

function validator(): ValidateFunction {
  // All errors, because a misspelt key is worth more than the missing one that it was meant to be.
  compiled ??= new Ajv({ useDefaults: true, allErrors: true, allowUnionTypes: true }).compile(
    SCHEMA,
  );
  return compiled;
}

/** `/backends/0/url` as `['backends', 0, 'url']`; a position is a number only where the document has a list. */
function pathOf(pointer: string, document: unknown): KeyPath {
  const path: (string | number)[] = [];
  let value = document;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(value) ? Number(key) : key);
    value = Array.isArray(value) ? value[Number(key)] : isTable(value) ? value[key] : undefined;
  }
  return path;
}

function valueAt(path: KeyPath, document: unknown): unknown {
  return path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return value[Number(part)];
    return isTable(value) ? value[part] : undefined;
  }, document);
}

function unknownKey(path: KeyPath, name: string): KeyProblem {
  const known = Object.keys(schemaAt(path)?.properties ?? {});
  const near = nearest(name, known);
  const suggestions = [...(near === null ? [] : [dottedKey([...path, near])]), ...placesOf(name)];
  const full = [...path, name];
  if (suggestions.length > 0)
    return new KeyProblem(full, `is no key; did you mean ${suggestions.join(' or ')}?`);
  const where = path.length === 0 ? 'the sections are' : `the keys of ${dottedKey(path)} are`;
  return new KeyProblem(full, `is no key; ${where} ${known.join(', ')}`);
}

/** A value as it would be written in TOML, short; a key that was put where only its variable's name belongs stays secret. */
function describeValue(path: KeyPath, value: unknown): string {
  const key = path.at(-1);
  if (key === 'api_key_env' || key === 'secret_env') return 'no name of an environment variable';
  if (Array.isArray(value)) return 'a list';
  if (isTable(value)) return 'a table';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** The usual slip with tables is the number of brackets. */
function bracketsFor(accepted: string, value: unknown, key: string): string {
  if (accepted === 'a list of tables' && isTable(value))
    return `: write [[${key}]] instead of [${key}]`;
  return accepted === 'a table' && Array.isArray(value)
    ? `: write [${key}] instead of [[${key}]]`
    : '';
}

function wrongValue(path: KeyPath, document: unknown): KeyProblem {
  const node = schemaAt(path);
  const value = valueAt(path, document);
  const accepted = node === undefined ? 'another value' : acceptedBy(node);
  const near =
    typeof value === 'string' && node?.enum ? nearest(value, node.enum.map(String)) : null;
  const advice = near === null ? '' : `; did you mean ${JSON.stringify(near)}?`;
  const use = `${accepted}${bracketsFor(accepted, value, dottedKey(path))}`;
  return new KeyProblem(path, `is ${describeValue(path, value)}; use ${use}${advice}`);
}

function problemOf(error: ErrorObject, document: unknown): KeyProblem {
  const path = pathOf(error.instancePath, document);
  const { params } = error;
  if (error.keyword === 'additionalProperties')
    return unknownKey(path, String(params['additionalProperty']));
  if (error.keyword === 'required') {
    const missing = [...path, String(params['missingProperty'])];
    const node = schemaAt(missing);
    return new KeyProblem(
      missing,
      `is missing; it takes ${node === undefined ? 'a value' : acceptedBy(node)}`,
    );
  }
  return wrongValue(path, document);
}

/** Fills defaults into `document` and returns it typed. Throws `KeyProblem` for the first fault. */
export function validate(document: Table): RawConfig {
  const check = validator();
  if (!check(document)) {
    const errors = check.errors ?? [];
    const first = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0];
    throw first === undefined ? new KeyProblem([], 'is not valid') : problemOf(first, document);
  }
  // The schema has just said so.
  return document as unknown as RawConfig;
}
