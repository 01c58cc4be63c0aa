import { describe, expect, it } from '@jest/globals';
import type { Price } from '../../src/core/prices.ts';
import type { BackendSettings, UnknownPricePolicy } from '../../src/core/settings.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { recordingLog } from '../support/recording-log.ts';
import { aBackend } from '../support/upstream-attempts.ts';

const NOVEMBER = Date.parse('2026-11-23T12:00:00Z');

function bookOf(
  backend: Partial<BackendSettings>,
  unknownPrice: UnknownPricePolicy = 'conservative',
) {
  const log = recordingLog();
  const book = createPriceBook({
    backends: [aBackend({ name: 'b', ...backend })],
    unknownPrice,
    log,
  });
  const priceOf = (model: string, atMs = NOVEMBER): Price | null => book.priceOf('b', model, atMs);
  return { book, log, priceOf };
}

describe('prices of the file with dates', () => {
  const DECEMBER = Date.parse('2026-12-01T00:00:00Z');
  const JANUARY = Date.parse('2027-01-01T00:00:00Z');
  const prices = {
    'gpt-x': {
      input: 1,
      output: 2,
      maxOutputTokens: 100,
      versions: [
        { fromMs: DECEMBER, input: 3, output: 4 },
        { fromMs: JANUARY, input: 1, output: 2, perRequest: 5 },
      ],
    },
  };

  it('come into force at their time, each whole', () => {
    const { priceOf } = bookOf({ prices });

    expect(priceOf('gpt-x', 0)?.tiers[0]).toMatchObject({ input: 1, output: 2 });
    expect(priceOf('gpt-x', DECEMBER - 1)).toMatchObject({
      maxOutputTokens: 100,
      tiers: [{ input: 1 }],
    });
    expect(priceOf('gpt-x', DECEMBER)).toMatchObject({
      maxOutputKnown: false,
      perRequest: 0,
      tiers: [{ input: 3, output: 4 }],
    });
    expect(priceOf('gpt-x', JANUARY - 1)?.tiers[0]).toMatchObject({ input: 3, output: 4 });
    expect(priceOf('gpt-x', JANUARY)).toMatchObject({ perRequest: 5, tiers: [{ input: 1 }] });
  });

  it('have a version by what they charge: the same in every process, another for every rate', () => {
    const { priceOf } = bookOf({ prices });
    const versions = [0, DECEMBER, JANUARY].map((atMs) => priceOf('gpt-x', atMs)?.version);

    expect(new Set(versions).size).toBe(3);
    for (const version of versions) expect(version).toMatch(/^config [0-9a-f]{12}$/);
    const other = bookOf({ prices: { '*': { input: 1, output: 2 } } });
    expect(other.priceOf('anything')?.version).toBe(versions[0]);
    expect(priceOf('gpt-x', 0)).toBe(priceOf('gpt-x', 1));
  });
});

