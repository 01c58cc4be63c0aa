import { describe, expect, it } from '@jest/globals';
import { calcPrice, findProvider, type Provider } from '@pydantic/genai-prices';
import * as fc from 'fast-check';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NO_USAGE } from '../../src/core/usage.ts';
import { costOf } from '../../src/metering/cost.ts';
import { decimalToUnits } from '../../src/metering/decimal.ts';
import {
  convertPrice,
  findModel,
  LIST_VERSION,
  pricesAt,
  pricesOfDay,
  type ListModel,
} from '../../src/metering/price-list.ts';

const PROVIDER_IDS = [
  'openai',
  'anthropic',
  'google',
  'azure',
  'aws',
  'mistral',
  'deepseek',
  'groq',
  'x-ai',
  'openrouter',
  'cohere',
  'together',
  'perplexity',
  'moonshotai',
];
const PROVIDERS: readonly Provider[] = PROVIDER_IDS.map((providerId) =>
  findProvider({ providerId }),
).filter((provider) => provider !== undefined);
const NOVEMBER = Date.parse('2026-11-23T12:00:00Z');

function everyPriceOf({ prices }: ListModel): readonly Record<string, unknown>[] {
  return Array.isArray(prices) ? prices.map((entry) => entry.prices) : [prices];
}

/** Names that an entry matches exactly, found in its own rule. */
function namesOf(match: ListModel['match']): readonly string[] {
  if ('or' in match) return match.or.flatMap(namesOf);
  if ('equals' in match) return [match.equals];
  return 'starts_with' in match ? [match.starts_with] : [];
}

