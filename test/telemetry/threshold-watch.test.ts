import { describe, expect, it } from '@jest/globals';
import { ThresholdWatch } from '../../src/telemetry/threshold-watch.ts';
import { someTotals } from '../support/facts.ts';
import { randomFrom, testSeed } from '../support/random-from.ts';

const LIMIT = 10_000_000_000;

function spent(usd: number, month = '2026-11'): ReturnType<typeof someTotals> {
  return someTotals({ month, settled: Math.round(usd * 1e9) });
}

describe('a threshold', () => {
  it('is said at the very nano-dollar, and once', () => {
    const watch = new ThresholdWatch([50, 80], LIMIT, spent(0));

    expect(watch.totalsChanged(someTotals({ settled: LIMIT / 2 - 1 }))).toEqual([]);
    expect(watch.totalsChanged(someTotals({ settled: LIMIT / 2 - 1, suspense: 1 }))).toEqual([50]);
    expect(watch.totalsChanged(spent(6))).toEqual([]);
    expect(watch.totalsChanged(spent(4))).toEqual([]);
    expect(watch.totalsChanged(spent(6))).toEqual([]);
    expect(watch.totalsChanged(spent(8))).toEqual([80]);
  });

  it('comes with the others that the same charge reaches, in order', () => {
    const watch = new ThresholdWatch([120, 50, 100, 80], LIMIT, spent(0));

    expect(watch.totalsChanged(spent(10.5))).toEqual([50, 80, 100]);
    expect(watch.totalsChanged(spent(12))).toEqual([120]);
  });

  it('that is passed at the start is not said', () => {
    const watch = new ThresholdWatch([50, 80], LIMIT, spent(5));

    expect(watch.totalsChanged(spent(7))).toEqual([]);
    expect(watch.totalsChanged(spent(9))).toEqual([80]);
  });

  it('may be said again in the next month', () => {
    const watch = new ThresholdWatch([50], LIMIT, spent(7));

    expect(watch.totalsChanged(spent(0, '2026-12'))).toEqual([]);
    expect(watch.totalsChanged(spent(5, '2026-12'))).toEqual([50]);
    expect(watch.totalsChanged(spent(6, '2026-12'))).toEqual([]);
  });

  it('moves with the limit, and stays said', () => {
    const watch = new ThresholdWatch([50, 80], LIMIT, spent(0));

    expect(watch.totalsChanged(spent(6))).toEqual([50]);
    expect(watch.limitChanged(2 * LIMIT)).toEqual([]);
    expect(watch.totalsChanged(spent(10))).toEqual([]);
    expect(watch.limitChanged(LIMIT)).toEqual([80]);
    expect(watch.totalsChanged(spent(11))).toEqual([]);
  });

  it('can be a fraction of a percent, of any limit', () => {
    const limit = 9_000_000_000_000_000;
    const watch = new ThresholdWatch([33.3333], limit, someTotals());

    expect(watch.totalsChanged(someTotals({ settled: 2_999_997_000_000_000 - 1 }))).toEqual([]);
    expect(watch.totalsChanged(someTotals({ settled: 2_999_997_000_000_000 }))).toEqual([33.3333]);
  });

  it('is said for any walk of the spending exactly when it is passed for the first time in a month', () => {
    const seed = testSeed();
    const random = randomFrom(seed);
    const percents = [10, 25.5, 50, 99, 100, 130];
    const watch = new ThresholdWatch(percents, LIMIT, spent(0));
    let told = new Set<number>();
    let month = 1;
    for (let step = 0; step < 2000; step += 1) {
      const isTurn = random() < 0.01;
      if (isTurn) {
        month += 1;
        told = new Set();
      }
      const settled = isTurn ? 0 : Math.floor(random() * 1.4 * LIMIT);
      const said = watch.totalsChanged(someTotals({ month: `m${month}`, settled }));
      const expected = percents.filter((percent) => {
        return (
          !told.has(percent) && BigInt(settled) * 1000n >= BigInt(LIMIT) * BigInt(percent * 10)
        );
      });
      for (const percent of expected) told.add(percent);
      expect({ seed, step, said }).toEqual({ seed, step, said: expected });
    }
  });
});