describe('where a price comes from', () => {
  it('the file comes first, by exact name and then by patterns in order', () => {
    const { priceOf } = bookOf({
      prices: {
        'gpt-4*': { input: 3, output: 4 },
        'gpt-4-turbo': { input: 1, output: 2, perRequest: 7, maxOutputTokens: 99 },
        '*': { input: 5, output: 6 },
      },
    });
    expect(priceOf('gpt-4-turbo')).toMatchObject({
      source: 'config',
      perRequest: 7,
      maxOutputTokens: 99,
      maxOutputKnown: true,
      tiers: [
        {
          input: 1,
          cachedInput: 1,
          cacheWrite: 1,
          cacheWrite1h: 1,
          inputAudio: 1,
          output: 2,
          reasoning: 2,
          outputAudio: 2,
        },
      ],
    });
    expect(priceOf('gpt-4o')?.tiers[0]).toMatchObject({ input: 3, output: 4 });
    expect(priceOf('mystery')).toMatchObject({
      source: 'config',
      maxOutputTokens: 32_768,
      maxOutputKnown: false,
      tiers: [{ input: 5 }],
    });
    expect(priceOf('constructor')?.tiers[0]).toMatchObject({ input: 5 });
  });

  it('the file may give each rate, also for a local backend', () => {
    const rates = {
      input: 10,
      cachedInput: 1,
      cacheWrite: 12,
      cacheWrite1h: 20,
      inputAudio: 30,
      output: 40,
      reasoning: 50,
      outputAudio: 60,
    };
    const { priceOf } = bookOf({ type: 'ollama', kind: 'local', prices: { llama3: rates } });
    expect(priceOf('llama3')).toMatchObject({
      source: 'config',
      writesCacheUnasked: true,
      tiers: [{ aboveInputTokens: 0, ...rates }],
    });
    expect(priceOf('other')).toMatchObject({ source: 'free' });
  });

  it("a Claude priced in the file has cache writes by its vendor's rule, rounded up", () => {
    const { priceOf } = bookOf({
      type: 'anthropic',
      prices: { 'claude-x': { input: 3, output: 4 } },
    });
    expect(priceOf('claude-x')?.tiers[0]).toMatchObject({ cacheWrite: 4, cacheWrite1h: 6 });
  });

  it('a pattern that can not be read stops the start', () => {
    expect(() => bookOf({ prices: { 'gpt-[4': { input: 1, output: 1 } } })).toThrow(
      'has a [ without its ]',
    );
  });

  it('a local backend is free, whatever its type and model', () => {
    const { book, priceOf } = bookOf({ type: 'openai', kind: 'local' }, 'deny');
    const price = priceOf('gpt-4-turbo');
    if (price === null) throw new Error('no price');
    expect(price).toMatchObject({ source: 'free', maxOutputTokens: 4096 });
    expect(book.costOf(price, { ...NO_USAGE, input: 1e6, output: 1e6 })).toBe(0n);
    expect(book.worstCase(price, 1e6, 1e6)).toBe(0);
    expect(book.affordableOutput(price, 1e6, 0)).toBe(1e9);
  });

  it.each([
    ['gpt-4-turbo', 10_000_000],
    ['claude-3-opus-20240229', 15_000_000],
    ['gemini-2.5-pro', 1_250_000],
    ['o3-mini', 1_100_000],
    ['text-embedding-3-large', 130_000],
  ])('a simulated cloud backend costs what the vendor of %s takes', (model, input) => {
    const { priceOf } = bookOf({ type: 'simulated', kind: 'cloud' }, 'deny');
    expect(priceOf(model)?.source).toBe('list');
    expect(priceOf(model)?.tiers[0]?.input).toBe(input);
  });

  it('an address tells the provider better than the dialect does', () => {
    expect(
      bookOf({ type: 'openai', url: 'https://api.groq.com/openai' }, 'deny').priceOf(
        'llama-3.3-70b-versatile',
      ),
    ).toMatchObject({ source: 'list' });
    expect(
      bookOf({ type: 'generic', url: 'https://openrouter.ai/api' }, 'deny').priceOf(
        'openai/gpt-4o',
      ),
    ).toMatchObject({ source: 'list' });
    // Azure lists its own models and falls back to the vendors it hosts.
    expect(
      bookOf({ type: 'generic', url: 'https://acme.openai.azure.com' }, 'deny').priceOf('gpt-5'),
    ).toMatchObject({ source: 'list' });
    // A proxy of one's own in front of OpenAI is priced as OpenAI.
    expect(
      bookOf({ type: 'openai', url: 'http://127.0.0.1:4000' }, 'deny').priceOf('gpt-4o'),
    ).toMatchObject({ source: 'list' });
  });

  it('no list is trusted for a cloud backend at an unknown address', () => {
    expect(
      bookOf({ type: 'generic', url: 'https://llm.example' }, 'deny').priceOf('gpt-4o'),
    ).toBeNull();
    expect(
      bookOf({ type: 'vllm', url: 'https://llm.example' }, 'deny').priceOf('llama3'),
    ).toBeNull();
  });

  it('is remembered, frozen, and names the list', () => {
    const { book, priceOf } = bookOf({});
    const price = priceOf('gpt-4o');
    expect(priceOf('gpt-4o')).toBe(price);
    expect(price?.version).toBe(book.listVersion);
    expect(
      Object.isFrozen(price) && Object.isFrozen(price?.tiers) && Object.isFrozen(price?.tiers[0]),
    ).toBe(true);
  });

  it('is asked of configured backends only', () => {
    const { book } = bookOf({});
    expect(() => book.priceOf('nobody', 'gpt-4o', NOVEMBER)).toThrow('no backend is named nobody');
  });

  it('remembers no more models than it has room for', () => {
    const { priceOf } = bookOf({ kind: 'local' });
    for (let at = 0; at < 5000; at += 1) expect(priceOf(`model-${at}`)?.source).toBe('free');
  });
});