describe('the packaged price list', () => {
  it('is the version that the ledger names', () => {
    const { version } = JSON.parse(
      readFileSync(
        new URL('../../node_modules/@pydantic/genai-prices/package.json', import.meta.url),
        'utf8',
      ),
    ) as { version: string };
    expect(LIST_VERSION).toMatch(
      new RegExp(
        String.raw`^genai-prices ${version.replaceAll('.', String.raw`\.`)} \(\d{4}-\d{2}-\d{2}\)$`,
      ),
    );
    expect(PROVIDERS).toHaveLength(PROVIDER_IDS.length);
  });

  it('holds no price that is not exact in pico-dollars, but for the noise of floats, which is rounded up and flagged', () => {
    let exact = 0;
    const rounded: string[] = [];
    for (const provider of PROVIDERS) {
      for (const model of provider.models) {
        for (const prices of everyPriceOf(model)) {
          for (const [key, listed] of Object.entries(prices)) {
            if (!key.endsWith('_mtok')) continue;
            const figures =
              typeof listed === 'number'
                ? [listed]
                : [
                    (listed as { base: number }).base,
                    ...(listed as { tiers: { price: number }[] }).tiers.map(({ price }) => price),
                  ];
            for (const figure of figures) {
              const read = decimalToUnits(figure, 6);
              if (read === null) throw new Error(`${provider.id} ${model.id} ${key}: ${figure}`);
              // The true value lies in (units - 1, units] pico-dollars: compared as fractions of whole numbers.
              const [whole = '', fraction = ''] = figure.toFixed(20).split('.');
              const scaled = BigInt(whole + fraction);
              const units = read.units * 10n ** 14n;
              const rest = Number(units - scaled) / 1e14;
              expect(rest > -1e-6 && rest < (read.isExact ? 1e-6 : 1)).toBe(true);
              if (read.isExact) exact += 1;
              else rounded.push(`${provider.id}:${model.id}:${key}`);
            }
          }
        }
      }
    }
    expect(exact).toBeGreaterThan(2000);
    expect(rounded.length).toBeLessThan(20);
  });

  it('flags an entry whose price was rounded', () => {
    expect(convertPrice('x', { input_mtok: 0.18000000000000002, output_mtok: 1 })).toMatchObject({
      isExact: false,
      tiers: [{ input: 180_001 }],
    });
    expect(convertPrice('x', { input_mtok: 0.003625, output_mtok: 1 })).toMatchObject({
      isExact: true,
      tiers: [{ input: 3625 }],
    });
  });

  it("finds the same entry as the list's own matching for every name that it spells out", () => {
    for (const provider of PROVIDERS) {
      for (const model of provider.models) {
        for (const name of namesOf(model.match)) {
          const theirs = calcPrice({ input_tokens: 0 }, name, {
            providerId: provider.id,
            timestamp: new Date(NOVEMBER),
          });
          expect(`${name}: ${findModel(provider, name)?.id}`).toBe(`${name}: ${theirs?.model.id}`);
        }
      }
    }
  });

  it("agrees with the list's own calculator, but for its rounding, on every model billed by tokens of text", () => {
    const seed = randomInt(2 ** 31);
    const at = fc.integer({ min: Date.parse('2025-01-01'), max: Date.parse('2027-06-01') });
    const tokens = fc.integer({ min: 0, max: 400_000 });
    const entry = fc.constantFrom(
      ...PROVIDERS.flatMap((provider) =>
        provider.models.map((model) => [provider, model] as const),
      ),
    );
    fc.assert(
      fc.property(
        entry,
        at,
        tokens,
        tokens,
        fc.integer({ min: 0, max: 100 }),
        ([provider, model], atMs, input, output, share) => {
          const [name] = namesOf(model.match);
          const prices = pricesAt(model, atMs);
          if (name === undefined || findModel(provider, name) !== model) return;
          if (Object.keys(prices).some((key) => /image|video|audio/.test(key))) return;
          const ours = convertPrice(model.id, prices);
          if (ours === null) return;
          const hasOutput = prices['output_mtok'] !== undefined;
          const cachedInput = Math.floor((input * share) / 100);
          const theirs = calcPrice(
            {
              input_tokens: input,
              cache_read_tokens: cachedInput,
              ...(hasOutput && { output_tokens: output }),
            },
            name,
            { providerId: provider.id, timestamp: new Date(atMs) },
          );
          if (theirs?.model.id !== model.id) return;
          const price = {
            model: name,
            source: 'list' as const,
            version: '',
            tiers: ours.tiers,
            perRequest: ours.perRequest,
            maxOutputTokens: 1,
            maxOutputKnown: true,
          };
          const cost = costOf(price, {
            ...NO_USAGE,
            input,
            cachedInput,
            output: hasOutput ? output : 0,
          });
          expect(Number(cost) / 1e12).toBeCloseTo(theirs.total_price, 6);
        },
      ),
      { seed, numRuns: 3000 },
    );
  });

  it('knows prices that depend on the time of day', () => {
    const deepseek = findProvider({ providerId: 'deepseek' });
    const model = deepseek?.models.find(({ id }) => id === 'deepseek-reasoner');
    if (model === undefined)
      throw new Error('deepseek-reasoner is gone from the list; use another timed entry');
    const at = (clock: string): unknown =>
      pricesAt(model, Date.parse(`2026-11-23T${clock}Z`))['input_mtok'];
    expect([at('00:29:59'), at('00:30:00'), at('16:29:59'), at('16:30:00')]).toEqual([
      0.135, 0.55, 0.55, 0.135,
    ]);
    expect(
      pricesOfDay(model, NOVEMBER)
        .map((prices) => prices['input_mtok'])
        .toSorted((a, b) => Number(a) - Number(b)),
    ).toEqual([0.135, 0.55]);
  });

  it('reads constraints over midnight and in other zones', () => {
    const timed = (start_time: string, end_time: string): ListModel => ({
      id: 'timed',
      match: { equals: 'timed' },
      prices: [
        { prices: { input_mtok: 1 } },
        { constraint: { type: 'time_of_date', start_time, end_time }, prices: { input_mtok: 2 } },
      ],
    });
    const at = (model: ListModel, clock: string): unknown =>
      pricesAt(model, Date.parse(`2026-11-23T${clock}Z`))['input_mtok'];
    const night = timed('22:00:00Z', '06:00:00Z');
    expect([
      at(night, '21:59:59'),
      at(night, '22:00:00'),
      at(night, '05:59:59'),
      at(night, '06:00:00'),
    ]).toEqual([1, 2, 2, 1]);
    const beijing = timed('08:00:00+08:00', '10:00:00+08:00');
    expect([at(beijing, '00:00:00'), at(beijing, '02:00:00')]).toEqual([2, 1]);
    expect(at(timed('nonsense', '01:00:00-01:00'), '01:30:00')).toBe(2);
    const never: ListModel = {
      id: 'n',
      match: { equals: 'n' },
      prices: [
        { constraint: { type: 'start_date', start_date: '2099-01-01' }, prices: { input_mtok: 3 } },
      ],
    };
    expect(at(never, '00:00:00')).toBe(3);
    expect(pricesAt({ ...never, prices: [] }, NOVEMBER)).toEqual({});
  });

  it('does not convert what is not billed by the token', () => {
    expect(convertPrice('whisper-1', { audio_hours: 0.36 })).toBeNull();
    expect(convertPrice('chatty', { output_mtok: 1 })).toBeNull();
    // Input alone is the price of an embedding, and half the price of anything else.
    expect(convertPrice('chatty', { input_mtok: 1 })).toBeNull();
    expect(convertPrice('text-embedding-9', { input_mtok: 1 })).toMatchObject({
      tiers: [{ output: 0 }],
    });
    expect(
      convertPrice('sonar', { input_mtok: 1, output_mtok: 1, requests_kcount: 5 }),
    ).toMatchObject({ perRequest: 5_000_000 });
    expect(convertPrice('free', {})).toMatchObject({ tiers: [{ input: 0, output: 0 }] });
  });

  it.each([
    ['anthropic', 'claude-sonnet-5-5'],
    ['anthropic', 'claude-sonnet-4-51'],
    ['anthropic', 'claude-opus-4-10'],
    ['anthropic', 'claude-opus-4.11'],
    ['google', 'gemini-9.9-pro'],
    ['openai', 'gpt-4o-2031-01-01'],
    ['openai', 'gpt-6'],
    ['openai', 'x'.repeat(201)],
  ])('never takes at %s a later version for an earlier one: %s', (providerId, model) => {
    const provider = findProvider({ providerId });
    expect(provider !== undefined && findModel(provider, model)).toBeNull();
  });

  it.each([
    ['anthropic', 'claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['anthropic', 'claude-opus-4-1-20250805', 'claude-opus-4-1'],
    ['anthropic', 'anthropic/claude-opus-4-0', 'claude-opus-4-0'],
    ['google', 'gemini-2.5-pro-preview-05-06', 'gemini-2.5-pro'],
    ['google', 'gemini-2.0-flash-001', 'gemini-2.0-flash'],
    ['openai', 'gpt-4.1-20250414', 'gpt-4.1'],
  ])('finds at %s dated and prefixed names: %s', (providerId, model, id) => {
    const provider = findProvider({ providerId });
    expect(provider !== undefined && findModel(provider, model)?.id).toBe(id);
  });
});
