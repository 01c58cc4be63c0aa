import { describe, expect, it } from '@jest/globals';
import { NO_USAGE } from '../../src/core/usage.ts';
import type { TokenUsage } from '../../src/core/usage.ts';
import { readAnthropicUsage } from '../../src/upstream/dialects/anthropic-usage.ts';
import { readOpenAiUsage } from '../../src/upstream/dialects/openai-usage.ts';
import { reportedUsd } from '../../src/upstream/usage-values.ts';

function usage(figures: Partial<TokenUsage>): TokenUsage {
  return { ...NO_USAGE, ...figures };
}

describe('usage of the OpenAI dialect', () => {
  it.each<[string, unknown, Partial<TokenUsage>]>([
    [
      'OpenAI, with its details',
      {
        prompt_tokens: 2006,
        completion_tokens: 300,
        total_tokens: 2306,
        prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 10 },
        completion_tokens_details: { reasoning_tokens: 128, audio_tokens: 20 },
      },
      {
        input: 2006,
        cachedInput: 1920,
        inputAudio: 10,
        output: 300,
        reasoning: 128,
        outputAudio: 20,
      },
    ],
    ['embeddings', { prompt_tokens: 8, total_tokens: 8 }, { input: 8 }],
    [
      'DeepSeek',
      {
        prompt_tokens: 100,
        completion_tokens: 10,
        total_tokens: 110,
        prompt_cache_hit_tokens: 64,
        prompt_cache_miss_tokens: 36,
      },
      { input: 100, cachedInput: 64, output: 10 },
    ],
    [
      'OpenRouter, with its cost',
      {
        prompt_tokens: 194,
        completion_tokens: 2,
        total_tokens: 196,
        cost: 0.00014525,
        prompt_tokens_details: { cached_tokens: 10, cache_write_tokens: 100 },
      },
      { input: 194, cachedInput: 10, cacheWrite: 100, output: 2, reportedCostUsd: '0.000145250' },
    ],
    [
      'xAI, whose completion leaves reasoning out',
      {
        prompt_tokens: 32,
        completion_tokens: 9,
        total_tokens: 135,
        completion_tokens_details: { reasoning_tokens: 94 },
      },
      { input: 32, output: 103, reasoning: 94 },
    ],
    [
      'Gemini, whose thinking only the total knows',
      { prompt_tokens: 10, completion_tokens: 20, total_tokens: 530 },
      { input: 10, output: 520, reasoning: 500 },
    ],
    [
      'Ollama',
      { prompt_tokens: 26, completion_tokens: 298, total_tokens: 324 },
      { input: 26, output: 298 },
    ],
    [
      'vLLM',
      { prompt_tokens: 5, total_tokens: 12, completion_tokens: 7, prompt_tokens_details: null },
      { input: 5, output: 7 },
    ],
    ['nothing used', { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, {}],
  ])('reads %s', (_name, reported, expected) => {
    expect(readOpenAiUsage(reported)).toEqual(usage(expected));
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['nothing', {}],
    ['negative figures', { prompt_tokens: -5, completion_tokens: 3 }],
    ['text', { prompt_tokens: '5', completion_tokens: 3 }],
    ['text for output', { prompt_tokens: 5, completion_tokens: '3' }],
    ['fractions', { prompt_tokens: 5.5, completion_tokens: 3 }],
    ['NaN', { prompt_tokens: Number.NaN, completion_tokens: 3 }],
    ['absurd figures', { prompt_tokens: 1e15, completion_tokens: 3 }],
    ['output alone', { completion_tokens: 3 }],
  ])('does not trust %s', (_name, reported) => {
    expect(readOpenAiUsage(reported)).toBeNull();
  });

  it('takes details that can not be for absent, so that they make nothing cheaper', () => {
    const base = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
    for (const cached of [11, -1, '5', Number.NaN]) {
      const reported = { ...base, prompt_tokens_details: { cached_tokens: cached } };
      expect(readOpenAiUsage(reported)).toEqual(usage({ input: 10, output: 5 }));
    }
    const both = { ...base, prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 8 } };
    expect(readOpenAiUsage(both)).toEqual(usage({ input: 10, output: 5 }));
  });
});

describe('a reported cost', () => {
  it.each<[unknown, string | null]>([
    [0, '0.000000000'],
    [1.5, '1.500000000'],
    ['0.25', '0.250000000'],
    [0.00021, '0.000210000'],
    [1e-7, '0.000000100'],
    [1.0000000001, '1.000000001'],
    [1e-12, '0.000000001'],
    [-1, null],
    [Number.NaN, null],
    [Infinity, null],
    [1e9, null],
    ['much', null],
    [null, null],
    [{}, null],
  ])('of %p is %p', (value, text) => {
    expect(reportedUsd(value)).toBe(text);
  });
});

describe('usage of Anthropic', () => {
  it('adds cached and written tokens to the input, by the life of the cache', () => {
    expect(
      readAnthropicUsage({
        input_tokens: 50,
        cache_creation_input_tokens: 556,
        cache_read_input_tokens: 2000,
        cache_creation: { ephemeral_5m_input_tokens: 456, ephemeral_1h_input_tokens: 100 },
        output_tokens: 503,
      }),
    ).toEqual(
      usage({ input: 2606, cachedInput: 2000, cacheWrite: 456, cacheWrite1h: 100, output: 503 }),
    );
  });

  it('does without the cache figures', () => {
    expect(readAnthropicUsage({ input_tokens: 5, output_tokens: 6 })).toEqual(
      usage({ input: 5, output: 6 }),
    );
  });

  it('does not trust what is no count', () => {
    for (const bad of [null, {}, { input_tokens: -1, output_tokens: 1 }, { input_tokens: 1 }]) {
      expect(readAnthropicUsage(bad)).toBeNull();
    }
  });
});
