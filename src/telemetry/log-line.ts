/** How an entry of the log is written: as one JSON object, or as a line for people. */
import type { LogFields } from '../core/log.ts';
import type { Settings } from '../core/settings.ts';
import { escapeUnsafe, isPlain, isSecretName, redact, REDACTED, shorten } from './safe-text.ts';

export type LogLevel = Settings['logging']['level'];

export interface LogEntry {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export interface LineStyle {
  readonly format: Settings['logging']['format'];
  readonly hasColors: boolean;
  /** Configured keys, which are never written whatever they look like. */
  readonly secrets: readonly string[];
}

const MAX_TEXT = 2_000;
const MAX_STACK = 8_000;
const MAX_CAUSES = 4;

type SafeValue = string | number | boolean | null | SafeError;

interface SafeError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: SafeError | string;
}

type Clean = (text: string, most?: number) => string;

function cleaner(secrets: readonly string[]): Clean {
  return (text, most = MAX_TEXT) => shorten(redact(text, secrets), most);
}

/** `JSON.stringify` makes `{}` of an Error; this says what it knows, down to a bounded number of causes. */
function safeError(error: Error, clean: Clean, depth = 0): SafeError {
  const { cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    name: clean(error.name),
    message: clean(error.message),
    ...(typeof code === 'string' ? { code: clean(code) } : {}),
    ...(error.stack === undefined ? {} : { stack: clean(error.stack, MAX_STACK) }),
    ...(cause instanceof Error && depth < MAX_CAUSES
      ? { cause: safeError(cause, clean, depth + 1) }
      : {}),
    ...(typeof cause === 'string' ? { cause: clean(cause) } : {}),
  };
}

function safeFields(fields: LogFields, clean: Clean): Readonly<Record<string, SafeValue>> {
  const safe: Record<string, SafeValue> = {};
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    if (typeof value === 'string') safe[name] = isSecretName(name) ? REDACTED : clean(value);
    else if (value instanceof Error) safe[name] = safeError(value, clean);
    else safe[name] = value;
  }
  return safe;
}

/**
 * True when message and fields can be written as they are, which is so for nearly every line: the texts together are
 * short and hold nothing that looks like a secret, and no value is an error. One look at all texts costs a fifth of one
 * at each.
 */
function isCleanAlready(message: string, fields: LogFields, secrets: readonly string[]): boolean {
  let texts = message;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (typeof value === 'string') {
      if (isSecretName(name)) return false;
      texts += `\n${value}`;
    } else if (value instanceof Error) return false;
  }
  return texts.length <= MAX_TEXT && isPlain(texts, secrets);
}

function jsonLine(
  { atMs, level, message, fields }: LogEntry,
  clean: Clean,
  secrets: readonly string[],
): string {
  const isClean = isCleanAlready(message, fields, secrets);
  const entry = {
    time: new Date(atMs).toISOString(),
    level,
    message: isClean ? message : clean(message),
    // Nested, so that no field can take the place of `time`, `level` or `message`.
    fields: isClean ? fields : safeFields(fields, clean),
  };
  return escapeUnsafe(JSON.stringify(entry));
}

const COLORS: Readonly<Record<LogLevel, number>> = { error: 31, warn: 33, info: 32, debug: 90 };

function prettyValue(value: Exclude<SafeValue, SafeError>): string {
  if (typeof value !== 'string') return String(value);
  return /^[\w.:@/+%-]+$/.test(value) ? value : escapeUnsafe(JSON.stringify(value));
}

/** The lines below an entry, indented: a newline in an error's own text can not start a line of its own. */
function prettyError(name: string, error: SafeError): readonly string[] {
  const own = (error.stack ?? `${error.name}: ${error.message}`).split('\n');
  const lines = own.map((line, i) => `    ${i === 0 ? `${name}: ` : ''}${escapeUnsafe(line)}`);
  const { cause } = error;
  if (cause === undefined) return lines;
  return typeof cause === 'string'
    ? [...lines, `    caused by: ${escapeUnsafe(cause)}`]
    : [...lines, ...prettyError('caused by', cause)];
}

function prettyLine(
  { atMs, level, message, fields }: LogEntry,
  clean: Clean,
  hasColors: boolean,
): string {
  const word = level.toUpperCase().padEnd(5);
  const colored = hasColors ? `\u001b[${COLORS[level]}m${word}\u001b[39m` : word;
  const head = [new Date(atMs).toISOString(), colored, escapeUnsafe(clean(message))];
  const below: string[] = [];
  for (const [name, value] of Object.entries(safeFields(fields, clean))) {
    if (value !== null && typeof value === 'object') below.push(...prettyError(name, value));
    else head.push(`${name}=${prettyValue(value)}`);
  }
  return [head.join(' '), ...below].join('\n');
}

/** Returns the writer of one style. What it returns has no line break of its own at the end. */
export function lineWriter({ format, hasColors, secrets }: LineStyle): (entry: LogEntry) => string {
  // A short secret would black out ordinary words.
  const known = secrets.filter((secret) => secret.length >= 6);
  const clean = cleaner(known);
  return format === 'json'
    ? (entry) => jsonLine(entry, clean, known)
    : (entry) => prettyLine(entry, clean, hasColors);
}
