import { describe, expect, it } from '@jest/globals';
import { tierOf, tokenizerOf, type BpeTokenizer } from '../../src/metering/tokenizers.ts';

function bpe(model: string): BpeTokenizer {
  const tokenizer = tokenizerOf(model);
  if (tokenizer.tier === 'heuristic') throw new Error(`${model} is counted by the heuristic`);
  return tokenizer;
}

describe('tiers of models', () => {
  it.each([
    ['gpt-3.5-turbo', 'cl100k_base'],
    ['gpt-35-turbo', 'cl100k_base'],
    ['gpt-3.5-turbo-0125', 'cl100k_base'],
    ['gpt-4', 'cl100k_base'],
    ['gpt-4-0613', 'cl100k_base'],
    ['gpt-4-32k', 'cl100k_base'],
    ['gpt-4-turbo', 'cl100k_base'],
    ['gpt-4-turbo-2024-04-09', 'cl100k_base'],
    ['GPT-4-Turbo', 'cl100k_base'],
    ['ft:gpt-3.5-turbo-0125:org::id', 'cl100k_base'],
    ['text-embedding-3-small', 'cl100k_base'],
    ['text-embedding-ada-002', 'cl100k_base'],
    ['gpt-4o', 'o200k_base'],
    ['gpt-4o-mini-2024-07-18', 'o200k_base'],
    ['openai/gpt-4o', 'o200k_base'],
    ['ft:gpt-4o-mini-2024-07-18:org::id', 'o200k_base'],
    ['chatgpt-4o-latest', 'o200k_base'],
    ['gpt-4.1-nano', 'o200k_base'],
    ['gpt-4.5-preview', 'o200k_base'],
    ['gpt-5', 'o200k_base'],
    ['gpt-5.6-sol', 'o200k_base'],
    ['gpt-6-astra', 'o200k_base'],
    ['gpt-10', 'o200k_base'],
    ['o1', 'o200k_base'],
    ['o1-pro', 'o200k_base'],
    ['o3-mini', 'o200k_base'],
    ['o4-mini-2025-04-16', 'o200k_base'],
  ])('%s is counted exactly with %s', (model, encoding) => {
    expect(bpe(model)).toMatchObject({ tier: 'exact', encoding, percent: 100, boundPercent: 100 });
  });

  it.each([
    'claude-3-opus-20240229',
    'anthropic/claude-sonnet-4.5',
    'us.anthropic.claude-opus-4-1-20250805-v1:0',
    'gemini-2.5-pro',
    'models/gemini-2.0-flash',
    'llama3.2:3b',
    'meta-llama/Llama-3.1-8B-Instruct',
    'codellama:13b',
    'mistral-large-latest',
    'mixtral:8x7b',
    'Qwen/Qwen2.5-7B-Instruct',
    'gemma2:9b',
    'phi3:mini',
    'phi4',
    'deepseek-r1-distill-llama-70b',
    'command-r-plus',
    'gpt-oss:20b',
    'yi:34b',
    'starcoder2:15b',
    'nomic-embed-text',
    'grok-4',
  ])('%s is an approximation that is never below its encoding', (model) => {
    const { tier, percent, boundPercent } = bpe(model);
    expect(tier).toBe('approximation');
    expect(percent).toBeGreaterThanOrEqual(100);
    expect(boundPercent).toBeGreaterThan(percent);
  });

  it.each(['unknown-model-v1', 'unknown-model', '', 'gpt', 'o', 'olympus', 'my-gpt-4o', '🦊'])(
    '"%s" is counted by the heuristic',
    (model) => {
      expect(tierOf(model)).toBe('heuristic');
    },
  );

  it('counts Claude with cl100k_base', () => {
    expect(bpe('claude-3-opus-20240229').encoding).toBe('cl100k_base');
  });

  it.each([
    ['claude-3-5-sonnet-20241022', 115],
    ['claude-2.1', 115],
    ['claude-opus-4-20250514', 115],
    ['claude-opus-4-6', 115],
    ['claude-opus-4-7', 150],
    ['claude-opus-4.8', 150],
    ['claude-sonnet-5', 150],
    ['claude-fable-5-1', 150],
    ['claude-latest', 150],
  ])('%s has the factor of its tokenizer generation, %i percent', (model, percent) => {
    expect(bpe(model).percent).toBe(percent);
  });

  it('remembers no more names than it has room for', () => {
    for (let at = 0; at < 2000; at += 1) expect(tierOf(`stranger-${at}`)).toBe('heuristic');
    expect(tierOf('gpt-4o')).toBe('exact');
  });
});
