import { describe, expect, it } from '@jest/globals';
import { createActor } from 'xstate';
import type { EmittedFrom, InputFrom } from 'xstate';
import { boundaryOf, budgetReconcilerMachine } from '../../machines/budget-reconciler.machine.ts';
import { SpendGate } from '../../src/control/spend-gate.ts';
import { VirtualClock } from '../../src/control/virtual-clock.ts';
import type { MonthTotals } from '../../src/core/ledger.ts';
import { seededRandom } from '../support/seeded-random.ts';

const START: InputFrom<typeof budgetReconcilerMachine> = {
  month: 'm0',
  settledNano: 0,
  suspenseNano: 0,
  limitNano: 1000,
  softLimitPercent: 75,
  action: 'block_all',
  reconciledAtMs: null,
};

function totals(settled: number, suspense = 0, month = 'm0'): MonthTotals {
  return { month, settled, suspense, held: 0, excess: 0, openHolds: 0 };
}

function createChart() {
  const actor = createActor(budgetReconcilerMachine, { input: START });
  const crossings: EmittedFrom<typeof budgetReconcilerMachine>[] = [];
  actor.on('*', (event) => crossings.push(event));
  let heard = 0;
  const pass = ({ month, settled, suspense }: MonthTotals): void => {
    heard += 1;
    actor.send({ type: 'totals.changed', month, settledNano: settled, suspenseNano: suspense });
  };
  return { actor: actor.start(), crossings, pass, heard: () => heard };
}

function createGatedChart() {
  const clock = new VirtualClock(0);
  const chart = createChart();
  const gate = new SpendGate(clock, chart.pass);
  const adopt = (snapshot: ReturnType<typeof chart.actor.getSnapshot>): void =>
    gate.adopt({ month: snapshot.context.month, ...boundaryOf(snapshot) });
  chart.actor.subscribe(adopt);
  adopt(chart.actor.getSnapshot());
  return { ...chart, clock, gate };
}

describe('the spend gate', () => {
  it.each([
    [749, 'normal', 0],
    [750, 'softLimit', 1],
    [751, 'softLimit', 1],
    [999, 'softLimit', 1],
    [1000, 'hardLimit', 1],
    [1001, 'hardLimit', 1],
  ])('at %d of 1000 the chart is %s after hearing %d events', (spent, level, events) => {
    const { actor, gate, heard } = createGatedChart();
    gate.totalsChanged(totals(spent));
    expect(actor.getSnapshot().value).toBe(level);
    expect(heard()).toBe(events);
  });

  it('passes on only what changes the level, at the total at which it does', () => {
    const { gate, crossings, heard } = createGatedChart();
    for (let spent = 1; spent <= 1100; spent += 1) gate.totalsChanged(totals(spent));
    expect(heard()).toBe(2);
    expect(crossings.map((event) => 'spendingNano' in event && event.spendingNano)).toEqual([
      750, 1000,
    ]);
  });

  it('passes on a fall below the level at once', () => {
    const { actor, gate } = createGatedChart();
    gate.totalsChanged(totals(900, 150));
    expect(actor.getSnapshot().value).toBe('hardLimit');
    gate.totalsChanged(totals(900, 99));
    expect(actor.getSnapshot().value).toBe('softLimit');
    gate.totalsChanged(totals(749, 0));
    expect(actor.getSnapshot().value).toBe('normal');
  });

  it('passes the latest totals on after a tenth of a second', () => {
    const { actor, clock, gate, heard } = createGatedChart();
    gate.totalsChanged(totals(1));
    clock.advance(60);
    gate.totalsChanged(totals(2));
    clock.advance(39);
    expect(heard()).toBe(0);
    clock.advance(1);
    expect(heard()).toBe(1);
    expect(actor.getSnapshot().context.settledNano).toBe(2);
    clock.advance(10_000);
    expect(heard()).toBe(1);
  });

  it('holds totals of another month for nobody', () => {
    const { actor, gate } = createGatedChart();
    gate.totalsChanged(totals(10));
    gate.totalsChanged(totals(5000, 0, 'm9'));
    gate.flush();
    expect(actor.getSnapshot().context.settledNano).toBe(10);
  });

  it('holds nothing while there is no chart', () => {
    const { clock, gate, heard } = createGatedChart();
    gate.adopt(null);
    gate.totalsChanged(totals(5000));
    gate.flush();
    clock.advance(1000);
    expect(heard()).toBe(0);
  });
});

describe('the gate is the chart', () => {
  /** Steps of a random walk around the thresholds, with the jumps and events that a real month has. */
  const STEPS = 120_000;

  it('at every one of 120,000 random totals, month turns, limit changes and refusals', () => {
    const { seed, below } = seededRandom();
    const gated = createGatedChart();
    const direct = createChart();
    let month = 0;
    let settled = 0;
    let suspense = 0;
    let limit = START.limitNano;
    let crossings = 0;
    let level: string = direct.actor.getSnapshot().value;

    const tellBoth = (event: Parameters<typeof direct.actor.send>[0]): void => {
      gated.gate.flush();
      gated.actor.send(event);
      direct.actor.send(event);
    };
    for (let step = 0; step < STEPS; step += 1) {
      const dice = below(1000);
      if (dice < 1) {
        month += 1;
        [settled, suspense] = [below(3) === 0 ? below(limit) : 0, 0];
        tellBoth({
          type: 'month.turned',
          month: `m${month}`,
          settledNano: settled,
          suspenseNano: suspense,
        });
      } else if (dice < 4) {
        limit = 500 + below(1500);
        tellBoth({
          type: 'budget.changed',
          limitNano: limit,
          softLimitPercent: (1 + below(1000)) / 10,
          action: 'block_all',
        });
      } else if (dice < 7) {
        tellBoth({ type: dice === 6 ? 'prices.changed' : 'nothing fits' });
      } else if (dice < 9) {
        tellBoth({
          type: 'reconciled',
          month: `m${month}`,
          settledNano: settled,
          suspenseNano: suspense,
          atMs: step,
        });
      } else if (dice < 12) {
        gated.clock.advance(below(300));
      } else {
        // Now and then a total of a month that is over, which must disturb neither.
        const isStale = dice < 15;
        if (!isStale) {
          settled += below(8);
          suspense = Math.max(0, suspense + below(12) - 6);
          if (dice < 40) settled = Math.max(0, settled - below(200));
        }
        const next = totals(settled + (isStale ? 700 : 0), suspense, `m${isStale ? -1 : month}`);
        gated.gate.totalsChanged(next);
        direct.pass(next);
      }
      const expected = direct.actor.getSnapshot().value;
      if (gated.actor.getSnapshot().value !== expected) {
        throw new Error(
          `seed ${seed}: at step ${step} the gate made it ${gated.actor.getSnapshot().value}, not ${expected}`,
        );
      }
      if (expected !== level) crossings += 1;
      level = expected;
    }
    // The announcements are the same too, to the nano-dollar.
    expect({ seed, crossings: gated.crossings }).toEqual({ seed, crossings: direct.crossings });
    expect(crossings).toBeGreaterThan(100);
    expect(gated.heard()).toBeLessThan(direct.heard() / 10);
  });
});
