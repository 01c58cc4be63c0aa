/**
 * Prices follow the file while the gateway runs: when it changes, and when somebody asks for it (SIGHUP). Everything
 * else that changed in it is named, since it needs a restart. A file with a mistake changes nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ReloadState } from '../core/reload.ts';
import type { BackendSettings } from '../core/settings.ts';
import { changedKeys } from './changed-keys.ts';
import type { LoadedConfig } from './load-config.ts';
import { watchFile, type FileWatch } from './watch-file.ts';

/** Where the settings come from, so that they can be read again. */
export interface ConfigSource {
  /** What runs, as it was read; without backends that were found. */
  readonly loaded: LoadedConfig;
  /** Reads file, environment and flags again. Throws `ConfigError`. */
  readonly load: () => LoadedConfig;
}

export interface FollowOptions {
  /** Undefined: nothing can be read again. */
  readonly source: ConfigSource | undefined;
  /** What runs, found backends included. */
  readonly backends: readonly BackendSettings[];
  /** Puts the prices of these backends into force, or throws and changes nothing. */
  readonly apply: (backends: readonly BackendSettings[]) => void;
  /** Called after other prices have come into force, by the file or by their date. */
  readonly changed: () => void;
  readonly log: Log;
  /** For the time that is shown, and for the dates of prices. */
  readonly clock: Clock;
  /** Real time, to look at the file. */
  readonly ioClock: Clock;
}

export interface ConfigFollower {
  /** Reads the file again now. Never throws: what is wrong is logged. */
  reload(): void;
  state(): ReloadState;
  stop(): void;
}

/** Running backends with the prices of a new reading. One that it does not have keeps its own until the restart. */
function repriced(
  running: readonly BackendSettings[],
  read: readonly BackendSettings[],
): readonly BackendSettings[] {
  return running.map((backend) => {
    const prices = read.find(({ name }) => name === backend.name)?.prices ?? backend.prices;
    return { ...backend, prices };
  });
}

/** When the next of all dated prices comes into force; null when none will. */
function nextDate(backends: readonly BackendSettings[], nowMs: number): number | null {
  const dates = backends
    .flatMap(({ prices }) => Object.values(prices))
    .flatMap(({ versions = [] }) => versions.map(({ fromMs }) => fromMs))
    .filter((fromMs) => fromMs > nowMs);
  return dates.length === 0 ? null : Math.min(...dates);
}

class Follower implements ConfigFollower {
  readonly #options: FollowOptions;
  readonly #watch: FileWatch | null;
  #backends: readonly BackendSettings[];
  #state: ReloadState;
  #nextDate: unknown;

  constructor(options: FollowOptions) {
    const { source, backends, clock, ioClock } = options;
    this.#options = options;
    this.#backends = backends;
    this.#state = { isSuccessful: true, succeededAtMs: clock.now() };
    const file = source?.loaded.file ?? null;
    this.#watch = file === null ? null : watchFile(file, ioClock, () => this.reload());
    this.#awaitNextDate();
  }

  reload(): void {
    const { source, log, clock } = this.#options;
    if (source === undefined || this.#watch === null) {
      log.warn('there is no config file to read again');
      return;
    }
    this.#watch.readNow();
    try {
      this.#take(source.load(), source.loaded);
      this.#state = { isSuccessful: true, succeededAtMs: clock.now() };
    } catch (error) {
      this.#state = { ...this.#state, isSuccessful: false };
      const reason = error instanceof Error ? error.message : String(error);
      log.error(`the config can not be used, so the prices stay as they are: ${reason}`);
    }
  }

  #take(read: LoadedConfig, running: LoadedConfig): void {
    const { apply, changed, log } = this.#options;
    const before = this.#backends;
    const next = repriced(before, read.settings.backends);
    apply(next);
    this.#backends = next;
    this.#awaitNextDate();
    const repricedNames = next
      .filter(({ prices }, at) => !isDeepStrictEqual(prices, before[at]?.prices))
      .map(({ name }) => name);
    log.info(
      repricedNames.length === 0
        ? 'the config was read again: no price has changed'
        : `the config was read again: prices have changed at ${repricedNames.join(', ')}`,
    );
    if (repricedNames.length > 0) changed();
    const keys = changedKeys(running, read);
    if (keys.length > 0) log.warn(`these have changed too and need a restart: ${keys.join(', ')}`);
  }

  #awaitNextDate(): void {
    const { clock, changed } = this.#options;
    clock.clearTimeout(this.#nextDate);
    const nowMs = clock.now();
    const nextMs = nextDate(this.#backends, nowMs);
    if (nextMs === null) return;
    this.#nextDate = clock.setTimeout(() => {
      changed();
      this.#awaitNextDate();
    }, nextMs - nowMs);
  }

  state(): ReloadState {
    return this.#state;
  }

  stop(): void {
    this.#watch?.stop();
    this.#options.clock.clearTimeout(this.#nextDate);
  }
}

export function followConfig(options: FollowOptions): ConfigFollower {
  return new Follower(options);
}
