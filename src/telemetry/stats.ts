/** Statistics of this process, kept in memory and bounded in size: `/v1/stats` and the dashboard read them. */
import type { ControlEvent } from '../core/control.ts';
import type { AttemptBegan, AttemptEnded, Facts, RequestEnded } from '../core/facts.ts';
import type { NanoUsd } from '../core/money.ts';
import type { RoutingPolicy } from '../core/policy.ts';
import type { TokenTier } from '../core/usage.ts';
import { boundedNames } from './bounded-names.ts';
import { InFlight, type InFlightReading } from './in-flight.ts';
import { errorTypeOf } from './outcome.ts';
import { Ring } from './ring.ts';
import { NONE } from './words.ts';

const RECENT_REQUESTS = 50;
const RECENT_EVENTS = 50;
/** Rows of the ring are sent to every open dashboard, so a name in them has a bounded length. */
const MAX_NAME_LENGTH = 128;

interface BackendStats {
  /** Requests that it served. */
  readonly requests: number;
  /** Attempts that failed. */
  readonly failures: number;
  /** Mean time to the status line over all attempts; 0 before the first. */
  readonly averageLatencyMs: number;
}

interface ModelStats {
  readonly name: string;
  readonly requests: number;
  readonly averageDurationMs: number;
  readonly cost: NanoUsd;
}

/** An event with the time at which it was heard. */
interface HeardEvent {
  readonly atMs: number;
  readonly event: ControlEvent;
}

/** Everything at one moment. */
export interface StatsReading {
  readonly requests: { readonly total: number; readonly success: number; readonly errors: number };
  readonly backends: ReadonlyMap<string, BackendStats>;
  /** By requests, most first. */
  readonly models: readonly ModelStats[];
  readonly tiers: Readonly<Record<TokenTier, number>>;
  readonly inFlight: InFlightReading;
  /** Newest first. */
  readonly recent: readonly RequestEnded[];
  /** Newest first, without the regular reconciliations. */
  readonly events: readonly HeardEvent[];
}

export interface Stats extends Facts {
  attemptBegan(fact: AttemptBegan): void;
  controlEvent(event: ControlEvent): void;
  read(): StatsReading;
}

export interface StatsSources {
  readonly policy: () => RoutingPolicy;
  /** Names that the configuration gives, which are kept like those that are served. */
  readonly configuredNames: readonly string[];
  /** Wall time, to stamp events with. */
  readonly nowMs: () => number;
}

interface BackendSums {
  requests: number;
  failures: number;
  answered: number;
  latencyMs: number;
}

interface ModelSums {
  requests: number;
  durationMs: number;
  cost: NanoUsd;
}

export function createStats({ policy, configuredNames, nowMs }: StatsSources): Stats {
  const nameOf = boundedNames(policy, configuredNames);
  const inFlight = new InFlight();
  const recent = new Ring<RequestEnded>(RECENT_REQUESTS);
  const events = new Ring<HeardEvent>(RECENT_EVENTS);
  const requests = { total: 0, success: 0, errors: 0 };
  const tiers: Record<TokenTier, number> = { exact: 0, approximation: 0, heuristic: 0 };
  const backends = new Map<string, BackendSums>();
  const models = new Map<string, ModelSums>();
  return {
    tokensCounted({ tier }) {
      tiers[tier] += 1;
    },
    attemptBegan: (fact) => inFlight.began(fact),
    attemptEnded: (fact) => addAttempt(backendSums(backends, fact.backend), fact),
    requestEnded(fact) {
      inFlight.ended(fact.id);
      requests.total += 1;
      requests[errorTypeOf(fact) === null ? 'success' : 'errors'] += 1;
      recent.push({ ...fact, modelRequested: fact.modelRequested.slice(0, MAX_NAME_LENGTH) });
      if (fact.backend !== null) backendSums(backends, fact.backend).requests += 1;
      const model = fact.modelServed ?? fact.modelRequested;
      addRequest(models, model === '' ? NONE : nameOf(model), fact);
    },
    controlEvent(event) {
      if (event.kind !== 'reconciled') events.push({ atMs: nowMs(), event });
    },
    read: () => ({
      requests: { ...requests },
      backends: new Map([...backends].map(([name, sums]) => [name, backendStats(sums)])),
      models: [...models]
        .map(([name, sums]) => modelStats(name, sums))
        .toSorted((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1)),
      tiers: { ...tiers },
      inFlight: inFlight.read(),
      recent: recent.newestFirst(),
      events: events.newestFirst(),
    }),
  };
}

function backendSums(backends: Map<string, BackendSums>, name: string): BackendSums {
  const sums = backends.get(name) ?? { requests: 0, failures: 0, answered: 0, latencyMs: 0 };
  backends.set(name, sums);
  return sums;
}

function addAttempt(sums: BackendSums, { outcome, latencyMs }: AttemptEnded): void {
  if (outcome === 'failed') sums.failures += 1;
  if (latencyMs === null) return;
  sums.answered += 1;
  sums.latencyMs += latencyMs;
}

function addRequest(models: Map<string, ModelSums>, name: string, fact: RequestEnded): void {
  const sums = models.get(name) ?? { requests: 0, durationMs: 0, cost: 0 };
  sums.requests += 1;
  sums.durationMs += fact.durationMs;
  sums.cost += fact.cost;
  models.set(name, sums);
}

function backendStats({ requests, failures, answered, latencyMs }: BackendSums): BackendStats {
  return { requests, failures, averageLatencyMs: answered === 0 ? 0 : latencyMs / answered };
}

function modelStats(name: string, { requests, durationMs, cost }: ModelSums): ModelStats {
  return { name, requests, averageDurationMs: durationMs / requests, cost };
}
