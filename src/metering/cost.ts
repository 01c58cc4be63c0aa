/**
 * What a usage costs, and the most that a request can cost. Pure functions of a price; exact sums in pico-dollars.
 *
 * They belong together: whatever `costOf` charges for a usage within the bounds, `worstCase` must have held.
 */
import {
  costOfTokens,
  MAX_NANO_USD,
  type NanoUsd,
  type PicoUsd,
  type PicoUsdPerToken,
} from '../core/money.ts';
import type { Price, PriceTier } from '../core/prices.ts';
import type { PremiumRates, TokenUsage } from '../core/usage.ts';
import { decimalToUnits } from './decimal.ts';

const PICO_PER_NANO = 1000n;
const PICO_DIGITS = 12;
const MAX_PICO_USD = BigInt(MAX_NANO_USD) * PICO_PER_NANO;
/** Far more than any model can read or write; a larger figure is a fault of its sender and must not overflow a sum. */
const MAX_TOKENS = 1_000_000_000;

const EVERY_PREMIUM: PremiumRates = { cacheWrite: true, audio: true };

/** A token count from outside: whole, not negative, bounded. */
function tokensOf(value: number): number {
  return value > 0 ? Math.min(Math.ceil(value), MAX_TOKENS) : 0;
}

/** The tier whose threshold the input passes: the whole request is priced by it. */
function tierAt(tiers: readonly PriceTier[], inputTokens: number): PriceTier | undefined {
  return tiers.findLast((tier) => inputTokens > tier.aboveInputTokens) ?? tiers[0];
}

interface Part {
  readonly tokens: number;
  readonly rate: PicoUsdPerToken;
}

/**
 * Prices a total and its parts. Parts may overlap (cached audio): then the dearer counts, and the sum never prices more
 * tokens than the total. Where parts exceed the total, its sender did not count them into it, and they are priced in full.
 */
function pricedTotal(total: number, rate: PicoUsdPerToken, parts: readonly Part[]): PicoUsd {
  let left = total;
  let sum = 0n;
  for (const part of parts.toSorted((a, b) => b.rate - a.rate)) {
    const tokens = Math.min(part.tokens, left);
    sum += costOfTokens(tokens, part.rate);
    left -= tokens;
  }
  return sum + costOfTokens(left, rate);
}

interface InputParts {
  readonly total: number;
  readonly cached: number;
  readonly written: number;
  readonly written1h: number;
  readonly audio: number;
}

function inputParts(usage: TokenUsage): InputParts {
  const cached = tokensOf(usage.cachedInput);
  const written = tokensOf(usage.cacheWrite);
  const written1h = tokensOf(usage.cacheWrite1h);
  const audio = tokensOf(usage.inputAudio);
  const total = Math.max(tokensOf(usage.input), cached + written + written1h, audio);
  return { total, cached, written, written1h, audio };
}

function inputCost(
  tier: PriceTier,
  { total, cached, written, written1h, audio }: InputParts,
): PicoUsd {
  return pricedTotal(total, tier.input, [
    { tokens: cached, rate: tier.cachedInput },
    { tokens: written, rate: tier.cacheWrite },
    { tokens: written1h, rate: tier.cacheWrite1h },
    { tokens: audio, rate: tier.inputAudio },
  ]);
}

function outputCost(tier: PriceTier, usage: TokenUsage): PicoUsd {
  const reasoning = tokensOf(usage.reasoning);
  const audio = tokensOf(usage.outputAudio);
  return pricedTotal(Math.max(tokensOf(usage.output), reasoning + audio), tier.output, [
    { tokens: reasoning, rate: tier.reasoning },
    { tokens: audio, rate: tier.outputAudio },
  ]);
}

/** What the provider says the call cost; null when it says nothing that can be read. */
function reportedCost(usage: TokenUsage): PicoUsd | null {
  const reported = usage.reportedCostUsd;
  return reported === undefined ? null : (decimalToUnits(reported, PICO_DIGITS)?.units ?? null);
}

/** The exact cost of a usage. Never negative, never throws; figures that can not be counts are taken for the nearest that can. */
export function costOf({ tiers, perRequest }: Price, usage: TokenUsage): PicoUsd {
  const reported = reportedCost(usage);
  if (reported !== null) return reported < MAX_PICO_USD ? reported : MAX_PICO_USD;
  const input = inputParts(usage);
  const tier = tierAt(tiers, input.total);
  const tokens = tier === undefined ? 0n : inputCost(tier, input) + outputCost(tier, usage);
  const cost = tokens + BigInt(perRequest) * PICO_PER_NANO;
  return cost < MAX_PICO_USD ? cost : MAX_PICO_USD;
}

/** The dearest input and output rate that a request with up to `inputBound` tokens can be billed at. */
function dearestRates(
  { tiers, writesCacheUnasked }: Price,
  inputBound: number,
  premiums: PremiumRates,
): { readonly input: number; readonly output: number } {
  let input = 0;
  let output = 0;
  for (const [at, tier] of tiers.entries()) {
    // A smaller input than the bound lands in a lower tier, which some list could price higher.
    if (at > 0 && inputBound <= tier.aboveInputTokens) continue;
    input = Math.max(input, tier.input, tier.cachedInput);
    output = Math.max(output, tier.output, tier.reasoning);
    if (premiums.cacheWrite) input = Math.max(input, tier.cacheWrite, tier.cacheWrite1h);
    else if (writesCacheUnasked === true) input = Math.max(input, tier.cacheWrite);
    if (premiums.audio) {
      input = Math.max(input, tier.inputAudio);
      output = Math.max(output, tier.outputAudio);
    }
  }
  return { input, output };
}

/** The part of a worst case that does not depend on the output, and the price of one output token. */
function worstParts(
  of: Price,
  inputBound: number,
  premiums: PremiumRates,
): { readonly fixed: PicoUsd; readonly perOutput: bigint } {
  const input = tokensOf(inputBound);
  const rates = dearestRates(of, input, premiums);
  return {
    fixed: costOfTokens(input, rates.input) + BigInt(of.perRequest) * PICO_PER_NANO,
    perOutput: BigInt(rates.output),
  };
}

/** The most that a request can cost, rounded up. See `PriceBook.worstCase`. */
export function worstCase(
  of: Price,
  inputBound: number,
  maxOutputTokens: number,
  premiums = EVERY_PREMIUM,
): NanoUsd {
  const { fixed, perOutput } = worstParts(of, inputBound, premiums);
  const pico = fixed + BigInt(tokensOf(maxOutputTokens)) * perOutput;
  const nano = (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
  return nano > BigInt(MAX_NANO_USD) ? MAX_NANO_USD : Number(nano);
}

/**
 * The largest output for which `worstCase` stays within the amount; -1 when the input alone does not. Where output is
 * free it is the largest count there is.
 */
export function affordableOutput(
  of: Price,
  inputBound: number,
  amount: NanoUsd,
  premiums = EVERY_PREMIUM,
): number {
  const { fixed, perOutput } = worstParts(of, inputBound, premiums);
  const left = BigInt(Math.floor(amount)) * PICO_PER_NANO - fixed;
  if (left < 0n) return -1;
  if (perOutput === 0n) return MAX_TOKENS;
  const tokens = left / perOutput;
  return tokens > BigInt(MAX_TOKENS) ? MAX_TOKENS : Number(tokens);
}
