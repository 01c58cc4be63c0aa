import { describe, expect, it } from '@jest/globals';
import { createActor, initialTransition } from 'xstate';
import type { EmittedFrom, EventFromLogic, EventObject, InputFrom, SnapshotFrom } from 'xstate';
import { createTestModel, getShortestPaths } from 'xstate/graph';
import {
  boundaryOf,
  budgetReconcilerMachine,
  softLimitOf,
} from '../../machines/budget-reconciler.machine.ts';
import { ChartCoverage } from '../support/chart-coverage.ts';

type BudgetEvent = EventFromLogic<typeof budgetReconcilerMachine>;
type Emitted = EmittedFrom<typeof budgetReconcilerMachine>;

const START: InputFrom<typeof budgetReconcilerMachine> = {
  month: '2026-11',
  settledNano: 0,
  suspenseNano: 0,
  limitNano: 100,
  softLimitPercent: 75,
  action: 'warn',
  reconciledAtMs: null,
};

const LIMITS = { limitNano: 100, softLimitPercent: 75, action: 'warn' } as const;

function totals(settledNano: number, suspenseNano = 0, month = '2026-11'): BudgetEvent {
  return { type: 'totals.changed', month, settledNano, suspenseNano };
}

function started(input: Partial<typeof START> = {}, coverage?: ChartCoverage) {
  const actor = createActor(budgetReconcilerMachine, {
    input: { ...START, ...input },
    ...(coverage && { inspect: coverage.inspect }),
  });
  const emitted: Emitted[] = [];
  actor.on('*', (event) => emitted.push(event));
  return { actor: actor.start(), emitted };
}

describe('the soft limit in nano-dollars', () => {
  it.each([
    [100, 75, 75],
    [100_000_000_000, 75, 75_000_000_000],
    [100, 82.5, 83],
    [1000, 82.5, 825],
    [3, 33.333_333_333_333_336, 2],
    [7, 1e-7, 1],
    [9_000_000_000_000_000, 99.999_999_999_999_9, 8_999_999_999_999_991],
    [9_000_000_000_000_000, 100, 9_000_000_000_000_000],
    [1, 0.1, 1],
  ])('of %d at %d %% is %d', (limit, percent, expected) => {
    expect(softLimitOf(limit, percent)).toBe(expected);
  });

  it('is the smallest amount whose share reaches the percentage', () => {
    for (let limit = 1; limit < 400; limit += 7) {
      for (let tenths = 1; tenths <= 1000; tenths += 13) {
        const soft = softLimitOf(limit, tenths / 10);
        expect(soft * 1000).toBeGreaterThanOrEqual(limit * tenths);
        expect((soft - 1) * 1000).toBeLessThan(limit * tenths);
      }
    }
  });
});

describe('the level', () => {
  it.each([
    [0, 'normal'],
    [74, 'normal'],
    [75, 'softLimit'],
    [76, 'softLimit'],
    [99, 'softLimit'],
    [100, 'hardLimit'],
    [101, 'hardLimit'],
  ] as const)(
    'at a spending of %d of 100 is %s, at the start and after an event',
    (spent, level) => {
      expect(started({ settledNano: spent }).actor.getSnapshot().value).toBe(level);
      const { actor } = started();
      actor.send(totals(spent));
      expect(actor.getSnapshot().value).toBe(level);
    },
  );

  it('counts suspense as spending', () => {
    const { actor } = started();
    actor.send(totals(60, 15));
    expect(actor.getSnapshot().value).toBe('softLimit');
    actor.send(totals(60, 40));
    expect(actor.getSnapshot().value).toBe('hardLimit');
  });

  it('goes straight to the hard limit when the soft one is at 100 percent', () => {
    const { actor, emitted } = started({ softLimitPercent: 100 });
    actor.send(totals(99));
    expect(actor.getSnapshot().value).toBe('normal');
    actor.send(totals(100));
    expect(actor.getSnapshot().value).toBe('hardLimit');
    actor.send(totals(99));
    expect(actor.getSnapshot().value).toBe('normal');
    expect(emitted.map(({ type }) => type)).toEqual(['soft limit reached', 'hard limit reached']);
  });

  it('follows a changed limit in both directions', () => {
    const { actor, emitted } = started({ settledNano: 80 });
    actor.send({ type: 'budget.changed', ...LIMITS, limitNano: 80 });
    expect(actor.getSnapshot().value).toBe('hardLimit');
    actor.send({ type: 'budget.changed', ...LIMITS, limitNano: 1000 });
    expect(actor.getSnapshot().value).toBe('normal');
    actor.send({ type: 'budget.changed', ...LIMITS, limitNano: 1000, softLimitPercent: 8 });
    expect(actor.getSnapshot().value).toBe('softLimit');
    expect(emitted.map(({ type }) => type)).toEqual([
      'limit changed',
      'hard limit reached',
      'limit changed',
      'soft limit reached',
    ]);
    expect(emitted[2]).toEqual({ type: 'limit changed', fromNano: 80, toNano: 1000 });
  });

  it('is normal again in a new month', () => {
    const { actor } = started({ settledNano: 120 });
    actor.send({ type: 'month.turned', month: '2026-12', settledNano: 0, suspenseNano: 0 });
    expect(actor.getSnapshot().value).toBe('normal');
    expect(actor.getSnapshot().context.month).toBe('2026-12');
  });

  it('ignores totals and reconciliations of another month', () => {
    const { actor } = started();
    actor.send(totals(500, 0, '2026-10'));
    actor.send({ ...totals(500, 0, '2026-10'), type: 'reconciled', atMs: 5 } as BudgetEvent);
    expect(actor.getSnapshot().value).toBe('normal');
    expect(actor.getSnapshot().context.reconciledAtMs).toBeNull();
  });

  it('heals by a reconciliation', () => {
    const { actor } = started();
    actor.send({ type: 'reconciled', month: '2026-11', settledNano: 90, suspenseNano: 0, atMs: 7 });
    expect(actor.getSnapshot().value).toBe('softLimit');
    expect(actor.getSnapshot().context.reconciledAtMs).toBe(7);
  });
});

