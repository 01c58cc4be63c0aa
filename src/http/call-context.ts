/** What the parts of one call share, and the trace from which its report is made. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Charge, Hold } from '../core/ledger.ts';
import type { NanoUsd } from '../core/money.ts';
import type { ModelRequest, RouteReason } from '../core/request.ts';
import type { TokenCount } from '../core/usage.ts';
import type { CostBasis } from './cost-actual.ts';
import type { AttemptPlan } from './plan-attempt.ts';
import type { CallServices } from './services.ts';

/** What happened, filled in as it happens. */
export interface CallTrace {
  /** Attempts that were sent. */
  attempts: number;
  /** The last attempt that was sent. */
  plan: AttemptPlan | null;
  reason: RouteReason | null;
  /** The last charge, and all charges and excesses together. */
  charge: Charge | null;
  cost: NanoUsd;
  excess: NanoUsd;
  /** How sure `cost` is; null while nothing was charged. */
  costBasis: CostBasis | null;
  firstByteAtMs: number | null;
  /** Time in which an attempt was under way. */
  upstreamMs: number;
}

export function newTrace(): CallTrace {
  return {
    attempts: 0,
    plan: null,
    reason: null,
    charge: null,
    cost: 0,
    excess: 0,
    costBasis: null,
    firstByteAtMs: null,
    upstreamMs: 0,
  };
}

export interface CallContext {
  readonly services: CallServices;
  readonly request: ModelRequest;
  /** Token counts by model name, for every model that may serve. */
  readonly counts: ReadonlyMap<string, TokenCount>;
  readonly clientRequest: IncomingMessage;
  readonly response: ServerResponse;
  readonly trace: CallTrace;
}

/** An attempt whose hold was taken. */
export interface StartedAttempt {
  readonly plan: AttemptPlan;
  readonly hold: Hold;
  readonly reason: RouteReason;
}
