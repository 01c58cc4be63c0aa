/** Fees of the provider's own tools, and what else a price has beside its rates: where they come from. */
import { describe, expect, it } from '@jest/globals';
import type { Price } from '../../src/core/prices.ts';
import type { BackendSettings } from '../../src/core/settings.ts';
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { recordingLog } from '../support/recording-log.ts';
import { aBackend } from '../support/upstream-attempts.ts';

const NOVEMBER = Date.parse('2026-11-10T12:00:00Z');

function priced(backend: Partial<BackendSettings>, model: string) {
  const book = createPriceBook({
    backends: [aBackend(backend)],
    unknownPrice: 'conservative',
    log: recordingLog(),
  });
  const price = book.priceOf('backend', model, NOVEMBER);
  if (price === null) throw new Error(`no price of ${model}`);
  const costOf = (usage: Partial<TokenUsage>): bigint =>
    book.costOf(price, { ...NO_USAGE, ...usage });
  return { price, costOf };
}

function feesOf(backend: Partial<BackendSettings>, model: string): Price['toolFees'] {
  return priced(backend, model).price.toolFees;
}

const CENT = { webSearch: 10_000_000 };
const OPENAI = { ...CENT, fileSearch: 2_500_000 };

describe('a fee of a tool', () => {
  it.each<[string, Partial<BackendSettings>, string, Price['toolFees']]>([
    ['is listed with the model', { type: 'anthropic' }, 'claude-sonnet-4-5', CENT],
    ['is published where the entry lists none', { type: 'openai' }, 'gpt-4-turbo', OPENAI],
    [
      "is that of the address' provider",
      { type: 'openai', url: 'https://api.x.ai/v1' },
      'grok-4',
      {
        webSearch: 5_000_000,
        fileSearch: 2_500_000,
        codeExecution: 5_000_000,
        searchSource: 25_000_000,
      },
    ],
    ['is none at a provider that bills none', { type: 'google' }, 'gemini-2.5-pro', undefined],
    ['is none at a local backend', { type: 'ollama', kind: 'local' }, 'llama3', undefined],
    [
      'is the dearest with the margin for a model that is not known',
      { type: 'openai' },
      'gpt-99',
      { webSearch: 11_500_000, fileSearch: 2_875_000 },
    ],
    [
      'is published also for a price in the file',
      { type: 'openai', prices: { '*': { input: 1, output: 1 } } },
      'gpt-4o',
      OPENAI,
    ],
    [
      'is in the file, and may be nothing',
      { type: 'openai', prices: { '*': { input: 1, output: 1, webSearch: 7, fileSearch: 0 } } },
      'gpt-4o',
      { webSearch: 7, fileSearch: 0 },
    ],
    [
      'is in the file of a local backend alone',
      { type: 'vllm', kind: 'local', prices: { '*': { input: 1, output: 1, codeExecution: 9 } } },
      'qwen3',
      { codeExecution: 9 },
    ],
  ])('%s', (_name, backend, model, fees) => {
    expect(feesOf(backend, model)).toEqual(fees);
  });

  it('is charged for each call, beside the tokens', () => {
    const { costOf } = priced({ type: 'openai' }, 'gpt-4o');
    const calls = { webSearches: 2, fileSearches: 1, codeExecutions: 3, webFetches: 9 };
    expect(costOf({ input: 1000, ...calls })).toBe(2_500_000_000n + 22_500_000_000n);
  });

  it('of an absurd number of calls ends at the ceiling of all money', () => {
    const { costOf } = priced({ type: 'openai' }, 'gpt-4o');
    expect(costOf({ webSearches: 1e300 })).toBe(10_000_000n * 1_000_000n * 1000n);
    expect(costOf({ webSearches: Number.NaN, fileSearches: -1 })).toBe(0n);
  });

  it('is added to each request by a model that always searches', () => {
    const { price, costOf } = priced({ type: 'openai' }, 'gpt-4o-search-preview');
    expect(price.perRequest).toBe(25_000_000);
    expect(costOf({})).toBe(25_000_000_000n);
  });
});

describe('images', () => {
  const IMAGE_MODEL = 'gemini-2.5-flash-image';

  it('cost their own rate where the provider tells them from text', () => {
    const { costOf } = priced({ type: 'google' }, IMAGE_MODEL);
    expect(costOf({ output: 1300, outputImage: 1290 })).toBe(
      1290n * 30_000_000n + 10n * 2_500_000n,
    );
    expect(costOf({ output: 1300, outputImage: 0 })).toBe(1300n * 2_500_000n);
  });

  it('are all of the output where it does not', () => {
    const { costOf } = priced({ type: 'google' }, IMAGE_MODEL);
    expect(costOf({ output: 1300 })).toBe(1300n * 30_000_000n);
    expect(costOf({ output: 1300, reasoning: 300 })).toBe(1300n * 30_000_000n);
  });

  it('leave reasoning at the rate of text', () => {
    const { costOf } = priced({ type: 'google' }, IMAGE_MODEL);
    expect(costOf({ output: 1300, reasoning: 300, outputImage: 1000 })).toBe(
      1000n * 30_000_000n + 300n * 2_500_000n,
    );
  });

  it('in the input cost more where the list says so', () => {
    const { costOf } = priced({ type: 'openai' }, 'gpt-realtime');
    expect(costOf({ input: 100, inputImage: 60 })).toBe(60n * 5_000_000n + 40n * 4_000_000n);
    expect(costOf({ input: 100 })).toBe(400_000_000n);
  });

  it('have the rates of the file, and the dearer of both where nothing is told', () => {
    const rates = { input: 10, output: 20, inputImage: 15, outputImage: 90 };
    const { price, costOf } = priced({ type: 'openai', prices: { '*': rates } }, 'painter');
    expect(price.tiers[0]).toMatchObject({
      output: 90,
      outputImage: 90,
      outputText: 20,
      inputImage: 15,
    });
    expect(costOf({ input: 10, inputImage: 4, output: 10, outputImage: 3 })).toBe(
      BigInt(6 * 10 + 4 * 15 + 7 * 20 + 3 * 90),
    );
    expect(costOf({ output: 10 })).toBe(900n);
  });

  it('without a rate of their own do not push cached tokens out of their discount', () => {
    const { costOf } = priced({ type: 'openai' }, 'gpt-4o');
    expect(costOf({ input: 1000, cachedInput: 800, inputImage: 500 })).toBe(
      800n * 1_250_000n + 200n * 2_500_000n,
    );
  });
});
