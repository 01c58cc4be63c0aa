import { jest } from '@jest/globals';

/**
 * Whole random numbers that can be had again: the seed is the one that Jest prints at the end of a run and takes with
 * `--seed`.
 */
export function seededRandom(): {
  readonly seed: number;
  readonly below: (limit: number) => number;
} {
  const seed = jest.getSeed();
  let state = seed >>> 0;
  // mulberry32: small, and good enough for walks through a chart.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { seed, below: (limit) => Math.floor(next() * limit) };
}
