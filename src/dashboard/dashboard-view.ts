/** What the dashboard shows: one JSON object, made anew for each frame. */
import { unreachable } from '../core/assert.ts';
import type { ControlEvent } from '../core/control.ts';
import type { AttemptBegan, RequestEnded } from '../core/facts.ts';
import { formatUsd, toUsdNumber } from '../core/money.ts';
import type { Posture, RoutingPolicy } from '../core/policy.ts';
import type { TokenTier } from '../core/usage.ts';

export interface DashboardInput {
  readonly version: string;
  readonly nowMs: number;
  readonly policy: RoutingPolicy;
  /** Whether the page with the charts is served. */
  readonly inspector: boolean;
  /** The body of `GET /v1/stats`, budget and forecast included. */
  readonly stats: object;
  /** The course of the billing month, made ready elsewhere. */
  readonly month: object;
  readonly tiers: Readonly<Record<TokenTier, number>>;
  /** `oldest`: longest under way first. */
  readonly inFlight: { readonly total: number; readonly oldest: readonly AttemptBegan[] };
  /** Newest first. */
  readonly recent: readonly RequestEnded[];
  /** Newest first. */
  readonly events: readonly { readonly atMs: number; readonly event: ControlEvent }[];
}

interface RequestRow {
  readonly time: string;
  readonly id: string;
  readonly model_requested: string;
  readonly model_served: string | null;
  readonly backend: string | null;
  readonly backend_type: string | null;
  readonly route_reason: string | null;
  readonly status: number;
  readonly error: string | null;
  readonly stream: boolean;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost_usd: number;
  readonly duration_ms: number;
}

interface InFlightRow {
  readonly id: string;
  readonly model_requested: string;
  readonly model: string;
  readonly backend: string;
  readonly backend_type: string;
  readonly route_reason: string;
  readonly attempt: number;
  readonly stream: boolean;
  readonly held_usd: number;
  readonly seconds: number;
}

interface EventRow {
  readonly time: string;
  /** How loud it is shown. */
  readonly tone: 'info' | 'warning' | 'error';
  readonly text: string;
}

/** One frame. `stats` is the body of `GET /v1/stats` at the same instant. */
export interface DashboardView {
  readonly version: string;
  readonly now: string;
  readonly posture: Posture;
  readonly inspector: boolean;
  readonly stats: object;
  readonly month: object;
  readonly tiers: Readonly<Record<TokenTier, number>>;
  readonly in_flight: { readonly total: number; readonly requests: readonly InFlightRow[] };
  readonly recent: readonly RequestRow[];
  readonly events: readonly EventRow[];
}

export function dashboardView(input: DashboardInput): DashboardView {
  const { version, nowMs, policy, inspector, stats, month, tiers, inFlight, recent, events } =
    input;
  return {
    version,
    now: new Date(nowMs).toISOString(),
    posture: policy.posture,
    inspector,
    stats,
    month,
    tiers,
    in_flight: {
      total: inFlight.total,
      requests: inFlight.oldest.map((fact) => inFlightRow(fact, nowMs)),
    },
    recent: recent.map(requestRow),
    events: events.map(({ atMs, event }) => ({
      time: new Date(atMs).toISOString(),
      ...describe(event),
    })),
  };
}

function inFlightRow(fact: AttemptBegan, nowMs: number): InFlightRow {
  return {
    id: fact.requestId,
    model_requested: fact.modelRequested,
    model: fact.model,
    backend: fact.backend,
    backend_type: fact.backendKind,
    route_reason: fact.routeReason,
    attempt: fact.attempt,
    stream: fact.stream,
    held_usd: toUsdNumber(fact.held),
    seconds: Math.max(0, Math.round((nowMs - fact.atMs) / 1000)),
  };
}

function requestRow(fact: RequestEnded): RequestRow {
  return {
    time: new Date(fact.atMs).toISOString(),
    id: fact.id,
    model_requested: fact.modelRequested,
    model_served: fact.modelServed,
    backend: fact.backend,
    backend_type: fact.backendKind,
    route_reason: fact.routeReason,
    status: fact.status,
    error: fact.errorCode,
    stream: fact.stream,
    input_tokens: fact.usage?.input ?? null,
    output_tokens: fact.usage?.output ?? null,
    cost_usd: toUsdNumber(fact.cost),
    duration_ms: Math.round(fact.durationMs),
  };
}

const EFFECTS = {
  warn: 'a warning, nothing is refused',
  block_cloud: 'cloud backends are blocked',
  block_all: 'everything is blocked',
} as const;

function describe(event: ControlEvent): Omit<EventRow, 'time'> {
  switch (event.kind) {
    case 'soft_limit_reached':
      return { tone: 'warning', text: `Soft limit reached ${at(event)}; local backends go first` };
    case 'hard_limit_reached':
      return { tone: 'error', text: `Hard limit reached ${at(event)}; ${EFFECTS[event.action]}` };
    case 'month_rollover':
      return {
        tone: 'info',
        text: `Month turned from ${event.from}, which ended at ${usd(event.finalSpending)}, to ${event.to}`,
      };
    case 'limit_increased':
      return { tone: 'info', text: `Limit raised from ${usd(event.from)} to ${usd(event.to)}` };
    case 'limit_decreased':
      return { tone: 'info', text: `Limit lowered from ${usd(event.from)} to ${usd(event.to)}` };
    case 'reconciled':
      return { tone: 'info', text: `Reconciled ${event.report.month}` };
    case 'backend_changed':
      return {
        tone: event.to === 'unhealthy' ? 'warning' : 'info',
        text: `${event.backend} is ${event.to}${event.reason === null ? '' : `: ${event.reason}`}`,
      };
    case 'actor_failed':
      return {
        tone: 'error',
        text: `${event.actor} failed and was ${event.restarted ? 'restarted' : 'given up'}: ${event.reason}`,
      };
    default:
      return unreachable(event);
  }
}

function usd(amount: number): string {
  return `${formatUsd(amount, 2)} USD`;
}

function at({ spending, limit }: { readonly spending: number; readonly limit: number }): string {
  return `at ${formatUsd(spending, 2)} of ${usd(limit)}`;
}
