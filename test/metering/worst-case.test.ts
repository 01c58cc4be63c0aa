import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { randomInt } from 'node:crypto';
import type { Price, PriceTier } from '../../src/core/prices.ts';
import { roundUpToNano } from '../../src/core/money.ts';
import type { PremiumRates, TokenUsage } from '../../src/core/usage.ts';
import { affordableOutput, costOf, worstCase } from '../../src/metering/cost.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { grownInput } from '../../src/metering/server-tools.ts';
import { recordingLog } from '../support/recording-log.ts';
import { aBackend } from '../support/upstream-attempts.ts';

const NOVEMBER = Date.parse('2026-11-23T12:00:00Z');
const seed = randomInt(2 ** 31);
const RUNS = { seed, numRuns: 2000 };

const listed = createPriceBook({
  backends: (['openai', 'anthropic', 'google'] as const).map((type) =>
    aBackend({ name: type, type }),
  ),
  unknownPrice: 'conservative',
  log: recordingLog(),
});
const LISTED: readonly Price[] = (
  [
    ['openai', 'gpt-4-turbo'],
    ['openai', 'gpt-4o'],
    ['openai', 'gpt-5.6-sol'],
    ['openai', 'gpt-realtime'],
    ['openai', 'text-embedding-3-small'],
    ['openai', 'unknown'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['anthropic', 'claude-fable-5-1'],
    ['google', 'gemini-2.5-pro'],
    ['google', 'gemini-1.5-flash'],
    ['google', 'gemini-2.5-flash-image'],
    ['openai', 'gpt-4o-search-preview'],
  ] as const
)
  .map(([backend, model]) => listed.priceOf(backend, model, NOVEMBER))
  .filter((price) => price !== null);

const rate = fc.integer({ min: 0, max: 700_000_000 });
const rates = fc.record(
  {
    input: rate,
    cachedInput: rate,
    cacheWrite: rate,
    cacheWrite1h: rate,
    inputAudio: rate,
    output: rate,
    reasoning: rate,
    outputAudio: rate,
    inputImage: rate,
    outputImage: rate,
    outputText: rate,
  },
  {
    requiredKeys: [
      'input',
      'cachedInput',
      'cacheWrite',
      'cacheWrite1h',
      'inputAudio',
      'output',
      'reasoning',
      'outputAudio',
    ],
  },
);
const fee = fc.integer({ min: 0, max: 100_000_000 });
const toolFees = fc.record(
  { webSearch: fee, fileSearch: fee, codeExecution: fee, searchSource: fee },
  { requiredKeys: [] },
);

/** Prices of any shape: also tiers that get cheaper, and cached tokens that cost more than uncached ones. */
const anyPrice: fc.Arbitrary<Price> = fc
  .record({
    tiers: fc.array(fc.tuple(fc.integer({ min: 1, max: 300_000 }), rates), { maxLength: 2 }),
    first: rates,
    perRequest: fc.integer({ min: 0, max: 1e9 }),
    unasked: fc.boolean(),
    fees: toolFees,
  })
  .map(({ tiers, first, perRequest, unasked, fees }) => ({
    model: 'any',
    source: 'config',
    version: 'config',
    tiers: [
      { aboveInputTokens: 0, ...first },
      ...tiers
        .map(([aboveInputTokens, own]): PriceTier => ({ aboveInputTokens, ...own }))
        .toSorted((a, b) => a.aboveInputTokens - b.aboveInputTokens),
    ],
    perRequest,
    toolFees: fees,
    maxOutputTokens: 4096,
    maxOutputKnown: true,
    writesCacheUnasked: unasked,
  }));
const price = fc.oneof(fc.constantFrom(...LISTED), anyPrice);
const tokens = fc.integer({ min: 0, max: 400_000 });
const calls = fc.integer({ min: 0, max: 40 });
const serverTools = fc.record({
  webSearches: calls,
  fileSearches: calls,
  codeExecutions: calls,
  searchSources: calls,
  calls,
  resultTokens: fc.integer({ min: 0, max: 500_000 }),
});
const premiums: fc.Arbitrary<PremiumRates> = fc.record(
  {
    cacheWrite: fc.boolean(),
    audio: fc.boolean(),
    image: fc.boolean(),
    serverTools,
    speed: fc.constantFrom('priority' as const, 'ultrafast' as const, 'fast' as const),
    region: fc.constant('us' as const),
  },
  { requiredKeys: ['cacheWrite', 'audio'] },
);
const share = fc.double({ min: 0, max: 1, noNaN: true });

/** The calls that tools may have made: those of the bounds, in part. */
function callsWithin({ serverTools: most }: PremiumRates, part: number): Partial<TokenUsage> {
  if (most === undefined) return {};
  const made = (bound: number): number => Math.floor(bound * part);
  return {
    webSearches: made(most.webSearches),
    fileSearches: made(most.fileSearches),
    codeExecutions: made(most.codeExecutions),
    searchSources: made(most.searchSources),
    webFetches: 7,
  };
}

/** A usage that a request with these bounds and premiums can end in: its parts never exceed their total. */
function usageWithin(
  of: Price,
  input: number,
  output: number,
  allowed: PremiumRates,
  shares: readonly number[],
): TokenUsage {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0] = shares;
  const writes = allowed.cacheWrite || of.writesCacheUnasked === true;
  const cachedInput = Math.floor(input * a);
  const cacheWrite = writes ? Math.floor((input - cachedInput) * b) : 0;
  const cacheWrite1h = writes ? Math.floor((input - cachedInput - cacheWrite) * c) : 0;
  const reasoning = Math.floor(output * d);
  const inputAudio = allowed.audio ? Math.floor(input * e) : 0;
  const outputAudio = allowed.audio ? Math.floor((output - reasoning) * f) : 0;
  return {
    input,
    cachedInput,
    cacheWrite,
    cacheWrite1h,
    inputAudio,
    output,
    reasoning,
    outputAudio,
    ...(allowed.image !== false && { inputImage: Math.floor((input - inputAudio) * g) }),
    // Half of the providers do not tell.
    ...(h < 0.5 && { outputImage: Math.floor((output - reasoning - outputAudio) * h * 2) }),
    ...callsWithin(allowed, i),
    ...(allowed.speed !== undefined && { speed: allowed.speed }),
    ...(allowed.region !== undefined && { region: allowed.region }),
  };
}

