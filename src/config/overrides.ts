/** Flags and environment variables that set keys. */
import { ConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';
import { nearest } from './nearest.ts';
import { isTable, type Table } from './read-toml.ts';
import { scalarKeys, schemaAt } from './schema.ts';
import { VARIABLE_PREFIX, variablesOf } from './variables.ts';

/** Values by dotted key, as given on the command line: `{ 'server.port': '8080' }`. */
export type Flags = Readonly<Record<string, string | number | boolean>>;

/** A value that does not come from the file. */
export interface Override {
  readonly key: readonly string[];
  readonly value: unknown;
  /** Where it comes from, for errors: `NEXUS_PORT`, `--port`. */
  readonly source: string;
}

/** Flags of `nexus serve`, to name them in errors. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  'server.host': '--host',
  'server.port': '--port',
  'server.workers': '--workers',
  'logging.level': '--log-level',
  'logging.format': '--log-format',
  'ledger.path': '--ledger',
};

/** Variables that are no keys: the file to read, the Node to run, and where commands find a running gateway. */
const OTHER_VARIABLES = ['NEXUS_CONFIG', 'NEXUS_NODE', 'NEXUS_URL', 'NEXUS_API_KEY'];

const KEYS = new Map(scalarKeys().map((key) => [key.join('.'), key]));

const VARIABLES = new Map(
  [...KEYS].flatMap(([dotted, key]) => variablesOf(dotted).map((name) => [name, key] as const)),
);

/** Text to the type that a key takes; what does not fit stays text, and the schema says so. */
function fromText(text: string, key: readonly string[]): unknown {
  const type = schemaAt(key)?.type;
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  const isNumber = type === 'integer' || type === 'number';
  return isNumber && /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * Kubernetes gives every pod variables made from the names of Services; one named `nexus` gives NEXUS_PORT and more,
 * with addresses in them.
 */
function isFromKubernetes(name: string, value: string): boolean {
  return (
    /^NEXUS_(SERVICE_(HOST|PORT)|PORT_\d)/.test(name) ||
    (name === 'NEXUS_PORT' && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

function unknownVariable(name: string): ConfigError {
  const near = nearest(name, [...VARIABLES.keys(), ...OTHER_VARIABLES]);
  const advice =
    near === null
      ? 'unset it; the variables are listed in config/README.md'
      : `did you mean ${near}?`;
  return new ConfigError(`${name}: no key has this environment variable; ${advice}`);
}

function environmentOverride(name: string, value: string): Override {
  if (isFromKubernetes(name, value)) {
    throw new ConfigError(
      `${name}: comes from Kubernetes, for a Service named nexus, and is no setting; set enableServiceLinks: false in the pod, or name the Service otherwise`,
    );
  }
  const key = VARIABLES.get(name);
  if (!key) throw unknownVariable(name);
  return { key, value: fromText(value, key), source: name };
}

/**
 * What `NEXUS_*` variables set. Throws `ConfigError` for one that means nothing. `namedInFile`: variables that the
 * file names as the places of keys, which may begin like this too.
 */
export function overridesFromEnvironment(
  env: Environment,
  namedInFile: ReadonlySet<string>,
): readonly Override[] {
  const overrides = new Map<string, Override>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(VARIABLE_PREFIX) || value === undefined) continue;
    if (namedInFile.has(name) || OTHER_VARIABLES.includes(name)) continue;
    const override = environmentOverride(name, value);
    const dotted = override.key.join('.');
    const other = overrides.get(dotted);
    if (other !== undefined && other.value !== override.value) {
      throw new ConfigError(
        `${name}: sets ${dotted} to another value than ${other.source} does; unset one of them`,
      );
    }
    overrides.set(dotted, override);
  }
  return [...overrides.values()];
}

function flagName(dotted: string): string {
  return FLAG_NAMES[dotted] ?? `the flag for ${dotted}`;
}

/** What flags set. Throws `ConfigError` for a key that there is not, or that a flag can not set. */
export function overridesFromFlags(flags: Flags): readonly Override[] {
  return Object.entries(flags).map(([dotted, value]) => {
    const key = KEYS.get(dotted);
    if (!key) {
      const near = nearest(dotted, KEYS.keys());
      const advice =
        near === null ? 'flags can set keys with a single value only' : `did you mean ${near}?`;
      throw new ConfigError(`flags: there is no key ${dotted} to set; ${advice}`);
    }
    return {
      key,
      value: typeof value === 'string' ? fromText(value, key) : value,
      source: flagName(dotted),
    };
  });
}

/** Writes a value into the document, making sections on the way. */
export function applyOverride(document: Table, { key, value }: Override): void {
  let table = document;
  for (const part of key.slice(0, -1)) {
    const below = table[part] ?? {};
    // Something else stands where the section belongs: the schema will say so.
    if (!isTable(below)) return;
    table[part] = below;
    table = below;
  }
  const last = key.at(-1);
  if (last !== undefined) table[last] = value;
}
