/** What the inspector page shows: one JSON object, the same for a running gateway and for a simulation. */
import type { BillingCycle, BillingPeriod } from '../core/billing-period.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { ActorReading, ActorRecord } from '../core/inspection.ts';
import type { MonthTotals } from '../core/ledger.ts';
import type { NanoUsd } from '../core/money.ts';
import type { BackendView, BudgetView, Posture, RoutingPolicy } from '../core/policy.ts';
import type { RouteReason } from '../core/request.ts';
import type { BackendKind } from '../core/settings.ts';

/** Names of models shown for one backend; some serve hundreds. */
const MODELS_SHOWN = 24;
const ANSWERS_SHOWN = 8;

/** How one request to a model ended. */
export interface AnswerRow {
  readonly atMs: number;
  readonly model: string;
  readonly modelServed: string | null;
  readonly backend: string | null;
  readonly backendKind: BackendKind | null;
  readonly reason: RouteReason | null;
  readonly status: number;
  readonly code: ErrorCode | null;
  /** What the client was told; null where it was not kept. */
  readonly message: string | null;
  readonly costNano: NanoUsd;
}

interface BackendRow extends Pick<
  BackendView,
  'name' | 'type' | 'kind' | 'priority' | 'health' | 'healthReason' | 'latencyMs'
> {
  readonly models: readonly string[];
  readonly modelCount: number;
}

export interface InspectorView {
  readonly nowMs: number;
  readonly posture: Posture;
  /** Null when no budget is configured. */
  readonly budget: BudgetView | null;
  readonly cycle: BillingCycle;
  readonly period: BillingPeriod;
  readonly totals: MonthTotals;
  readonly backends: readonly BackendRow[];
  readonly actors: readonly ActorReading[];
  readonly records: readonly ActorRecord[];
  /** Newest first. */
  readonly answers: readonly AnswerRow[];
}

export interface InspectorInput {
  readonly nowMs: number;
  readonly policy: RoutingPolicy;
  readonly cycle: BillingCycle;
  readonly period: BillingPeriod;
  readonly totals: MonthTotals;
  readonly actors: readonly ActorReading[];
  readonly records: readonly ActorRecord[];
  readonly answers: readonly AnswerRow[];
}

function backendRow(backend: BackendView): BackendRow {
  const { name, type, kind, priority, health, healthReason, latencyMs, models } = backend;
  const shown = models.slice(0, MODELS_SHOWN).map(({ id }) => id);
  return {
    name,
    type,
    kind,
    priority,
    health,
    healthReason,
    latencyMs,
    models: shown,
    modelCount: models.length,
  };
}

export function inspectorView(input: InspectorInput): InspectorView {
  const { nowMs, policy, cycle, period, totals, actors, records, answers } = input;
  const { billingCycleDay, timezone } = cycle;
  return {
    nowMs,
    posture: policy.posture,
    budget: policy.budget,
    cycle: { billingCycleDay, timezone },
    period,
    totals,
    backends: policy.backends.map(backendRow),
    actors,
    records,
    answers: answers.slice(0, ANSWERS_SHOWN),
  };
}
