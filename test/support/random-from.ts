/** Small, fast and the same everywhere: a walk is named by its seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: a new one each time, or the one in NEXUS_TEST_SEED. A randomised test prints it when it fails. */
export function testSeed(): number {
  return Number(process.env['NEXUS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
}
