import type { Clock } from '../core/clock.ts';
import type { BackendModel } from '../core/policy.ts';
import type { BackendSettings, Settings } from '../core/settings.ts';
import type { ProbeResult } from '../core/upstream.ts';
import { reasonOf } from './reason-of.ts';

/** What a probe found out, ready to become an event. */
export type ProbeOutcome =
  | {
      readonly kind: 'succeeded';
      readonly latencyMs: number;
      readonly models: readonly BackendModel[];
    }
  | { readonly kind: 'failed'; readonly reason: string };

export interface ProbeOptions {
  readonly clock: Clock;
  readonly backends: readonly BackendSettings[];
  readonly healthCheck: Settings['healthCheck'];
  /** Rejects with a plain reason; keeps to its timeout by itself. */
  readonly probe: (backend: string, timeoutMs: number) => Promise<ProbeResult>;
  readonly onOutcome: (backend: string, outcome: ProbeOutcome) => void;
}

/** The models that a backend serves: those named in the file, with what the backend tells of them, or else its list. */
export function modelsOf(
  backend: BackendSettings,
  listed: readonly BackendModel[] | null,
): readonly BackendModel[] {
  if (backend.models.length === 0) return listed ?? [];
  return backend.models.map(
    (id) =>
      listed?.find((model) => model.id === id) ?? {
        id,
        contextLength: null,
        vision: null,
        tools: null,
      },
  );
}

/**
 * Asks every backend at the configured interval, all in parallel, and never the same one twice at a time. With health
 * checks switched off only one round is made, at the start, to learn the models.
 */
export class Probes {
  readonly #options: ProbeOptions;
  readonly #inFlight = new Map<string, Promise<void>>();
  /** The models named in the file, for backends that list none: the same objects each time, so that nobody compares them. */
  readonly #named: ReadonlyMap<string, readonly BackendModel[]>;
  #timer: unknown = null;
  #isStopped = false;

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#named = new Map(
      options.backends.map((backend) => [backend.name, modelsOf(backend, null)]),
    );
  }

  start(): void {
    void this.probeAll();
    if (this.#options.healthCheck.enabled) this.#arm();
  }

  /** Resolves when every backend has answered or failed. A probe that is under way counts as this one. */
  async probeAll(): Promise<void> {
    if (this.#isStopped) return;
    await Promise.all(this.#options.backends.map((backend) => this.#probe(backend)));
  }

  /** No probe starts any more; what is under way is not waited for, and its outcome is dropped. */
  stop(): void {
    this.#isStopped = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    const { clock, backends, healthCheck } = this.#options;
    this.#timer = clock.setTimeout(() => {
      this.#arm();
      // A clock that is moved over months ticks here very often while the first answers are still under way.
      for (const backend of backends) {
        if (!this.#inFlight.has(backend.name)) void this.#probe(backend);
      }
    }, healthCheck.intervalSeconds * 1000);
  }

  #probe(backend: BackendSettings): Promise<void> {
    const probe = this.#inFlight.get(backend.name) ?? this.#askAndTell(backend);
    this.#inFlight.set(backend.name, probe);
    return probe;
  }

  async #askAndTell(backend: BackendSettings): Promise<void> {
    const outcome = await this.#ask(backend);
    this.#inFlight.delete(backend.name);
    if (!this.#isStopped) this.#options.onOutcome(backend.name, outcome);
  }

  async #ask(backend: BackendSettings): Promise<ProbeOutcome> {
    const { probe, healthCheck } = this.#options;
    try {
      const { latencyMs, models } = await probe(backend.name, healthCheck.timeoutSeconds * 1000);
      const named = models === null ? this.#named.get(backend.name) : undefined;
      return { kind: 'succeeded', latencyMs, models: named ?? modelsOf(backend, models) };
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error) };
    }
  }
}
