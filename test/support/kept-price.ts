import type { Price } from '../../src/core/prices.ts';

/** A price with another rate for every kind of token, so that no two of them can be taken for each other. */
export function priceOf(more: Partial<Price> = {}): Price {
  return {
    model: 'gpt-4o-mini',
    source: 'list',
    version: 'list 2026-11-01',
    tiers: [
      {
        aboveInputTokens: 0,
        input: 150_001,
        cachedInput: 75_003,
        cacheWrite: 187_507,
        cacheWrite1h: 300_011,
        inputAudio: 700_013,
        output: 600_017,
        reasoning: 600_019,
        outputAudio: 2_400_023,
      },
    ],
    perRequest: 0,
    maxOutputTokens: 16_384,
    maxOutputKnown: true,
    ...more,
  };
}
