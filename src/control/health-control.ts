import { isSteady } from '../../machines/backend-health.machine.ts';
import type { Clock } from '../core/clock.ts';
import type { AttemptEnded } from '../core/facts.ts';
import type { BackendModel, HealthStatus } from '../core/policy.ts';
import type { BackendSettings, Settings } from '../core/settings.ts';
import { assert } from '../core/assert.ts';
import type { ChildCare, HealthRef } from './actors.ts';
import type { Announcements } from './announcements.ts';
import { modelsOf } from './probes.ts';
import type { ProbeOutcome } from './probes.ts';
import { TrafficGate } from './traffic-gate.ts';

type HealthEvent = Parameters<HealthRef['send']>[0];

/** One backend as the scheduler hears of it. */
export interface BackendStanding {
  readonly name: string;
  readonly priority: number;
  readonly health: HealthStatus;
  readonly healthReason: string | null;
  readonly models: readonly BackendModel[];
  readonly latencyMs: number | null;
  readonly lastCheckedAtMs: number | null;
}

interface HealthControlOptions {
  /** The ledger's time: stamps of checks. */
  readonly clock: Clock;
  /** Real time: how long latencies are held back. */
  readonly ioClock: Clock;
  readonly backends: readonly BackendSettings[];
  readonly healthCheck: Settings['healthCheck'];
  readonly announcements: Announcements;
  readonly onStanding: (standing: BackendStanding) => void;
}

/** Everything between probes, live traffic and the health charts. */
export class HealthControl {
  readonly care: ReadonlyMap<string, ChildCare<HealthRef>>;
  readonly #options: HealthControlOptions;
  readonly #refs = new Map<string, HealthRef>();
  readonly #standings = new Map<string, BackendStanding>();
  readonly #traffic: TrafficGate;

  constructor(options: HealthControlOptions) {
    this.#options = options;
    this.#traffic = new TrafficGate(options.ioClock, (backend, latencyMs) =>
      this.#send(backend, { type: 'attempt succeeded', latencyMs }),
    );
    for (const backend of options.backends) {
      this.#standings.set(backend.name, {
        name: backend.name,
        priority: backend.priority,
        health: 'unknown',
        healthReason: null,
        models: modelsOf(backend, null),
        latencyMs: null,
        lastCheckedAtMs: null,
      });
    }
    this.care = new Map(
      [...this.#standings.keys()].map((name) => [
        name,
        {
          input: () => this.#input(name),
          up: (ref: HealthRef) => this.#up(name, ref),
          down: () => this.#refs.delete(name),
        },
      ]),
    );
  }

  standings(): readonly BackendStanding[] {
    return [...this.#standings.values()];
  }

  probed(backend: string, outcome: ProbeOutcome): void {
    const atMs = this.#options.clock.now();
    this.#traffic.flush();
    if (outcome.kind === 'succeeded') {
      const { latencyMs, models } = outcome;
      this.#send(backend, { type: 'probe succeeded', latencyMs, models, atMs });
    } else if (this.#canRecover()) {
      this.#send(backend, { type: 'probe failed', reason: outcome.reason, atMs });
    }
  }

  attemptEnded({ backend, outcome, reason, latencyMs }: AttemptEnded): void {
    const ref = this.#refs.get(backend);
    if (!ref || outcome === 'refused') return;
    if (outcome === 'failed') {
      if (!this.#canRecover()) return;
      this.#traffic.flush();
      this.#send(backend, { type: 'attempt failed', reason: reason ?? 'no answer' });
    } else if (!isSteady(ref.getSnapshot())) {
      this.#send(backend, { type: 'attempt succeeded', latencyMs });
    } else if (latencyMs !== null) {
      this.#traffic.hold(backend, latencyMs);
    }
  }

  flush(): void {
    this.#traffic.flush();
  }

  /** Without probes nothing would ever bring an unhealthy backend back, so failures are not held against it. */
  #canRecover(): boolean {
    return this.#options.healthCheck.enabled;
  }

  #standingOf(name: string): BackendStanding {
    const standing = this.#standings.get(name);
    assert(standing !== undefined, `a backend named ${name} is configured`);
    return standing;
  }

  #input(name: string): unknown {
    const { failureThreshold, recoveryThreshold } = this.#options.healthCheck;
    const { health, healthReason, latencyMs, models, lastCheckedAtMs } = this.#standingOf(name);
    return {
      backend: name,
      failureThreshold,
      recoveryThreshold,
      health,
      reason: healthReason,
      latencyMs,
      models,
      lastCheckedAtMs,
    };
  }

  #up(name: string, ref: HealthRef): void {
    const { announcements, onStanding } = this.#options;
    this.#refs.set(name, ref);
    ref.on('health changed', ({ backend, from, to, reason }) =>
      announcements.announce({ kind: 'backend_changed', backend, from, to, reason }),
    );
    const adopt = (snapshot: ReturnType<HealthRef['getSnapshot']>): void => {
      const { value, context } = snapshot;
      assert(value !== 'starting', 'health rests in a verdict');
      const standing: BackendStanding = {
        ...this.#standingOf(name),
        health: value,
        healthReason: value === 'unhealthy' ? context.reason : null,
        models: context.models,
        latencyMs: context.latencyMs,
        lastCheckedAtMs: context.lastCheckedAtMs,
      };
      this.#standings.set(name, standing);
      onStanding(standing);
    };
    // Without an `error` observer XState would report the failure as uncaught; the root supervises it.
    ref.subscribe({ next: adopt, error: () => {} });
    adopt(ref.getSnapshot());
  }

  #send(backend: string, event: HealthEvent): void {
    this.#options.announcements.during(() => this.#refs.get(backend)?.send(event));
  }
}
