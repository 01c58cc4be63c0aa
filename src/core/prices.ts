/** Prices as the other rooms see them: words, and the port. */
import type { NanoUsd, PicoUsd, PicoUsdPerToken } from './money.ts';
import type { PremiumRates, SPEEDS, TokenUsage } from './usage.ts';

/** Rates that apply when the input has more than `aboveInputTokens` tokens; the whole request is priced by one tier. */
export interface PriceTier {
  readonly aboveInputTokens: number;
  readonly input: PicoUsdPerToken;
  readonly cachedInput: PicoUsdPerToken;
  readonly cacheWrite: PicoUsdPerToken;
  readonly cacheWrite1h: PicoUsdPerToken;
  readonly inputAudio: PicoUsdPerToken;
  readonly output: PicoUsdPerToken;
  readonly reasoning: PicoUsdPerToken;
  readonly outputAudio: PicoUsdPerToken;
  /** Left out: images cost what text does. */
  readonly inputImage?: PicoUsdPerToken;
  /**
   * For output of which the provider tells how much was images: those, and the rest. Where it does not tell, `output`
   * is charged, which is then the dearer of both.
   */
  readonly outputImage?: PicoUsdPerToken;
  readonly outputText?: PicoUsdPerToken;
}

/** What a provider bills for its own tools, each call or source. What is left out costs nothing beside its tokens. */
export interface ToolFees {
  readonly webSearch?: NanoUsd;
  readonly fileSearch?: NanoUsd;
  readonly codeExecution?: NanoUsd;
  readonly searchSource?: NanoUsd;
}

/** Percent of the rates, by how a call is served; tool fees and fees for each request are not multiplied. */
export type ServicePercents = Readonly<Record<(typeof SPEEDS)[number] | 'us', number>>;

/** Where a price comes from. `free`: a local backend without a price of its own. */
type PriceSource = 'config' | 'list' | 'conservative' | 'free';

/** The price of one model at one backend, frozen at the hold. */
export interface Price {
  readonly model: string;
  readonly source: PriceSource;
  /** Names the list and its version or the file, for ledger entries. */
  readonly version: string;
  /** Ascending by `aboveInputTokens`; the first has 0. */
  readonly tiers: readonly PriceTier[];
  readonly perRequest: NanoUsd;
  readonly toolFees?: ToolFees;
  /** The most output tokens one answer can have. */
  readonly maxOutputTokens: number;
  /** True when that figure comes from the price list or the file, false when it is a default. */
  readonly maxOutputKnown: boolean;
  /** The provider writes its prompt cache, and bills it, without being asked (OpenAI from GPT-5.6 on). */
  readonly writesCacheUnasked?: boolean;
  /** Left out in prices that a ledger kept before they were a part of them. */
  readonly servicePercents?: ServicePercents;
}

/** The packaged list of prices. */
export interface PriceList {
  readonly version: string;
  /** The day on which it was published, `YYYY-MM-DD`. */
  readonly date: string;
}

export interface PriceBook {
  /**
   * The price of a model at a configured backend, or null when it is unknown and the policy is `deny`.
   * A local backend without a price is free; an unknown cloud model is never free.
   */
  priceOf(backend: string, model: string, atMs: number): Price | null;
  /** The exact cost of a usage. */
  costOf(price: Price, usage: TokenUsage): PicoUsd;
  /**
   * Upper bound: the dearest applicable input rate for `inputBound` tokens, plus output, rounded up. Premium rates that
   * `premiums` rules out do not apply; without it all of them do. Tools of the provider that it names are in it with
   * their fees and with the input that they add; without it there are none.
   */
  worstCase(
    price: Price,
    inputBound: number,
    maxOutputTokens: number,
    premiums?: PremiumRates,
  ): NanoUsd;
  /** The most output tokens (over all choices) that `amount` pays for beside the input; may be 0 or less than 0 for none. */
  affordableOutput(
    price: Price,
    inputBound: number,
    amount: NanoUsd,
    premiums?: PremiumRates,
  ): number;
  /** Date and version of the packaged list. */
  readonly listVersion: string;
}
