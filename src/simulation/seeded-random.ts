/** Chance that can be repeated: the same seed gives the same numbers on every machine. */

/** At least 0, less than 1. */
export type Random = () => number;

/** A small generator with 32 bits of state (mulberry32); good enough for traffic, not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A normal deviate with mean 0 and deviation 1 (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A whole number around `median`: most near it, a few many times as large, as lengths of prompts and answers are. */
export function logNormal(random: Random, median: number, deviation: number): number {
  return Math.round(median * Math.exp(deviation * normal(random)));
}