describe('an unknown price of a cloud model', () => {
  it.each([
    // o1-pro: 150 and 600 USD per million tokens, x 1.15.
    ['openai', '', 172_500_000, 690_000_000],
    // The first Opus models: 15 and 75; written for an hour: 30.
    ['anthropic', '', 17_250_000, 86_250_000],
    // Claude Opus at Google: 15; images of gemini-3-pro-image-preview: 120.
    ['google', '', 17_250_000, 138_000_000],
    // Nothing tells the provider: the dearest of the three.
    ['generic', 'https://llm.example', 172_500_000, 690_000_000],
    ['simulated', '', 172_500_000, 690_000_000],
  ] as const)(
    'at %s is the dearest rate of the provider times 1.15',
    (type, url, input, output) => {
      const { priceOf } = bookOf({ type, url });
      expect(priceOf('never-heard-of')).toMatchObject({
        source: 'conservative',
        perRequest: 0,
        tiers: [{ aboveInputTokens: 0, input, output, reasoning: output }],
      });
    },
  );

  it('is that of the vendor whose name a simulated model borrows', () => {
    expect(bookOf({ type: 'simulated' }).priceOf('claude-of-tomorrow')).toMatchObject({
      source: 'conservative',
      tiers: [{ input: 17_250_000, cacheWrite1h: 34_500_000 }],
    });
  });

  it('is never below any listed rate of the provider', () => {
    const { priceOf } = bookOf({});
    const unknown = priceOf('never-heard-of')?.tiers[0];
    for (const model of [
      'o1-pro',
      'gpt-4.5-preview',
      'gpt-5.5-pro',
      'gpt-6-astra',
      'gpt-4o-realtime-preview',
      'gpt-4',
    ]) {
      for (const tier of priceOf(model)?.tiers ?? []) {
        expect(unknown?.input).toBeGreaterThan(
          Math.max(tier.input, tier.cachedInput, tier.cacheWrite, tier.inputAudio),
        );
        expect(unknown?.output).toBeGreaterThan(
          Math.max(tier.output, tier.reasoning, tier.outputAudio),
        );
      }
    }
  });

  it('follows the rates that are in force', () => {
    const { priceOf } = bookOf({});
    expect(priceOf('never-heard-of', NOVEMBER)).toEqual(
      priceOf('never-heard-of', Date.parse('2024-01-01')),
    );
  });

  it('is none at all under deny', () => {
    const { priceOf, log } = bookOf({}, 'deny');
    expect(priceOf('never-heard-of')).toBeNull();
    expect(priceOf('never-heard-of')).toBeNull();
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]?.message).toContain('requests for it are refused');
  });

  it('is also what a model billed by the hour has', () => {
    expect(bookOf({}).priceOf('whisper-1')).toMatchObject({ source: 'conservative' });
    expect(bookOf({}, 'deny').priceOf('whisper-1')).toBeNull();
  });

  it('is said once, with what to do', () => {
    const { priceOf, log } = bookOf({});
    for (let times = 0; times < 3; times += 1) priceOf('never-heard-of');
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({
      level: 'warn',
      fields: { backend: 'b', model: 'never-heard-of' },
    });
    expect(log.lines[0]?.message).toContain('[backends.prices]');
  });
});

describe('the most output that an answer can have', () => {
  it.each([
    ['gpt-3.5-turbo', 4096],
    ['gpt-4', 8192],
    ['gpt-4-0613', 8192],
    ['gpt-4-turbo', 4096],
    ['gpt-4-1106-preview', 4096],
    ['gpt-4o', 16_384],
    ['gpt-4o-2024-05-13', 4096],
    ['gpt-4.1-mini', 32_768],
    ['gpt-5', 128_000],
    ['gpt-5-pro', 272_000],
    ['gpt-5-chat-latest', 16_384],
    ['gpt-6-sol', 128_000],
    ['o1', 100_000],
    ['o1-preview', 32_768],
    ['o1-mini', 65_536],
    ['o3-pro', 100_000],
    ['o4-mini', 100_000],
    ['claude-3-opus-20240229', 4096],
    ['claude-3-5-haiku-20241022', 8192],
    ['claude-3-7-sonnet-20250219', 64_000],
    ['claude-opus-4-20250514', 32_000],
    ['claude-opus-4-1-20250805', 32_000],
    ['claude-sonnet-4-20250514', 64_000],
    ['claude-sonnet-4-5', 64_000],
    ['claude-opus-4-5', 64_000],
    ['claude-sonnet-4-6', 128_000],
    ['claude-opus-4-8', 128_000],
    ['claude-opus-5-5', 128_000],
    ['gemini-1.5-pro', 8192],
    ['gemini-2.0-flash', 8192],
    ['gemini-2.5-pro', 65_536],
    ['gemini-3.8-flash', 65_536],
    ['text-embedding-3-small', 0],
  ])('of %s is %i', (model, tokens) => {
    const { priceOf } = bookOf({ kind: 'local' });
    expect(priceOf(model)).toMatchObject({ maxOutputTokens: tokens, maxOutputKnown: true });
  });

  it('is a default that says so where no table knows the model', () => {
    expect(bookOf({ kind: 'local' }).priceOf('llama3')).toMatchObject({
      maxOutputTokens: 32_768,
      maxOutputKnown: false,
    });
  });
});
