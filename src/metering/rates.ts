/** Rates of a model from what is known of them: what a list or a file leaves out has a documented stand-in. */
import type { PicoUsdPerToken } from '../core/money.ts';
import type { PriceTier } from '../core/prices.ts';

export type Rates = Omit<PriceTier, 'aboveInputTokens'>;

/** Rates as a source gives them; only these two are always there. */
export type KnownRates = Pick<Rates, 'input' | 'output'> & Partial<Rates>;

export const RATE_NAMES = [
  'input',
  'cachedInput',
  'cacheWrite',
  'cacheWrite1h',
  'inputAudio',
  'output',
  'reasoning',
  'outputAudio',
  'inputImage',
  'outputImage',
  'outputText',
] as const satisfies readonly (keyof Rates)[];

/** What a price that is not known costs above the dearest that is. */
export const MARGIN_PERCENT = 115;

/** Integer product of a rate and a factor in percent, rounded up. */
export function timesPercent(rate: PicoUsdPerToken, percent: number): PicoUsdPerToken {
  return Number((BigInt(rate) * BigInt(percent) + 99n) / 100n);
}

/**
 * Fills what is missing: a cached token costs what an uncached one costs; a cache write costs what input costs, or for
 * Claude 1.25 times (5 minutes) and 2 times (1 hour) the input, which is Anthropic's published rule; reasoning costs
 * what output costs; audio costs what text costs. Image rates have no stand-in: without them nothing is told apart.
 */
export function completeRates(known: KnownRates, isClaude: boolean): Rates {
  const cacheWrite = known.cacheWrite ?? (isClaude ? timesPercent(known.input, 125) : known.input);
  return {
    input: known.input,
    cachedInput: known.cachedInput ?? known.input,
    cacheWrite,
    cacheWrite1h: known.cacheWrite1h ?? (isClaude ? timesPercent(known.input, 200) : cacheWrite),
    inputAudio: known.inputAudio ?? known.input,
    output: known.output,
    reasoning: known.reasoning ?? known.output,
    outputAudio: known.outputAudio ?? known.output,
    ...imageRates(known),
  };
}

/** `output` covers both kinds, so that it is the bound where nobody tells them apart. */
function imageRates({ inputImage, output, outputImage, outputText }: KnownRates): Partial<Rates> {
  return {
    ...(inputImage !== undefined && { inputImage }),
    ...(outputImage !== undefined && {
      output: Math.max(output, outputImage),
      outputImage,
      outputText: outputText ?? output,
    }),
  };
}

/** The dearer of two, rate by rate. Their image output is within `output` already. */
export function dearerRates(a: Rates, b: Rates): Rates {
  return {
    input: Math.max(a.input, b.input),
    cachedInput: Math.max(a.cachedInput, b.cachedInput),
    cacheWrite: Math.max(a.cacheWrite, b.cacheWrite),
    cacheWrite1h: Math.max(a.cacheWrite1h, b.cacheWrite1h),
    inputAudio: Math.max(a.inputAudio, b.inputAudio),
    output: Math.max(a.output, b.output),
    reasoning: Math.max(a.reasoning, b.reasoning),
    outputAudio: Math.max(a.outputAudio, b.outputAudio),
    inputImage: Math.max(a.inputImage ?? a.input, b.inputImage ?? b.input),
  };
}

export const ZERO_RATES: Rates = completeRates({ input: 0, output: 0 }, false);
