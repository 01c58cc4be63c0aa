/** A request as the gateway understands it, and what routing makes of it. */
import type { GatewayError } from './errors.ts';
import type { BackendKind } from './settings.ts';
import type { ModelRoute } from './policy.ts';

/** A parsed JSON body. Values are checked where they are read, never assumed. */
export type JsonObject = { readonly [key: string]: unknown };

export interface RequestFeatures {
  readonly vision: boolean;
  readonly tools: boolean;
  readonly jsonMode: boolean;
}

export interface ModelRequest {
  readonly id: string;
  readonly route: ModelRoute;
  /** As the client wrote it, before aliases. */
  readonly model: string;
  readonly body: JsonObject;
  /** The bytes that `body` was parsed from. */
  readonly rawBody: Buffer;
  readonly stream: boolean;
  /** The client asked for a usage chunk at the end of its stream. */
  readonly wantsUsageChunk: boolean;
  /** The client's own maximum of output tokens, and the field it came in; null when it named none. */
  readonly maxOutputTokens: number | null;
  readonly maxOutputField: 'max_tokens' | 'max_completion_tokens' | 'max_output_tokens' | null;
  /** Answers per request (`n`, `best_of`): output is held that many times. */
  readonly choices: number;
  readonly features: RequestFeatures;
  /** `X-Nexus-Strict: true`: never another model. */
  readonly strict: boolean;
  readonly receivedAtMs: number;
}

/** A request without its body: what its admission is decided on. Plain data, small enough to be sent between processes. */
export type RequestHead = Omit<ModelRequest, 'body' | 'rawBody'>;

export type RouteReason =
  | 'capability-match'
  | 'capacity-overflow'
  | 'privacy-requirement'
  | 'failover'
  | 'budget-soft-limit'
  | 'budget-hard-limit';

/** One backend and model that may be tried. */
export interface Candidate {
  readonly backend: string;
  readonly kind: BackendKind;
  readonly model: string;
  /** True when `model` is a configured fallback of the requested one. */
  readonly isFallback: boolean;
  readonly reason: RouteReason;
  /** From a routing policy: an attempt whose hold is dearer is not made. */
  readonly maxCostPerRequest: number | null;
}

/** The router's answer: what to try, in order, or why nothing can be tried. */
export type Decision =
  | { readonly kind: 'route'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'refuse'; readonly error: GatewayError };
