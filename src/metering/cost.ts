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
import { timesPercent } from './rates.ts';
import { grownInput } from './server-tools.ts';
import { servicePercent } from './service-rates.ts';
import { costOfCalls } from './tool-fees.ts';

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
 * A part at the rate of the total is none: it would only take the place of a cheaper one that it overlaps.
 */
function pricedTotal(total: number, rate: PicoUsdPerToken, parts: readonly Part[]): PicoUsd {
  let left = total;
  let sum = 0n;
  const apart = parts.filter((part) => part.tokens > 0 && part.rate !== rate);
  for (const part of apart.toSorted((a, b) => b.rate - a.rate)) {
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
  readonly image: number;
}

function inputParts(usage: TokenUsage): InputParts {
  const cached = tokensOf(usage.cachedInput);
  const written = tokensOf(usage.cacheWrite);
  const written1h = tokensOf(usage.cacheWrite1h);
  const audio = tokensOf(usage.inputAudio);
  const image = tokensOf(usage.inputImage ?? 0);
  const total = Math.max(tokensOf(usage.input), cached + written + written1h, audio + image);
  return { total, cached, written, written1h, audio, image };
}

function inputCost(
  tier: PriceTier,
  { total, cached, written, written1h, audio, image }: InputParts,
): PicoUsd {
  if (cached + written + written1h + audio + image === 0) return costOfTokens(total, tier.input);
  return pricedTotal(total, tier.input, [
    { tokens: cached, rate: tier.cachedInput },
    { tokens: written, rate: tier.cacheWrite },
    { tokens: written1h, rate: tier.cacheWrite1h },
    { tokens: audio, rate: tier.inputAudio },
    { tokens: image, rate: tier.inputImage ?? tier.input },
  ]);
}

/** The rates of output. Text has its own only where the provider told how much was images. */
function outputRates(
  tier: PriceTier,
  usage: TokenUsage,
): { readonly text: number; readonly reasoning: number; readonly image: number } {
  const { output, reasoning, outputImage = output, outputText = output } = tier;
  if (usage.outputImage === undefined) return { text: output, reasoning, image: outputImage };
  // Where the list has no rate for reasoning, that of all output stands in for it; told apart, it is text.
  const thought = reasoning === output ? outputText : reasoning;
  return { text: outputText, reasoning: thought, image: outputImage };
}

function outputCost(tier: PriceTier, usage: TokenUsage): PicoUsd {
  const reasoning = tokensOf(usage.reasoning);
  const audio = tokensOf(usage.outputAudio);
  const image = tokensOf(usage.outputImage ?? 0);
  const rates = outputRates(tier, usage);
  const apart = reasoning + audio + image;
  const total = Math.max(tokensOf(usage.output), apart);
  if (apart === 0) return costOfTokens(total, rates.text);
  return pricedTotal(total, rates.text, [
    { tokens: reasoning, rate: rates.reasoning },
    { tokens: audio, rate: tier.outputAudio },
    { tokens: image, rate: rates.image },
  ]);
}

/** What the provider says the call cost; null when it says nothing that can be read. */
function reportedCost(usage: TokenUsage): PicoUsd | null {
  const reported = usage.reportedCostUsd;
  return reported === undefined ? null : (decimalToUnits(reported, PICO_DIGITS)?.units ?? null);
}

/** The tokens of a usage at the rates of their tier and of how they were served, rounded up to a pico-dollar. */
function tokenCost(price: Price, usage: TokenUsage): PicoUsd {
  const input = inputParts(usage);
  const tier = tierAt(price.tiers, input.total);
  if (tier === undefined) return 0n;
  const listed = inputCost(tier, input) + outputCost(tier, usage);
  return (listed * BigInt(servicePercent(usage, price)) + 99n) / 100n;
}

/** The exact cost of a usage. Never negative, never throws; figures that can not be counts are taken for the nearest that can. */
export function costOf(price: Price, usage: TokenUsage): PicoUsd {
  const { perRequest, toolFees = {} } = price;
  const reported = reportedCost(usage);
  if (reported !== null) return reported < MAX_PICO_USD ? reported : MAX_PICO_USD;
  const tokens = tokenCost(price, usage);
  const cost = tokens + BigInt(perRequest) * PICO_PER_NANO;
  const billed = cost + costOfCalls(toolFees, usage) * PICO_PER_NANO;
  return billed < MAX_PICO_USD ? billed : MAX_PICO_USD;
}

/** The dearest input and output rate that a request with up to `inputBound` tokens can be billed at. */
function dearestRates(
  price: Price,
  inputBound: number,
  premiums: PremiumRates,
): { readonly input: number; readonly output: number } {
  const { tiers, writesCacheUnasked } = price;
  let input = 0;
  let output = 0;
  for (const [at, tier] of tiers.entries()) {
    // A smaller input than the bound lands in a lower tier, which some list could price higher.
    if (at > 0 && inputBound <= tier.aboveInputTokens) continue;
    input = Math.max(input, tier.input, tier.cachedInput);
    output = Math.max(output, tier.output, tier.reasoning, tier.outputImage ?? 0);
    output = Math.max(output, tier.outputText ?? 0);
    if (premiums.cacheWrite || writesCacheUnasked === true)
      input = Math.max(input, tier.cacheWrite, tier.cacheWrite1h);
    if (premiums.image !== false) input = Math.max(input, tier.inputImage ?? 0);
    if (premiums.audio) {
      input = Math.max(input, tier.inputAudio);
      output = Math.max(output, tier.outputAudio);
    }
  }
  const percent = servicePercent(premiums, price);
  return { input: timesPercent(input, percent), output: timesPercent(output, percent) };
}

/** The part of a worst case that does not depend on the output, and the price of one output token. */
function worstParts(
  of: Price,
  inputBound: number,
  premiums: PremiumRates,
): { readonly fixed: PicoUsd; readonly perOutput: bigint } {
  const { serverTools } = premiums;
  const own = tokensOf(inputBound);
  const input = serverTools === undefined ? own : tokensOf(grownInput(own, serverTools));
  const rates = dearestRates(of, input, premiums);
  const calls = serverTools === undefined ? 0n : costOfCalls(of.toolFees ?? {}, serverTools);
  return {
    fixed: costOfTokens(input, rates.input) + (BigInt(of.perRequest) + calls) * PICO_PER_NANO,
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
