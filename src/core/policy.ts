/** What the control plane publishes and the request path reads: one frozen object, replaced on every change. */
import type { NanoUsd } from './money.ts';
import type { BackendKind, BackendType, HardLimitAction } from './settings.ts';

export type BudgetStatus = 'Normal' | 'SoftLimit' | 'HardLimit';

/**
 * What may be used. `open`: the best backend, local or cloud. `preferLocal`: local first, cloud where no local one can
 * serve. `localOnly`: no cloud. `closed`: nothing.
 */
export type Posture = 'open' | 'preferLocal' | 'localOnly' | 'closed';

export type HealthStatus = 'unknown' | 'healthy' | 'unhealthy';

/** The routes that reach a model. */
export type ModelRoute = 'chat' | 'completions' | 'embeddings' | 'messages' | 'responses';

export interface BackendModel {
  readonly id: string;
  /** Input plus output tokens; null when the backend does not tell. */
  readonly contextLength: number | null;
  /** False only when the backend says so; null when it does not tell. */
  readonly vision: boolean | null;
  readonly tools: boolean | null;
}

export interface BackendView {
  readonly name: string;
  readonly type: BackendType;
  readonly kind: BackendKind;
  readonly priority: number;
  readonly tier: number;
  readonly health: HealthStatus;
  /** Why it is unhealthy, in words for an operator; null when it is not. */
  readonly healthReason: string | null;
  readonly models: readonly BackendModel[];
  readonly routes: readonly ModelRoute[];
  /** Smoothed time to first byte of probes and live traffic; null before the first. */
  readonly latencyMs: number | null;
  readonly lastCheckedAtMs: number | null;
}

export interface BudgetView {
  readonly status: BudgetStatus;
  readonly action: HardLimitAction;
  readonly limit: NanoUsd;
  readonly billingMonth: string;
}

export interface RoutingPolicy {
  /** Grows by one with every published change. */
  readonly version: number;
  readonly posture: Posture;
  readonly budget: BudgetView | null;
  /** Ranked by priority, then name. */
  readonly backends: readonly BackendView[];
}
