/** The config that a simulation plays against: what the file says, wherever it is run. */
import path from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { loadConfig } from '../../config/load-config.ts';
import type { Settings } from '../../core/settings.ts';
import { CommandFailure, UsageFailure } from '../failure.ts';

export interface Policy {
  /** Short, for tables and plots. */
  readonly name: string;
  readonly settings: Settings;
}

const ASSUMED_KEY = 'not-needed';

/** Nothing is sent, so the key of no backend is needed: each that the file names counts as set. */
function withAssumedKeys(env: Environment): Environment {
  return new Proxy(env, {
    get: (variables, name) =>
      typeof name !== 'string' || name === 'NEXUS_CONFIG'
        ? Reflect.get(variables, name)
        : variables[name] || ASSUMED_KEY,
  });
}

/** Throws `ConfigError`, `UsageFailure` or `CommandFailure`. */
function loadPolicy(file: string | undefined, env: Environment): Policy {
  const loaded = loadConfig({ path: file, env: withAssumedKeys(env) });
  if (loaded.file === null)
    throw new UsageFailure('name the config to play against: --config FILE');
  const { settings } = loaded;
  if (settings.backends.length === 0) {
    throw new CommandFailure(
      `${loaded.file} names no backends, and those that a gateway finds by itself are not part of a simulation; write them under [[backends]]`,
    );
  }
  return { name: path.basename(loaded.file), settings };
}

/** The policies of `--config` and `--compare`, under names that differ. */
export function loadPolicies(
  config: string | undefined,
  compared: string | undefined,
  env: Environment,
): readonly [Policy, ...Policy[]] {
  const first = loadPolicy(config, env);
  if (compared === undefined) return [first];
  const second = loadPolicy(compared, env);
  if (first.name !== second.name) return [first, second];
  return [
    { ...first, name: config ?? env['NEXUS_CONFIG'] ?? first.name },
    { ...second, name: compared },
  ];
}
