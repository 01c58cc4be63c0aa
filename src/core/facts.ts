/** Facts that go up: what the request path reports once it knows. Listeners must not throw and must not block. */
import type { ErrorCode } from './errors.ts';
import type { NanoUsd } from './money.ts';
import type { BudgetStatus, ModelRoute } from './policy.ts';
import type { RouteReason } from './request.ts';
import type { BackendKind } from './settings.ts';
import type { ChargeBasis, TokenTier, TokenUsage } from './usage.ts';

export interface TokensCounted {
  readonly model: string;
  readonly tier: TokenTier;
  readonly seconds: number;
}

/** One attempt is about to be sent: what can be seen of a request while it runs. */
export interface AttemptBegan {
  readonly requestId: string;
  readonly atMs: number;
  readonly stream: boolean;
  /** As asked, and as sent. */
  readonly modelRequested: string;
  readonly model: string;
  readonly backend: string;
  readonly backendKind: BackendKind;
  readonly routeReason: RouteReason;
  /** 1 for the first attempt of a request. */
  readonly attempt: number;
  readonly held: NanoUsd;
}

/** A provider's own count of the input of one attempt, beside the estimate that its hold was made with. */
export interface InputMeasured {
  /** As sent. */
  readonly model: string;
  readonly tier: TokenTier;
  /** Tokens, neither of them 0. */
  readonly estimated: number;
  readonly actual: number;
}

/** One attempt ended, as health and load see it. */
export interface AttemptEnded {
  readonly backend: string;
  /** `ok`: answered; `refused`: answered with a 4xx, which says nothing bad of the backend; `failed`: did not serve. */
  readonly outcome: 'ok' | 'refused' | 'failed';
  readonly reason: string | null;
  /** Time to status and headers; null when there were none. */
  readonly latencyMs: number | null;
}

/** One request ended. The log line, the metrics, the dashboard and the history are all made from this. */
export interface RequestEnded {
  readonly id: string;
  readonly atMs: number;
  readonly route: ModelRoute;
  readonly stream: boolean;
  /** As asked, and as served; null when nothing was served. */
  readonly modelRequested: string;
  readonly modelServed: string | null;
  readonly backend: string | null;
  readonly backendKind: BackendKind | null;
  readonly routeReason: RouteReason | null;
  readonly attempts: number;
  /** HTTP status given to the client. */
  readonly status: number;
  readonly errorCode: ErrorCode | null;
  /** The client left before the end. */
  readonly clientGone: boolean;
  readonly usage: TokenUsage | null;
  readonly basis: ChargeBasis | null;
  /** What was charged, over all attempts. */
  readonly cost: NanoUsd;
  readonly estimate: NanoUsd | null;
  /** What the provider billed beyond the hold. */
  readonly excess: NanoUsd;
  readonly priceSource: string | null;
  readonly durationMs: number;
  readonly firstByteMs: number | null;
  /** Time spent in the gateway itself, without waiting for backends. */
  readonly overheadMs: number;
  readonly budgetStatus: BudgetStatus | null;
}

export interface Facts {
  tokensCounted(fact: TokensCounted): void;
  /** Followed by another of the same request, or by its `requestEnded`. */
  attemptBegan?(fact: AttemptBegan): void;
  inputMeasured?(fact: InputMeasured): void;
  attemptEnded(fact: AttemptEnded): void;
  requestEnded(fact: RequestEnded): void;
}
