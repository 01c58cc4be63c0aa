export const SPEEDS = ['priority', 'ultrafast', 'fast'] as const;

/** How a provider serves a call, where it bills that above its listed rates. JSON-safe, as all of a usage is. */
export interface DearerService {
  /** OpenAI's priority and ultrafast tiers, Anthropic's fast mode. */
  readonly speed?: (typeof SPEEDS)[number];
  /** Inference in one region only, at Anthropic. */
  readonly region?: 'us';
}

/**
 * Tokens of one model call, as a provider reports them or as the gateway metered them.
 * `input` and `output` are totals; the other figures are parts of them, never additions to them.
 */
export interface TokenUsage extends DearerService {
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
  /** Part of `input` that was images. Left out: the provider does not tell them from text. */
  readonly inputImage?: number;
  /** Part of `output` that was images. Left out: the provider does not tell them from text. */
  readonly outputImage?: number;
  /** Calls of the provider's web search, which it bills by the call. */
  readonly webSearches?: number;
  /** Calls of the provider's search in stored files, which it bills by the call. */
  readonly fileSearches?: number;
  /** Sources that a live search read, where the provider bills by the source (xAI). */
  readonly searchSources?: number;
  /** Pages that the provider fetched. Nobody bills them by the page; their tokens are in `input`. */
  readonly webFetches?: number;
  /** Runs of the provider's code execution, which is billed by container or hour where it is billed at all. */
  readonly codeExecutions?: number;
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

/** The most calls of the provider's own tools that one answer can make. */
export interface ServerToolBounds {
  readonly webSearches: number;
  readonly fileSearches: number;
  readonly codeExecutions: number;
  readonly searchSources: number;
  /** Calls whose results go back into the input, those without a fee included. */
  readonly calls: number;
  /** What the results of all these calls take in the input, each read once. Left out: nothing, or it is in the bound. */
  readonly resultTokens?: number;
}

/** Which dearer rates a request can cause beside plain input and output. */
export interface PremiumRates extends DearerService {
  /** It asks for a prompt cache to be written (`cache_control`). */
  readonly cacheWrite: boolean;
  /** It holds audio or asks for it. */
  readonly audio: boolean;
  /** It holds images. Left out counts as yes. */
  readonly image?: boolean;
  /** It names tools that the provider runs itself. Left out: none. */
  readonly serverTools?: ServerToolBounds;
}

/** The part of a count that rests on a tokenizer which is only like the model's own: what is billed can correct it. */
export interface ScalableCount {
  /** Tokens of text and its frames, by the built-in factors. */
  readonly tokens: number;
  /** Everything beside: media, ids of tokens. No ratio applies to it. */
  readonly others: number;
  /** What the bound adds to text: allowances for what a vendor does not state, and the bound of everything beside. */
  readonly othersBound: number;
  /** True when there is nothing else in the request, so that what is billed shows what text costs. */
  readonly isTextOnly: boolean;
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
  /** Left out where nothing can be learned: exact counts, and texts that were not counted. */
  readonly scalable?: ScalableCount;
  /** Part of the input is only known to the provider, so that `tokens` is too low and `bound` alone is sure. */
  readonly hasStoredInput?: boolean;
}
