import { describe, expect, it } from '@jest/globals';
import type { BackendType } from '../../src/core/settings.ts';
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { recordingLog } from '../support/recording-log.ts';
import { aBackend } from '../support/upstream-attempts.ts';

const types: readonly BackendType[] = ['openai', 'anthropic', 'google'];
const book = createPriceBook({
  backends: types.map((type) => aBackend({ name: type, type })),
  unknownPrice: 'deny',
  log: recordingLog(),
});

/** USD per million tokens, as printed by the vendor, times tokens, in pico-dollars: exact rational arithmetic. */
function pico(...terms: readonly (readonly [usdPerMillion: string, tokens: number])[]): bigint {
  let sum = 0n;
  for (const [text, tokens] of terms) {
    const [whole = '0', fraction = ''] = text.split('.');
    const scaled = BigInt(whole + fraction) * 10n ** 12n * BigInt(tokens);
    const divisor = 10n ** BigInt(fraction.length) * 1_000_000n;
    expect(scaled % divisor).toBe(0n);
    sum += scaled / divisor;
  }
  return sum;
}

const usage = (parts: Partial<TokenUsage>): TokenUsage => ({ ...NO_USAGE, ...parts });
const NOVEMBER = Date.parse('2026-11-23T12:00:00Z');

interface Vector {
  readonly backend: 'openai' | 'anthropic' | 'google';
  readonly model: string;
  readonly at?: string;
  readonly usage: Partial<TokenUsage>;
  readonly cost: bigint;
}

const PLAIN = { input: 1234, output: 567 };
const CACHED = { input: 1000, cachedInput: 800, output: 100 };
const WRITES = { input: 5000, cachedInput: 1000, cacheWrite: 2000, cacheWrite1h: 500, output: 300 };