describe(`the worst case of a request (seed ${seed})`, () => {
  it('is never below the cost of a usage within its bounds', () => {
    fc.assert(
      fc.property(
        price,
        tokens,
        tokens,
        share,
        share,
        premiums,
        fc.array(share, { minLength: 9, maxLength: 9 }),
        (of, bound, most, inputShare, outputShare, allowed, shares) => {
          const { serverTools: tools } = allowed;
          const input = tools === undefined ? bound : grownInput(bound, tools);
          const usage = usageWithin(
            of,
            Math.floor(input * inputShare),
            Math.floor(most * outputShare),
            allowed,
            shares,
          );
          const charged = roundUpToNano(costOf(of, usage));
          expect(worstCase(of, bound, most, allowed)).toBeGreaterThanOrEqual(charged);
          // Nothing said is every rate, but no tool and no faster service: those a request has to name.
          const { cacheWrite, audio, image = true } = allowed;
          expect(worstCase(of, bound, most)).toBeGreaterThanOrEqual(
            worstCase(of, bound, most, { cacheWrite, audio, image }),
          );
        },
      ),
      RUNS,
    );
  });

  it('never falls when a bound grows or a premium is added', () => {
    fc.assert(
      fc.property(
        price,
        tokens,
        tokens,
        tokens,
        tokens,
        premiums,
        (of, input, output, moreInput, moreOutput, allowed) => {
          const base = worstCase(of, input, output, allowed);
          expect(worstCase(of, input + moreInput, output, allowed)).toBeGreaterThanOrEqual(base);
          expect(worstCase(of, input, output + moreOutput, allowed)).toBeGreaterThanOrEqual(base);
          const { cacheWrite, audio } = allowed;
          const plain = worstCase(of, input, output, { cacheWrite, audio, image: false });
          expect(base).toBeGreaterThanOrEqual(plain);
          expect(worstCase(of, input, output)).toBeGreaterThanOrEqual(plain);
        },
      ),
      RUNS,
    );
  });

  it('is undone by the affordable output: the most that fits, and one more does not', () => {
    fc.assert(
      fc.property(
        price,
        tokens,
        premiums,
        fc.integer({ min: 0, max: 1e12 }),
        (of, input, allowed, amount) => {
          const most = affordableOutput(of, input, amount, allowed);
          const fits = (output: number): boolean => worstCase(of, input, output, allowed) <= amount;
          expect([most < 0 || fits(most), most === 1e9 || !fits(most + 1)]).toEqual([true, true]);
        },
      ),
      RUNS,
    );
  });

  it('takes any tokens for a count and never throws', () => {
    const odd = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1));
    fc.assert(
      fc.property(price, odd, odd, (of, input, output) => {
        const worst = worstCase(of, input, output);
        expect(Number.isSafeInteger(worst) && worst >= 0).toBe(true);
      }),
      RUNS,
    );
  });
});

