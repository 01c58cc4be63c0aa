import { describe, expect, it } from '@jest/globals';
import { NO_USAGE } from '../../src/core/usage.ts';
import type { TokenUsage } from '../../src/core/usage.ts';
import type { JsonObject } from '../../src/core/request.ts';
import {
  mergeAnthropicUsage,
  readAnthropicUsage,
  toOpenAiUsage,
} from '../../src/upstream/dialects/anthropic/usage.ts';
import { nativeUsageOf, readOpenAiUsage } from '../../src/upstream/dialects/openai/usage.ts';
import {
  usageOfResponse,
  usageOfResponseEvent,
} from '../../src/upstream/dialects/responses/usage.ts';
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
    [
      'reasoning beyond an output without a total: it was not counted into it',
      {
        prompt_tokens: 32,
        completion_tokens: 9,
        completion_tokens_details: { reasoning_tokens: 94 },
      },
      { input: 32, output: 103, reasoning: 94 },
    ],
    [
      'LiteLLM, with cache writes in its own words',
      {
        prompt_tokens: 300,
        completion_tokens: 5,
        total_tokens: 305,
        cache_creation_input_tokens: 120,
        cache_read_input_tokens: 100,
        prompt_tokens_details: { cached_tokens: 100, cache_creation_tokens: 120 },
      },
      { input: 300, cachedInput: 100, cacheWrite: 120, output: 5 },
    ],
    [
      'image tokens of both sides',
      {
        prompt_tokens: 300,
        completion_tokens: 500,
        prompt_tokens_details: { image_tokens: 258 },
        completion_tokens_details: { image_tokens: 400 },
      },
      { input: 300, inputImage: 258, output: 500, outputImage: 400 },
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
    for (const images of [6, 11, -1, '5']) {
      const details = { image_tokens: images };
      const reported = { ...base, completion_tokens_details: details };
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
    ['', null],
    [' ', null],
    [null, null],
    [{}, null],
  ])('of %p is %p', (value, text) => {
    expect(reportedUsd(value)).toBe(text);
  });
});

describe('a cost in the words of', () => {
  const tokens = { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 };
  const cost = (more: object): string | undefined =>
    readOpenAiUsage({ ...tokens, ...more })?.reportedCostUsd;

  it.each<[string, object, string | undefined]>([
    ['OpenRouter', { cost: 0.5, is_byok: false }, '0.500000000'],
    [
      "OpenRouter, with the provider's beside it",
      { cost: 0.5, is_byok: false, cost_details: { upstream_inference_cost: 0.5 } },
      '0.500000000',
    ],
    [
      "OpenRouter, with the user's own key",
      { cost: 0.01, is_byok: true, cost_details: { upstream_inference_cost: 0.2 } },
      '0.210000000',
    ],
    [
      "OpenRouter, with the user's own key and half the truth",
      { cost: 0, is_byok: true },
      undefined,
    ],
    ['xAI', { cost_in_usd_ticks: 37_756_000 }, '0.003775600'],
    ['xAI, rounded up', { cost_in_usd_ticks: 1 }, '0.000000001'],
    ['xAI, free', { cost_in_usd_ticks: 0 }, '0.000000000'],
    ['xAI, absurd', { cost_in_usd_ticks: 9e15 }, undefined],
    ['xAI, negative', { cost_in_usd_ticks: -1 }, undefined],
    ['xAI, not whole', { cost_in_usd_ticks: 0.5 }, undefined],
    ['Perplexity', { cost: { total_cost: 0.006, request_cost: 0.005 } }, '0.006000000'],
    ['nobody', { cost: { currency: 'EUR' } }, undefined],
  ])('%s', (_name, more, expected) => {
    expect(cost(more)).toBe(expected);
  });
});

