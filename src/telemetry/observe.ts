/** Puts the room together: one set of facts goes into statistics, metrics and log, and one set of readings comes out. */
import type { Clock } from '../core/clock.ts';
import type { ControlPlane } from '../core/control.ts';
import type { Facts } from '../core/facts.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { Settings } from '../core/settings.ts';
import { announceEvents, announceRequest } from './announce.ts';
import { observedSince } from './forecast.ts';
import { createMetrics } from './metrics.ts';
import { budgetView, statsView, type StatsInput } from './stats-view.ts';
import { createStats } from './stats.ts';

export interface ObserveOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly ioClock: Clock;
  readonly log: Log;
  readonly ledger: LedgerAdmin;
  readonly control: ControlPlane;
  readonly resolveAlias: (model: string) => string;
  readonly pending: (backend: string) => number;
  readonly isLedgerWritable: () => boolean;
}

export interface Observation {
  readonly facts: Facts;
  /** Everything that the views are made of, at this moment. */
  read(): StatsInput;
  /** The body of `GET /v1/stats`. */
  stats(): ReturnType<typeof statsView>;
  /** The body of `GET /v1/budget`; null without a budget. */
  budget(): object | null;
  /** Prometheus text format 0.0.4. */
  metrics(): Promise<string>;
  /** Calls the listener after anything that the views show may have changed; returns how to stop that. */
  subscribe(listener: () => void): () => void;
}

/** Every name that the file gives to a model: counted and shown by name although no backend may serve it. */
function configuredNames({ routing, backends }: Settings): readonly string[] {
  return [
    ...Object.entries(routing.aliases).flat(),
    ...Object.entries(routing.fallbacks).flat(2),
    ...backends.flatMap(({ models }) => models),
  ];
}

/** Starts to listen. Facts are to be told to the result; events of the control plane are heard from here on. */
export function observe(options: ObserveOptions): Observation {
  const { settings, version, clock, ioClock, log, ledger, control, pending } = options;
  const names = configuredNames(settings);
  const startedAtMs = ioClock.monotonicMs();
  const observedSinceMs = observedSince(ledger, clock.now());
  const stats = createStats({
    policy: () => control.policy(),
    configuredNames: names,
    nowMs: () => clock.now(),
  });
  const read = (): StatsInput => {
    // A reading after a boundary shows the new month, also when no request has come since.
    control.noticeTime(clock.now());
    return {
      budget: settings.routing.budget,
      policy: control.policy(),
      totals: ledger.totals(),
      period: control.period(),
      reading: control.budget(),
      stats: stats.read(),
      pending,
      uptimeSeconds: (ioClock.monotonicMs() - startedAtMs) / 1000,
      nowMs: clock.now(),
      observedSinceMs,
    };
  };
  const metrics = createMetrics({
    version,
    hasBudget: settings.routing.budget !== null,
    configuredNames: names,
    resolveAlias: options.resolveAlias,
    policy: () => control.policy(),
    totals: () => ledger.totals(),
    pending,
    isLedgerWritable: options.isLedgerWritable,
    projectedUsd: () => statsView(read()).budget?.forecast.projected_month_end_usd ?? null,
  });
  const announce = announceEvents(log);
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  control.onEvent((event) => {
    announce(event);
    stats.controlEvent(event);
    metrics.controlEvent(event);
    changed();
  });
  control.onPolicy(changed);
  return {
    facts: factsFor(stats, metrics, control, log, changed),
    read,
    stats: () => statsView(read()),
    budget: () => budgetView(read()),
    metrics() {
      control.noticeTime(clock.now());
      return metrics.scrape();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function factsFor(
  stats: Facts,
  metrics: Facts,
  control: ControlPlane,
  log: Log,
  changed: () => void,
): Facts {
  return {
    tokensCounted(fact) {
      stats.tokensCounted(fact);
      metrics.tokensCounted(fact);
    },
    attemptEnded(fact) {
      // Health learns from traffic too.
      control.attemptEnded(fact);
      stats.attemptEnded(fact);
      metrics.attemptEnded(fact);
    },
    requestEnded(fact) {
      stats.requestEnded(fact);
      metrics.requestEnded(fact);
      announceRequest(log, fact);
      changed();
    },
  };
}