describe('the worst case of', () => {
  const priceOf = (backend: string, model: string): Price => {
    const found = listed.priceOf(backend, model, NOVEMBER);
    if (found === null) throw new Error(`no price of ${model}`);
    return found;
  };
  const PLAIN: PremiumRates = { cacheWrite: false, audio: false };

  it('gpt-4-turbo with 16 tokens in and 4,096 out is 0.12304 USD', () => {
    expect(worstCase(priceOf('openai', 'gpt-4-turbo'), 16, 4096)).toBe(123_040_000);
  });

  it('Claude has the cache premium only where a cache can be written', () => {
    const claude = priceOf('anthropic', 'claude-3-5-sonnet-20241022');
    expect(worstCase(claude, 1000, 0, PLAIN)).toBe(3_000_000);
    expect(worstCase(claude, 1000, 0, { cacheWrite: true, audio: false })).toBe(6_000_000);
    expect(worstCase(claude, 1000, 0)).toBe(6_000_000);
  });

  it('a model that writes its cache unasked has that premium always', () => {
    expect(worstCase(priceOf('openai', 'gpt-5.6-sol'), 1000, 0, PLAIN)).toBe(5_000_000);
  });

  it('a tiered model is in the tier of its bound', () => {
    const gemini = priceOf('google', 'gemini-2.5-pro');
    expect(worstCase(gemini, 200_000, 0, PLAIN)).toBe(250_000_000);
    expect(worstCase(gemini, 200_001, 1, PLAIN)).toBe(500_002_500 + 15_000);
  });

  it('an audio model has its audio rates only where there is audio', () => {
    const audio = priceOf('openai', 'gpt-audio');
    expect(worstCase(audio, 1000, 1000, PLAIN)).toBe(2_500_000 + 10_000_000);
    expect(worstCase(audio, 1000, 1000, { cacheWrite: false, audio: true })).toBe(
      32_000_000 + 64_000_000,
    );
  });

  it('Claude with a search tool has its fees, and the input that each round reads again', () => {
    const claude = priceOf('anthropic', 'claude-opus-4-5');
    const tools = {
      webSearches: 2,
      fileSearches: 0,
      codeExecutions: 0,
      searchSources: 0,
      calls: 2,
      resultTokens: 20_000,
    };
    // The request, the request with the first result, the request with both.
    expect(grownInput(1000, tools)).toBe(3 * 1000 + 3 * 10_000);
    expect(worstCase(claude, 1000, 100, { ...PLAIN, serverTools: tools })).toBe(
      33_000 * 5000 + 100 * 25_000 + 2 * 10_000_000,
    );
  });

  it('a faster service, or one in one region, is the multiple that is published', () => {
    const worst = (backend: string, model: string, more: Partial<PremiumRates>): number =>
      worstCase(priceOf(backend, model), 1000, 100, { ...PLAIN, image: false, ...more });
    const gpt = worst('openai', 'gpt-5', {});
    expect(worst('openai', 'gpt-5', { speed: 'priority' })).toBe(2 * gpt);
    expect(worst('openai', 'gpt-5', { speed: 'ultrafast' })).toBe(6 * gpt);
    expect(worst('openai', 'gpt-5.5', { speed: 'priority' })).toBe(
      2.5 * worst('openai', 'gpt-5.5', {}),
    );
    const opus = worst('anthropic', 'claude-opus-5', {});
    expect(worst('anthropic', 'claude-opus-5', { speed: 'fast' })).toBe(2 * opus);
    expect(worst('anthropic', 'claude-opus-5', { region: 'us' })).toBe((11 * opus) / 10);
    expect(worst('anthropic', 'claude-opus-5', { speed: 'fast', region: 'us' })).toBe(
      (22 * opus) / 10,
    );
    const older = worst('anthropic', 'claude-opus-4-6', {});
    expect(worst('anthropic', 'claude-opus-4-6', { speed: 'fast' })).toBe(6 * older);
  });

  it('an image model is its dearest key, and images in the input only where there are some', () => {
    const gemini = priceOf('google', 'gemini-2.5-flash-image');
    expect(worstCase(gemini, 1000, 1000, PLAIN)).toBe(300_000 + 30_000_000);
    const realtime = priceOf('openai', 'gpt-realtime');
    expect(worstCase(realtime, 1000, 0, { ...PLAIN, image: false })).toBe(4_000_000);
    expect(worstCase(realtime, 1000, 0, PLAIN)).toBe(5_000_000);
  });

  it('an amount that does not pay for the input leaves no output', () => {
    const turbo = priceOf('openai', 'gpt-4-turbo');
    expect(affordableOutput(turbo, 1000, 9_999_999)).toBe(-1);
    expect(affordableOutput(turbo, 1000, 10_000_000)).toBe(0);
    expect(affordableOutput(turbo, 1000, 10_030_000)).toBe(1);
  });
});