describe('nothing fits', () => {
  it.each([10, 80])('is the hard limit at a spending of %d', (spent) => {
    const { actor, emitted } = started({ settledNano: spent });
    actor.send({ type: 'nothing fits' });
    actor.send({ type: 'nothing fits' });
    expect(actor.getSnapshot().value).toBe('hardLimit');
    expect(emitted.map(({ type }) => type)).toEqual(['hard limit reached']);
  });

  it.each([
    [
      'the month turns',
      { type: 'month.turned', month: '2026-12', settledNano: 0, suspenseNano: 0 },
    ],
    ['the limit rises', { type: 'budget.changed', ...LIMITS, limitNano: 101 }],
    ['spending falls', totals(79)],
    ['other prices come into force', { type: 'prices.changed' }],
  ] as const)('is forgotten when %s', (_, event) => {
    const { actor } = started({ settledNano: 80 });
    actor.send({ type: 'nothing fits' });
    actor.send(event);
    expect(actor.getSnapshot().value).not.toBe('hardLimit');
  });

  it.each([
    ['spending rises', totals(85)],
    ['the limit falls', { type: 'budget.changed', ...LIMITS, limitNano: 95 }],
    ['another percentage is set', { type: 'budget.changed', ...LIMITS, softLimitPercent: 90 }],
  ] as const)('is remembered when %s', (_, event) => {
    const { actor } = started({ settledNano: 80 });
    actor.send({ type: 'nothing fits' });
    actor.send(event);
    expect(actor.getSnapshot().value).toBe('hardLimit');
  });
});

describe('announcements', () => {
  it('are made once per crossing, and by no restart above a limit', () => {
    const { actor, emitted } = started({ settledNano: 80 });
    expect(emitted).toEqual([]);
    actor.send(totals(90));
    actor.send(totals(100));
    actor.send(totals(150));
    expect(emitted).toEqual([
      {
        type: 'hard limit reached',
        spendingNano: 100,
        limitNano: 100,
        month: '2026-11',
        action: 'warn',
      },
    ]);
    actor.send(totals(10));
    actor.send(totals(75));
    actor.send(totals(76));
    expect(emitted.slice(1)).toEqual([
      { type: 'soft limit reached', spendingNano: 75, limitNano: 100, month: '2026-11' },
    ]);
  });

  it('tell of both limits when one event jumps over both', () => {
    const { actor, emitted } = started();
    actor.send(totals(100));
    expect(emitted.map(({ type }) => type)).toEqual(['soft limit reached', 'hard limit reached']);
  });
});

it('changes nothing on an event that it does not know', () => {
  const { actor } = started({ settledNano: 80 });
  const before = actor.getSnapshot();
  actor.send({ type: 'spend.settled', amount: 5 } as unknown as BudgetEvent);
  expect(actor.getSnapshot()).toBe(before);
});

it('starts as a pure function, with a context that survives JSON', () => {
  const [snapshot] = initialTransition(budgetReconcilerMachine, { ...START, settledNano: 75 });
  expect(snapshot.value).toBe('softLimit');
  expect(structuredClone(JSON.parse(JSON.stringify(snapshot.context)))).toEqual(snapshot.context);
});

