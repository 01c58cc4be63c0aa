/**
 * Tokens of one model call, as a provider reports them or as the gateway metered them.
 * `input` and `output` are totals; the other figures are parts of them, never additions to them.
 */
export interface TokenUsage {
  /** All input tokens, cached and cache-written ones included. */
  readonly input: number;
  /** Part of `input` that was read from a prompt cache. */
  readonly cachedInput: number;
  /** Part of `input` that was written to a prompt cache kept for 5 minutes. */
  readonly cacheWrite: number;
  /** Part of `input` that was written to a prompt cache kept for 1 hour. */
  readonly cacheWrite1h: number;
  /** Part of `input` that was audio. */
  readonly inputAudio: number;
  /** All output tokens, reasoning included. */
  readonly output: number;
  /** Part of `output` that was reasoning. */
  readonly reasoning: number;
  /** Part of `output` that was audio. */
  readonly outputAudio: number;
  /** What the provider says the call cost, in USD as decimal text, where it does (OpenRouter); it then wins. */
  readonly reportedCostUsd?: string;
}

export const NO_USAGE: TokenUsage = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  inputAudio: 0,
  output: 0,
  reasoning: 0,
  outputAudio: 0,
};

/**
 * Where a charge comes from, best first: the provider's own usage; tokens that the gateway counted as they passed;
 * or, where nothing is known, the hold itself.
 */
export type ChargeBasis = 'provider' | 'metered' | 'assumed';

/** How a token count was made; `exact` only where the model's own encoding was used. */
export type TokenTier = 'exact' | 'approximation' | 'heuristic';

/** Which dearer rates a request can cause beside plain input and output. */
export interface PremiumRates {
  /** It asks for a prompt cache to be written (`cache_control`). */
  readonly cacheWrite: boolean;
  /** It holds audio or asks for it. */
  readonly audio: boolean;
}

/** The answer of the token counter for one request and one model. */
export interface TokenCount {
  /** Best estimate of the input tokens, message and tool overhead included. */
  readonly tokens: number;
  /** Upper bound on the input tokens, used for holds. Never below `tokens`. */
  readonly bound: number;
  readonly tier: TokenTier;
  /** Left out means that nothing is known, so every premium counts as possible. */
  readonly premiums?: PremiumRates;
  /** Part of the input is only known to the provider, so that `tokens` is too low and `bound` alone is sure. */
  readonly hasStoredInput?: boolean;
}
