/** Puts the room together: one set of facts goes into statistics, metrics and log, and one set of readings comes out. */
import type { Clock } from '../core/clock.ts';
import type { ControlPlane } from '../core/control.ts';
import type { Facts } from '../core/facts.ts';
import type { LedgerAdmin, MonthTotals } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { PriceList } from '../core/prices.ts';
import type { ReloadState } from '../core/reload.ts';
import type { Settings } from '../core/settings.ts';
import type { CalibrationReading } from '../core/tokens.ts';
import { startAlerts } from './alerts.ts';
import { announceEvents, announceRequest } from './announce.ts';
import { observedSince } from './forecast.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { MonthViewer, type MonthReading, type MonthView } from './month-view.ts';
import { budgetView, statsView, type StatsInput, type StatsView } from './stats-view.ts';
import { createStats, type Stats, type StatsReading } from './stats.ts';

interface ObservedLedger extends LedgerAdmin {
  /** Calls the listener after every change of the current month's totals. */
  onTotals(listener: (totals: MonthTotals) => void): () => void;
  /** False while entries can not be stored. */
  isHealthy(): boolean;
}

export interface ObserveOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly ioClock: Clock;
  readonly log: Log;
  readonly ledger: ObservedLedger;
  readonly control: ControlPlane;
  readonly resolveAlias: (model: string) => string;
  readonly pending: (backend: string) => number;
  readonly calibration: () => readonly CalibrationReading[];
  readonly priceList: PriceList;
  readonly lastReload: () => ReloadState;
}

type Frame = Pick<StatsInput, 'nowMs' | 'policy'> &
  Pick<StatsReading, 'tiers' | 'inFlight' | 'recent' | 'events'> & {
    readonly inspector: boolean;
    readonly stats: StatsView;
    readonly month: MonthView;
  };

export interface Observation {
  readonly facts: Facts;
  /** The body of `GET /v1/stats`. */
  stats(): StatsView;
  /** The body of `GET /v1/budget`; null without a budget. */
  budget(): object | null;
  /** Everything that the dashboard shows, at this moment. */
  frame(): Frame;
  /** Requests that ended, newest first. */
  recent(): StatsReading['recent'];
  /** Prometheus text format 0.0.4. */
  metrics(): Promise<string>;
  /** Calls the listener after anything that the views show may have changed; returns how to stop that. */
  subscribe(listener: () => void): () => void;
  /** Sends the alerts that are waiting, or gives them up after a few seconds. */
  stop(): Promise<void>;
}

/** Every name that the file gives to a model: counted and shown by name although no backend may serve it. */
function configuredNames({ routing, backends }: Settings): readonly string[] {
  return [
    ...Object.entries(routing.aliases).flat(),
    ...Object.entries(routing.fallbacks).flat(2),
    ...backends.flatMap(({ models }) => models),
  ];
}

/** Returns the function that reads everything at one moment, in one synchronous stretch. */
function readerOf(
  options: ObserveOptions,
  stats: Stats,
  observedSinceMs: number,
): () => StatsInput {
  const { settings, clock, ioClock, ledger, control, pending, calibration } = options;
  const startedAtMs = ioClock.monotonicMs();
  return () => {
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
      calibration: calibration(),
      uptimeSeconds: (ioClock.monotonicMs() - startedAtMs) / 1000,
      nowMs: clock.now(),
      observedSinceMs,
    };
  };
}

function metricsFor(
  options: ObserveOptions,
  names: readonly string[],
  read: () => StatsInput,
): Metrics {
  const { settings, version, ledger, control, pending, calibration, priceList, lastReload } =
    options;
  return createMetrics({
    priceList,
    lastReload,
    version,
    hasBudget: settings.routing.budget !== null,
    webhooks: settings.alerts.webhooks.map(({ name }) => name),
    configuredNames: names,
    resolveAlias: options.resolveAlias,
    policy: () => control.policy(),
    totals: () => ledger.totals(),
    pending,
    calibration,
    isLedgerWritable: () => ledger.isHealthy(),
    projectedUsd: () => statsView(read()).budget?.forecast.projected_month_end_usd ?? null,
  });
}

/** Starts to listen. Facts are to be told to the result; events of the control plane are heard from here on. */
export function observe(options: ObserveOptions): Observation {
  const { settings, clock, ioClock, log, ledger, control } = options;
  const names = configuredNames(settings);
  const observedSinceMs = observedSince(ledger, clock.now());
  const stats = createStats({
    policy: () => control.policy(),
    configuredNames: names,
    nowMs: () => clock.now(),
  });
  const read = readerOf(options, stats, observedSinceMs);
  const metrics = metricsFor(options, names, read);
  const announce = announceEvents(log);
  const alerts = startAlerts({
    ...options,
    observedSinceMs,
    count: (webhook, outcome) => metrics.webhookOutcome(webhook, outcome),
    random: Math.random,
  });
  ledger.onTotals((totals) => alerts.totalsChanged(totals));
  const viewer = new MonthViewer({ ledger, clock: ioClock, log });
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  control.onEvent((event) => {
    announce(event);
    stats.controlEvent(event);
    metrics.controlEvent(event);
    alerts.controlEvent(event);
    changed();
  });
  control.onPolicy(changed);
  return {
    facts: factsFor(stats, metrics, control, log, changed),
    stats: () => statsView(read()),
    budget: () => budgetView(read()),
    recent: () => stats.read().recent,
    frame: () => frameOf(read(), viewer, settings.control.inspector, changed),
    metrics() {
      control.noticeTime(clock.now());
      return metrics.scrape();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => alerts.stop(),
  };
}

function frameOf(
  input: StatsInput,
  viewer: MonthViewer,
  inspector: boolean,
  changed: () => void,
): Frame {
  const month = viewer.read(monthReading(input));
  // What is left to read is read for the next frame.
  if (!month.is_complete) changed();
  const { tiers, inFlight, recent, events } = input.stats;
  return {
    nowMs: input.nowMs,
    policy: input.policy,
    inspector,
    stats: statsView(input),
    month,
    tiers,
    inFlight,
    recent,
    events,
  };
}

function monthReading({ nowMs, period, totals, policy, budget, stats }: StatsInput): MonthReading {
  const reached = stats.events.find(
    ({ event }) => event.kind === 'hard_limit_reached' && event.month === period.month,
  );
  return {
    nowMs,
    period,
    spending: totals.settled + totals.suspense,
    budget: policy.budget,
    settings: budget,
    hardLimitAtMs: reached?.atMs ?? null,
  };
}

function factsFor(
  stats: Stats,
  metrics: Metrics,
  control: ControlPlane,
  log: Log,
  changed: () => void,
): Facts {
  return {
    tokensCounted(fact) {
      stats.tokensCounted(fact);
      metrics.tokensCounted(fact);
    },
    attemptBegan(fact) {
      stats.attemptBegan(fact);
      changed();
    },
    inputMeasured(fact) {
      metrics.inputMeasured?.(fact);
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