const VECTORS: readonly Vector[] = [
  { backend: 'openai', model: 'gpt-4-turbo', usage: PLAIN, cost: pico(['10', 1234], ['30', 567]) },
  {
    backend: 'openai',
    model: 'gpt-4-turbo-2024-04-09',
    usage: PLAIN,
    cost: pico(['10', 1234], ['30', 567]),
  },
  { backend: 'openai', model: 'GPT-4-Turbo', usage: PLAIN, cost: pico(['10', 1234], ['30', 567]) },
  { backend: 'openai', model: 'openai/gpt-4', usage: PLAIN, cost: pico(['30', 1234], ['60', 567]) },
  {
    backend: 'openai',
    model: 'gpt-3.5-turbo',
    usage: PLAIN,
    cost: pico(['0.5', 1234], ['1.5', 567]),
  },
  {
    backend: 'openai',
    model: 'gpt-4o',
    usage: CACHED,
    cost: pico(['2.5', 200], ['1.25', 800], ['10', 100]),
  },
  {
    backend: 'openai',
    model: 'gpt-4o-2024-05-13',
    usage: CACHED,
    cost: pico(['5', 1000], ['15', 100]),
  },
  {
    backend: 'openai',
    model: 'gpt-4o-mini',
    usage: CACHED,
    cost: pico(['0.15', 200], ['0.075', 800], ['0.6', 100]),
  },
  {
    backend: 'openai',
    model: 'ft:gpt-4o-mini-2024-07-18:org::id',
    usage: PLAIN,
    cost: pico(['0.3', 1234], ['1.2', 567]),
  },
  {
    backend: 'openai',
    model: 'gpt-5-nano',
    usage: CACHED,
    cost: pico(['0.05', 200], ['0.005', 800], ['0.4', 100]),
  },
  {
    backend: 'openai',
    model: 'o3',
    usage: { input: 900, output: 700, reasoning: 600 },
    cost: pico(['2', 900], ['8', 700]),
  },
  {
    backend: 'openai',
    model: 'text-embedding-3-small',
    usage: { input: 77 },
    cost: pico(['0.02', 77]),
  },
  {
    backend: 'openai',
    model: 'gpt-audio',
    usage: { input: 100, inputAudio: 60, output: 50, outputAudio: 20 },
    cost: pico(['2.5', 40], ['32', 60], ['10', 30], ['64', 20]),
  },
  // Listed without audio rates: the provider's dearest stand in, never the text rate.
  {
    backend: 'openai',
    model: 'gpt-4o-audio-preview',
    usage: { input: 100, inputAudio: 60, output: 50, outputAudio: 20 },
    cost: pico(['2.5', 40], ['40', 60], ['10', 30], ['80', 20]),
  },
  // OpenAI writes its cache unasked from GPT-5.6 on; the whole request is dearer from 272,000 tokens on.
  {
    backend: 'openai',
    model: 'gpt-5.6-sol',
    usage: { input: 271_999, cacheWrite: 1000, output: 10 },
    cost: pico(['4', 270_999], ['5', 1000], ['20', 10]),
  },
  {
    backend: 'openai',
    model: 'gpt-5.6-sol',
    usage: { input: 272_000, cacheWrite: 1000, output: 10 },
    cost: pico(['8', 271_000], ['10', 1000], ['30', 10]),
  },
  {
    backend: 'anthropic',
    model: 'claude-3-opus-20240229',
    usage: WRITES,
    cost: pico(['15', 1500], ['1.5', 1000], ['18.75', 2000], ['30', 500], ['75', 300]),
  },
  {
    backend: 'anthropic',
    model: 'claude-3-5-sonnet-20241022',
    usage: WRITES,
    cost: pico(['3', 1500], ['0.3', 1000], ['3.75', 2000], ['6', 500], ['15', 300]),
  },
  {
    backend: 'anthropic',
    model: 'claude-3-haiku-20240307',
    usage: WRITES,
    cost: pico(['0.25', 1500], ['0.03', 1000], ['0.3', 2000], ['0.5', 500], ['1.25', 300]),
  },
  // Listed without cache rates: no discount, and Anthropic's rule of 1.25 and 2 times the input.
  {
    backend: 'anthropic',
    model: 'claude-2.1',
    usage: WRITES,
    cost: pico(['8', 2500], ['10', 2000], ['16', 500], ['24', 300]),
  },
  {
    backend: 'google',
    model: 'gemini-2.5-pro',
    usage: { input: 200_000, output: 10 },
    cost: pico(['1.25', 200_000], ['10', 10]),
  },
  {
    backend: 'google',
    model: 'gemini-2.5-pro',
    usage: { input: 200_001, cachedInput: 1, output: 10 },
    cost: pico(['2.5', 200_000], ['0.25', 1], ['15', 10]),
  },
  {
    backend: 'google',
    model: 'models/gemini-2.5-flash',
    usage: { input: 100, inputAudio: 40, output: 10 },
    cost: pico(['0.3', 60], ['1', 40], ['2.5', 10]),
  },
  {
    backend: 'google',
    model: 'gemini-1.5-flash-002',
    usage: { input: 128_001, output: 3 },
    cost: pico(['0.15', 128_001], ['0.6', 3]),
  },
  // Claude at Google is looked up at Google first.
  {
    backend: 'google',
    model: 'claude-sonnet-4-5',
    usage: { input: 200_001, output: 3 },
    cost: pico(['6', 200_001], ['22.5', 3]),
  },
  // It answers in images: usage does not tell them from text, so the dearer rate counts.
  {
    backend: 'google',
    model: 'gemini-2.5-flash-image',
    usage: { input: 10, output: 1290 },
    cost: pico(['0.3', 10], ['30', 1290]),
  },
  // Dated prices.
  {
    backend: 'openai',
    model: 'o3',
    at: '2025-06-09T23:59:59.999Z',
    usage: PLAIN,
    cost: pico(['10', 1234], ['40', 567]),
  },
  {
    backend: 'openai',
    model: 'o3',
    at: '2025-06-10T00:00:00.000Z',
    usage: PLAIN,
    cost: pico(['2', 1234], ['8', 567]),
  },
  {
    backend: 'anthropic',
    model: 'claude-opus-4-6',
    at: '2026-03-12T23:59:59.999Z',
    usage: { input: 200_001, output: 1 },
    cost: pico(['10', 200_001], ['37.5', 1]),
  },
  {
    backend: 'anthropic',
    model: 'claude-opus-4-6',
    at: '2026-03-13T00:00:00.000Z',
    usage: { input: 200_001, output: 1 },
    cost: pico(['5', 200_001], ['25', 1]),
  },
  {
    backend: 'google',
    model: 'gemini-3.8-flash',
    at: '2026-12-31T23:59:59.999Z',
    usage: PLAIN,
    cost: pico(['0.75', 1234], ['3.75', 567]),
  },
  {
    backend: 'google',
    model: 'gemini-3.8-flash',
    at: '2027-01-01T00:00:00.000Z',
    usage: PLAIN,
    cost: pico(['1.5', 1234], ['7.5', 567]),
  },
];

