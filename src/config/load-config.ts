/**
 * The way in: a TOML file, the environment and flags become frozen settings, or one line that says what to mend.
 * A flag wins over a variable, a variable over the file, the file over the schema's default.
 */
import type { Settings } from '../core/settings.ts';
import type { LeftOutBackend } from './build-backends.ts';
import { buildSettings } from './build-settings.ts';
import { ConfigError, dottedKey, KeyProblem } from './config-error.ts';
import type { Environment } from './environment.ts';
import {
  applyOverride,
  overridesFromEnvironment,
  overridesFromFlags,
  type Flags,
  type Override,
} from './overrides.ts';
import { isTable, readToml, type Table } from './read-toml.ts';
import { validate } from './validate.ts';

export interface LoadInput {
  /** The file; without it `NEXUS_CONFIG`, and without that no file: the defaults. */
  readonly path?: string | undefined;
  readonly env: Environment;
  /** By dotted key: `{ 'server.port': '8080' }`. Text is read as the key's type. */
  readonly flags?: Flags;
}

export interface LoadedConfig {
  /** Deeply frozen. Holds keys: print it with `describeSettings` only. */
  readonly settings: Settings;
  /** The file that was read; null when there is none. */
  readonly file: string | null;
  /** Whether to look for backends that the file does not name: see `discoverBackends`. */
  readonly discovery: boolean;
  /** Backends of the file that do not run. They are named in `warnings` too. */
  readonly leftOut: readonly LeftOutBackend[];
  /** Things to tell the operator that stop nothing, a sentence each. */
  readonly warnings: readonly string[];
}

/** Variables that the document names as the places of keys. */
function namedVariables(document: Table): ReadonlySet<string> {
  const { server, backends, alerts } = document;
  const webhooks = isTable(alerts) ? alerts['webhooks'] : undefined;
  const places: readonly unknown[] = [server, backends, webhooks].flat();
  const names = places.flatMap((place) =>
    isTable(place) ? [place['api_key_env'], place['secret_env']] : [],
  );
  return new Set(names.filter((name) => typeof name === 'string'));
}

/** Says which backend is meant, where only its position is in the key. */
function backendNote(document: Table, problem: KeyProblem): string {
  const [section, at] = problem.path;
  const { backends } = document;
  if (section !== 'backends' || typeof at !== 'number' || !Array.isArray(backends)) return '';
  const backend: unknown = backends[at];
  return isTable(backend) && typeof backend['name'] === 'string'
    ? ` (backend ${JSON.stringify(backend['name'])})`
    : '';
}

interface Sources {
  readonly file: string | null;
  readonly document: Table;
  readonly overrides: readonly Override[];
}

/** Adds where the value comes from. */
function configErrorOf(problem: KeyProblem, { file, document, overrides }: Sources): ConfigError {
  const key = dottedKey(problem.path);
  const override = overrides.findLast((candidate) => candidate.key.join('.') === key);
  const source = override?.source ?? file ?? 'configuration';
  return new ConfigError(`${source}: ${key} ${problem.message}${backendNote(document, problem)}`, {
    cause: problem,
  });
}

function build({ document, file }: Sources, env: Environment): LoadedConfig {
  const raw = validate(document);
  const { settings, leftOut, warnings } = buildSettings(raw, env);
  return { settings, file, discovery: raw.discovery.enabled, leftOut, warnings };
}

/** Throws `ConfigError`, whose message is one line for the operator. */
export function loadConfig({ path, env, flags = {} }: LoadInput): LoadedConfig {
  const file = path ?? env['NEXUS_CONFIG'] ?? null;
  // Not the defaults: a variable that a script left empty must not switch the budget off.
  if (file === '') throw new ConfigError('NEXUS_CONFIG: is empty; name a file, or unset it');
  let sources: Sources = { file, document: {}, overrides: [] };
  try {
    const document: Table = file === null ? { discovery: { enabled: true } } : readToml(file);
    const overrides = [
      ...overridesFromEnvironment(env, namedVariables(document)),
      ...overridesFromFlags(flags),
    ];
    for (const override of overrides) applyOverride(document, override);
    sources = { file, document, overrides };
    return build(sources, env);
  } catch (error) {
    throw error instanceof KeyProblem ? configErrorOf(error, sources) : error;
  }
}