describe('every path of the chart', () => {
  const events: readonly BudgetEvent[] = [
    ...[0, 74, 75, 99, 100, 120].map((spent) => totals(spent)),
    totals(100, 0, '2026-10'),
    { type: 'reconciled', month: '2026-11', settledNano: 80, suspenseNano: 0, atMs: 1 },
    { type: 'reconciled', month: '2026-10', settledNano: 80, suspenseNano: 0, atMs: 1 },
    { type: 'month.turned', month: '2026-11', settledNano: 0, suspenseNano: 0 },
    { type: 'budget.changed', ...LIMITS },
    { type: 'budget.changed', ...LIMITS, softLimitPercent: 74 },
    { type: 'budget.changed', ...LIMITS, limitNano: 75 },
    { type: 'budget.changed', ...LIMITS, limitNano: 200 },
    { type: 'nothing fits' },
    { type: 'prices.changed' },
  ];
  const starts = [0, 80, 100].map((settledNano) => ({ ...START, settledNano }));

  /** One path for each situation that can be told apart: level, limits, and what is remembered. */
  const options = (input: typeof START) => ({
    input,
    events,
    limit: 100_000,
    serializeState: ({ value, context }: SnapshotFrom<typeof budgetReconcilerMachine>) => {
      const { settledNano, limitNano, softLimitNano, nothingFitsAtNano } = context;
      return [value, settledNano, limitNano, softLimitNano, nothingFitsAtNano].join(' ');
    },
  });

  it('leads where the plain arithmetic of the contract leads, and nowhere else', async () => {
    const model = createTestModel(budgetReconcilerMachine);
    for (const input of starts) {
      for (const path of model.getShortestPaths(options(input))) {
        const oracle = new Oracle(input.settledNano);
        const hear = ({ event }: { readonly event: EventObject }): void =>
          oracle.hear(event as BudgetEvent);
        await path.test({
          events: {
            'totals.changed': hear,
            'month.turned': hear,
            'budget.changed': hear,
            reconciled: hear,
            'nothing fits': hear,
            'prices.changed': hear,
          },
          states: {
            normal: () => expect(oracle.level()).toBe('normal'),
            softLimit: () => expect(oracle.level()).toBe('softLimit'),
            hardLimit: () => expect(oracle.level()).toBe('hardLimit'),
          },
        });
      }
    }
  });

  it('goes through every state and every transition, always within the boundary of its state', () => {
    const coverage = new ChartCoverage(budgetReconcilerMachine);
    let situations = 0;
    for (const input of starts) {
      for (const { steps } of getShortestPaths(budgetReconcilerMachine, options(input))) {
        situations += 1;
        for (const event of events) {
          const { actor } = started(input, coverage);
          const oracle = new Oracle(input.settledNano);
          for (const heard of [...steps.slice(1).map((step) => step.event), event]) {
            actor.send(heard);
            oracle.hear(heard);
          }
          const { fromNano, belowNano } = boundaryOf(actor.getSnapshot());
          expect(actor.getSnapshot().value).toBe(oracle.level());
          expect(oracle.spending).toBeGreaterThanOrEqual(fromNano);
          expect(oracle.spending).toBeLessThan(belowNano);
        }
      }
    }
    expect(situations).toBeGreaterThan(100);
    expect(coverage.missing()).toEqual([]);
  });
});

/** The contract's rule said a second time, without a chart. */
class Oracle {
  spending: number;
  #limit = 100;
  #percent = 75;
  #stuckAt: number | null = null;

  constructor(spending: number) {
    this.spending = spending;
  }

  hear(event: BudgetEvent): void {
    switch (event.type) {
      case 'budget.changed':
        if (event.limitNano > this.#limit) this.#stuckAt = null;
        this.#limit = event.limitNano;
        this.#percent = event.softLimitPercent;
        break;
      case 'nothing fits':
        this.#stuckAt = this.spending;
        break;
      case 'prices.changed':
        this.#stuckAt = null;
        break;
      case 'month.turned':
        this.#stuckAt = null;
        this.spending = event.settledNano;
        break;
      case 'totals.changed':
      case 'reconciled':
        if (event.month !== '2026-11') return;
        this.spending = event.settledNano + event.suspenseNano;
        if (this.#stuckAt !== null && this.spending < this.#stuckAt) this.#stuckAt = null;
        break;
    }
  }

  level(): string {
    if (this.spending >= this.#limit || this.#stuckAt !== null) return 'hardLimit';
    return this.spending * 100 >= this.#limit * this.#percent ? 'softLimit' : 'normal';
  }
}
