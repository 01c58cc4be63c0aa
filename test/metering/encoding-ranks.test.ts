import { describe, expect, it } from '@jest/globals';
import cl100k from 'gpt-tokenizer/bpeRanks/cl100k_base';
import o200k from 'gpt-tokenizer/bpeRanks/o200k_base';
import { readRanks } from '../../src/metering/encoding-ranks.ts';

describe('the tokens read from the data file', () => {
  it.each([
    ['cl100k_base', cl100k, 100_256],
    ['o200k_base', o200k, 199_998],
  ] as const)('of %s are those that the tokenizer packs itself', async (name, packed, tokens) => {
    const ranks = await readRanks(name);
    expect(ranks).toHaveLength(tokens);
    expect(JSON.stringify(ranks)).toBe(JSON.stringify(packed));
  });

  it('leave turns of the event loop to others', async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      turning = setImmediate(count);
    };
    let turning = setImmediate(count);
    await readRanks('o200k_base');
    clearImmediate(turning);
    expect(turns).toBeGreaterThan(20);
  });
});