describe('the cost of a usage', () => {
  it.each(VECTORS)(
    'of $model at $backend is exact ($at $usage)',
    ({ backend, model, at, usage: parts, cost }) => {
      const price = book.priceOf(backend, model, at === undefined ? NOVEMBER : Date.parse(at));
      if (price === null) throw new Error('no price');
      expect(price.source).toBe('list');
      expect(book.costOf(price, usage(parts))).toBe(cost);
    },
  );
});

describe('odd usage', () => {
  const price = book.priceOf('anthropic', 'claude-3-5-sonnet-20241022', NOVEMBER);
  if (price === null) throw new Error('no price');
  const cost = (parts: Partial<TokenUsage>): bigint => book.costOf(price, usage(parts));

  it('with parts beyond the total is charged for the parts, and never negative', () => {
    expect(cost({ input: 10, cachedInput: 1000 })).toBe(pico(['0.3', 1000]));
    expect(cost({ input: 10, cacheWrite: 100, cacheWrite1h: 100 })).toBe(
      pico(['3.75', 100], ['6', 100]),
    );
    expect(cost({ output: 5, reasoning: 50 })).toBe(pico(['15', 50]));
  });

  it('of cached audio is charged once, at the dearer rate', () => {
    const audio = book.priceOf('openai', 'gpt-realtime', NOVEMBER);
    if (audio === null) throw new Error('no price');
    const overlap = usage({ input: 100, cachedInput: 80, inputAudio: 50 });
    expect(book.costOf(audio, overlap)).toBe(pico(['32', 50], ['0.4', 50]));
  });

  it.each([
    [Number.NaN, 0],
    [-5, 0],
    [Number.NEGATIVE_INFINITY, 0],
    [0.2, 1],
    [1e300, 1e9],
    [Number.POSITIVE_INFINITY, 1e9],
  ])('of %d tokens is taken for %d', (tokens, taken) => {
    expect(cost({ input: tokens, output: tokens })).toBe(
      pico(['3', 0], ['15', taken]) + cost({ input: taken }),
    );
    expect(() =>
      cost({
        cachedInput: tokens,
        cacheWrite: tokens,
        cacheWrite1h: tokens,
        inputAudio: tokens,
        reasoning: tokens,
        outputAudio: tokens,
      }),
    ).not.toThrow();
  });

  it.each([
    ['0.00014100000000000001', 141_000_001n],
    ['1.5e-7', 150_000n],
    ['0', 0n],
    ['12', 12_000_000_000_000n],
    ['1e30', 9_000_000_000_000_000_000n],
  ])(
    'with a reported cost of %s USD is charged that, also when it is zero',
    (reportedCostUsd, expected) => {
      expect(cost({ input: 1000, output: 1000, reportedCostUsd })).toBe(expected);
    },
  );

  it.each(['-1', 'NaN', '', 'free', '1,5', '0x10'])(
    'with a reported cost of "%s" is charged by its tokens',
    (reportedCostUsd) => {
      expect(cost({ input: 1000, reportedCostUsd })).toBe(pico(['3', 1000]));
    },
  );
});
