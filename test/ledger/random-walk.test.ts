import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { LedgerWalk } from '../support/ledger-walk.ts';
import { testSeed } from '../support/random-from.ts';

const STEPS = 24_000;

describe('a ledger on a random walk', () => {
  it(`tells the same totals as a plain list of holds, at each of ${STEPS} steps`, () => {
    const seed = testSeed();
    const folder = mkdtempSync(path.join(tmpdir(), 'nexus-walk-'));
    const walk = new LedgerWalk(seed, path.join(folder, 'ledger.db'));
    let step = 0;
    try {
      for (; step < STEPS; step += 1) walk.step();
      walk.finish();
    } catch (cause) {
      throw new Error(`seed ${seed}, step ${step}: set NEXUS_TEST_SEED=${seed} to walk it again`, {
        cause,
      });
    }
    expect(step).toBe(STEPS);
    process.stdout.write(`random walk: seed ${seed}, ${JSON.stringify(walk.counts)}\n`);
    rmSync(folder, { recursive: true });
  }, 120_000);
});
