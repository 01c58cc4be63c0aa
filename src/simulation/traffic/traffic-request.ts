/** Traffic as the simulation plays it, and as the readers find it in a file. */
import type { TokenUsage } from '../../core/usage.ts';

/** One request to a model. */
export interface TrafficRequest {
  /** When it arrives, Unix milliseconds. */
  readonly atMs: number;
  /** As the client wrote it, before aliases. */
  readonly model: string;
  /** What the answer is billed for. */
  readonly usage: TokenUsage;
  /** The client's own maximum of output tokens; null: as many as the answer had. */
  readonly maxOutputTokens: number | null;
}

/** A row of a file: one request, or the sum of several in a stretch of time. */
export interface TrafficRow extends TrafficRequest {
  /** End of the stretch, exclusive; the same as `atMs` for a single request. */
  readonly untilMs: number;
  /** At least 1. `usage` is the sum over all of them. */
  readonly requests: number;
  /** Where it stands, for errors: `line 17`. */
  readonly place: string;
}

/** Traffic that can not be read. The message names the file, the place and what to do. */
export class TrafficError extends Error {
  override readonly name = 'TrafficError';
}
