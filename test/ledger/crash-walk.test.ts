import { describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../../src/ledger/memory-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { HandClock } from '../support/hand-clock.ts';
import { expectCovered, LIMIT, live, type Sent } from '../support/ledger-lives.ts';
import { randomFrom, testSeed } from '../support/random-from.ts';
import { testLedger } from '../support/test-ledger.ts';

const LIVES = 1500;

describe('a crash at any moment, of a ledger whose store fails at any moment', () => {
  it(`never forgets money that was sent, nor counts more than was held (${LIVES} lives)`, async () => {
    const seed = testSeed();
    const random = randomFrom(seed);
    let all: Sent[] = [];
    let store = new FaultyStore(new MemoryStore());
    try {
      for (let life = 0; life < LIVES; life += 1) {
        if (life % 20 === 0) {
          store = new FaultyStore(new MemoryStore());
          all = [];
        }
        all.push(...(await live(store, random, life * 1000)));
        store.fault = 'none';
        const { ledger, expectExact } = testLedger(store, new HandClock(), 1e9);
        expectCovered(store, all);
        expectExact();
        const { settled, suspense, held } = ledger.totals();
        expect(held).toBe(0);
        expect(settled + suspense).toBeLessThanOrEqual(LIMIT);
      }
    } catch (cause) {
      throw new Error(`set NEXUS_TEST_SEED=${seed} to see it again`, { cause });
    }
  }, 60_000);
});
