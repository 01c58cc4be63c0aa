/** Token counting as a port. */
import type { ModelRequest } from './request.ts';
import type { EntryQuery, LedgerEntry } from './ledger.ts';
import type { TokenCount, TokenTier } from './usage.ts';

export interface TokenCounter {
  /**
   * Input tokens of a request for a model, message, name, tool and image overhead included. Resolves at once for what
   * is short or cached; long prompts are counted off the event loop. Never rejects: what can not be counted exactly is
   * counted conservatively and says so by its tier.
   */
  count(request: Pick<ModelRequest, 'route' | 'body'>, model: string): Promise<TokenCount>;
  /** Tokens of plain output text, for metering. Synchronous, bounded in time. */
  countText(text: string, model: string): number;
  tierOf(model: string): TokenTier;
  close(): Promise<void>;
}

/** What the input of one request was estimated at and what the provider counted. */
export interface InputSample {
  readonly backend: string;
  readonly model: string;
  /** By the built-in factors, so that what was learned does not teach itself. */
  readonly estimated: number;
  readonly actual: number;
}

/** What was learned of one model at one backend. Ratios are of billed to estimated tokens, in millionths. */
export interface CalibrationReading {
  readonly backend: string;
  readonly model: string;
  readonly tier: TokenTier;
  /** Requests that the ratios come from; old ones are forgotten. */
  readonly samples: number;
  /** Null while there are too few samples: the built-in factors are used. */
  readonly ratios: { readonly estimate: number; readonly hold: number } | null;
}

/** The part of the ledger from which is learned again after a restart. */
export interface RememberedCharges {
  entries(query: EntryQuery): readonly LedgerEntry[];
}

/** What bills have taught about the estimates of models whose tokenizer is not public. Synchronous. */
export interface TokenCalibration {
  /** The count as this backend will probably bill it, and at the most. Exact counts come back as they are. */
  calibrated(backend: string, model: string, count: TokenCount): TokenCount;
  learn(sample: InputSample): void;
  /** Learns from the ledger what an earlier process had learned. */
  recall(ledger: RememberedCharges): void;
  readings(): readonly CalibrationReading[];
}
