/** What a command would run: the file, the environment, the flags, and the backends that are found. */
import type { LeftOutBackend } from '../config/build-backends.ts';
import { discoverBackends } from '../config/discover-backends.ts';
import type { ConfigSource } from '../config/follow-config.ts';
import { loadConfig, type LoadedConfig } from '../config/load-config.ts';
import type { Settings } from '../core/settings.ts';
import type { Session } from './command.ts';

/** Something that listens on this machine answers within this time, or is not there. */
const PROBE_TIMEOUT_MS = 700;

export interface LoadedSettings {
  readonly settings: Settings;
  /** The file that was read; null without one. */
  readonly file: string | null;
  /** Whence prices can be read again while the gateway runs. */
  readonly source: ConfigSource;
  readonly leftOut: readonly LeftOutBackend[];
  /** Names of backends that no file names. */
  readonly found: readonly string[];
  readonly warnings: readonly string[];
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** @param flags values by dotted key of the config. Throws `ConfigError`, whose message is one line. */
export async function loadSettings(
  path: string | undefined,
  { env }: Session,
  flags: Readonly<Record<string, string | number>> = {},
): Promise<LoadedSettings> {
  const load = (): LoadedConfig => loadConfig({ path, env, flags });
  const loaded = load();
  const { settings, found, warnings } = await discoverBackends(loaded, env, answers);
  return {
    settings,
    file: loaded.file,
    source: { loaded, load },
    leftOut: loaded.leftOut,
    found: found.map(({ name }) => name),
    warnings: [...loaded.warnings, ...warnings],
  };
}