describe('usage of the Responses API', () => {
  it('is that of the last event alone, with the calls of its tools', () => {
    const response = {
      usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
      output: [
        { type: 'web_search_call', action: { type: 'search' } },
        { type: 'web_search_call', status: 'failed' },
        { type: 'web_search_call', action: { type: 'find_in_page' } },
        { type: 'message' },
        'nonsense',
      ],
    };
    const expected = usage({ input: 10, output: 5, webSearches: 2 });
    expect(usageOfResponse(response)).toEqual(expected);
    for (const type of ['response.completed', 'response.incomplete', 'response.failed']) {
      expect(usageOfResponseEvent({ type, response })).toEqual(expected);
    }
    expect(usageOfResponseEvent({ type: 'response.created', response })).toBeNull();
    expect(usageOfResponseEvent({ type: 'response.completed' })).toBeNull();
    expect(usageOfResponse({ usage: null })).toBeNull();
  });

  it('believes a provider that counts the calls itself', () => {
    const response = {
      usage: {
        input_tokens: 10,
        output_tokens: 5,
        server_side_tool_usage_details: { web_search_calls: 4, file_search_calls: 1 },
      },
      output: [{ type: 'web_search_call', action: { type: 'search' } }],
    };
    expect(usageOfResponse(response)).toMatchObject({ webSearches: 4, fileSearches: 1 });
  });
});

describe('usage in native words', () => {
  it.each<[string, JsonObject, Partial<TokenUsage> | null]>([
    ['Gemini without an answer yet', { usageMetadata: { promptTokenCount: 7 } }, { input: 7 }],
    [
      'Gemini with parts that can not be',
      {
        usageMetadata: {
          promptTokenCount: 7,
          cachedContentTokenCount: 8,
          candidatesTokenCount: 2,
          promptTokensDetails: [{ modality: 'AUDIO', tokenCount: 9 }, 3, { modality: 'IMAGE' }],
        },
      },
      { input: 7, inputImage: 0, output: 2 },
    ],
    ['Gemini with nonsense', { usageMetadata: { promptTokenCount: -7 } }, null],
    ['Ollama with a cached prompt', { eval_count: 3 }, { output: 3 }],
    ['Ollama with nonsense', { eval_count: 3, prompt_eval_count: 'x' }, null],
    [
      'llama.cpp without a cache',
      { timings: { prompt_n: 4, predicted_n: 2 } },
      { input: 4, output: 2 },
    ],
    ['llama.cpp with nonsense', { timings: { prompt_n: 4 } }, null],
    ['nothing', {}, null],
  ])('of %s', (_name, document, expected) => {
    expect(nativeUsageOf(document)).toEqual(expected && usage(expected));
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

  it('knows cache writes from their parts, or from their sum', () => {
    const base = { input_tokens: 1, output_tokens: 1 };
    const parts = { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 20 };
    expect(readAnthropicUsage({ ...base, cache_creation: parts })).toEqual(
      usage({ input: 51, cacheWrite: 30, cacheWrite1h: 20, output: 1 }),
    );
    expect(readAnthropicUsage({ ...base, cache_creation_input_tokens: 50 })).toEqual(
      usage({ input: 51, cacheWrite: 50, output: 1 }),
    );
    const odd = { ...base, cache_creation_input_tokens: 10, cache_creation: parts };
    expect(readAnthropicUsage(odd)).toEqual(usage({ input: 11, cacheWrite: 10, output: 1 }));
  });

  it('adds what was sampled beside the total, and nothing that is in it', () => {
    const tokens = { input_tokens: 100, output_tokens: 10 };
    const iterations = [
      { type: 'message', ...tokens },
      { type: 'compaction', ...tokens, cache_read_input_tokens: 5 },
      { type: 'advisor_message', model: 'claude-opus-5', ...tokens },
      { type: 'fallback_message', model: 'claude-opus-5', ...tokens },
      { type: 'compaction', input_tokens: null },
      'nonsense',
    ];
    expect(readAnthropicUsage({ ...tokens, iterations })).toEqual(
      usage({ input: 305, cachedInput: 5, output: 30 }),
    );
  });

  it('keeps a figure that a later event leaves out, sets to null or to nothing', () => {
    const start = { input_tokens: 9, cache_read_input_tokens: null, output_tokens: 1 };
    const later = {
      input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: null,
      output_tokens: 12,
    };
    expect(mergeAnthropicUsage(start, later)).toEqual({
      input_tokens: 9,
      cache_read_input_tokens: 0,
      output_tokens: 12,
    });
  });

  it('is told to clients of the OpenAI API with its reasoning', () => {
    expect(toOpenAiUsage(usage({ input: 9, output: 7, reasoning: 4 }))).toMatchObject({
      completion_tokens_details: { reasoning_tokens: 4 },
    });
    expect(toOpenAiUsage(usage({ input: 9, output: 7 }))).not.toHaveProperty(
      'completion_tokens_details',
    );
  });
});
