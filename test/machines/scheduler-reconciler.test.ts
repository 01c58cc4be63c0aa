import { describe, expect, it } from '@jest/globals';
import { createActor, initialTransition } from 'xstate';
import type { EventFromLogic, InputFrom } from 'xstate';
import { createTestModel, getShortestPaths } from 'xstate/graph';
import { schedulerReconcilerMachine } from '../../machines/scheduler-reconciler.machine.ts';
import { ChartCoverage } from '../support/chart-coverage.ts';

type SchedulerEvent = EventFromLogic<typeof schedulerReconcilerMachine>;
type SchedulerInput = InputFrom<typeof schedulerReconcilerMachine>;
type Budget = NonNullable<SchedulerInput['budget']>;
type Backend = SchedulerInput['backends'][number];

const BUDGET: Budget = { status: 'Normal', action: 'warn', limitNano: 100, month: '2026-11' };

function backend(name: string, priority: number, changes: Partial<Backend> = {}): Backend {
  return {
    name,
    priority,
    health: 'healthy',
    healthReason: null,
    models: [],
    latencyMs: null,
    lastCheckedAtMs: null,
    ...changes,
  };
}

function started(input: SchedulerInput, coverage?: ChartCoverage) {
  const actor = createActor(schedulerReconcilerMachine, {
    input,
    ...(coverage && { inspect: coverage.inspect }),
  });
  const postures: string[] = [];
  actor.on('policy changed', () => postures.push(actor.getSnapshot().value));
  return { actor: actor.start(), postures };
}

function heard(status: Budget['status'], action: Budget['action']): SchedulerEvent {
  return { type: 'budget status changed', budget: { ...BUDGET, status, action } };
}

const POSTURES = [
  ['Normal', 'warn', 'open'],
  ['Normal', 'block_cloud', 'open'],
  ['Normal', 'block_all', 'open'],
  ['SoftLimit', 'warn', 'preferLocal'],
  ['SoftLimit', 'block_cloud', 'preferLocal'],
  ['SoftLimit', 'block_all', 'preferLocal'],
  ['HardLimit', 'warn', 'preferLocal'],
  ['HardLimit', 'block_cloud', 'localOnly'],
  ['HardLimit', 'block_all', 'closed'],
] as const;

describe('the posture', () => {
  it('is open without a budget', () => {
    expect(started({ budget: null, backends: [] }).actor.getSnapshot().value).toBe('open');
  });

  it.each(POSTURES)(
    'at %s with %s is %s, at the start and after an event',
    (status, action, posture) => {
      const budget = { ...BUDGET, status, action };
      expect(started({ budget, backends: [] }).actor.getSnapshot().value).toBe(posture);
      const { actor, postures } = started({ budget: null, backends: [] });
      actor.send(heard(status, action));
      expect(actor.getSnapshot().value).toBe(posture);
      expect(postures).toEqual([posture]);
    },
  );
});

describe('the table of backends', () => {
  it('is ranked by priority, then by name', () => {
    const { actor } = started({
      budget: null,
      backends: [backend('c', 2), backend('b', 1), backend('a', 2)],
    });
    const names = () => actor.getSnapshot().context.backends.map(({ name }) => name);
    expect(names()).toEqual(['b', 'a', 'c']);
    actor.send({ type: 'backend changed', backend: backend('d', 0) });
    actor.send({ type: 'backend changed', backend: backend('b', 3) });
    expect(names()).toEqual(['d', 'a', 'c', 'b']);
  });
});

describe('the policy', () => {
  it('is announced for news only', () => {
    const { actor, postures } = started({ budget: BUDGET, backends: [backend('a', 1)] });
    actor.send({ type: 'budget status changed', budget: { ...BUDGET } });
    actor.send({ type: 'backend changed', backend: backend('a', 1) });
    expect(postures).toEqual([]);
    actor.send({ type: 'backend changed', backend: backend('a', 1, { latencyMs: 3 }) });
    actor.send({ type: 'budget status changed', budget: { ...BUDGET, month: '2026-12' } });
    expect(postures).toEqual(['open', 'open']);
  });
});

it('changes nothing on an event that it does not know', () => {
  const { actor } = started({ budget: null, backends: [] });
  const before = actor.getSnapshot();
  actor.send({ type: 'reload' } as unknown as SchedulerEvent);
  expect(actor.getSnapshot()).toBe(before);
});

it('starts as a pure function, with a context that survives JSON', () => {
  const input = { budget: BUDGET, backends: [backend('a', 1)] };
  const [snapshot] = initialTransition(schedulerReconcilerMachine, input);
  expect(snapshot.value).toBe('open');
  expect(JSON.parse(JSON.stringify(snapshot.context))).toEqual(snapshot.context);
});

describe('every path of the chart', () => {
  const events: readonly SchedulerEvent[] = [
    ...POSTURES.map(([status, action]) => heard(status, action)),
    { type: 'backend changed', backend: backend('a', 1) },
    { type: 'backend changed', backend: backend('a', 1, { health: 'unhealthy' }) },
  ];
  const options = { input: { budget: null, backends: [] }, events, limit: 10_000 };

  const postureOf = (budget: Budget | null): string =>
    POSTURES.find(
      ([status, action]) => budget?.status === status && budget.action === action,
    )?.[2] ?? 'open';

  it('ends in the posture of the table', async () => {
    const model = createTestModel(schedulerReconcilerMachine);
    for (const path of model.getShortestPaths(options)) {
      await path.test({
        states: {
          '*': ({ value, context }) => expect(value).toBe(postureOf(context.budget)),
        },
      });
    }
  });

  it('goes through every state and every transition', () => {
    const coverage = new ChartCoverage(schedulerReconcilerMachine);
    for (const { steps } of getShortestPaths(schedulerReconcilerMachine, options)) {
      for (const event of events) {
        const { actor } = started({ budget: null, backends: [] }, coverage);
        for (const { event: before } of steps.slice(1)) actor.send(before);
        actor.send(event);
        const { value, context } = actor.getSnapshot();
        expect(value).toBe(postureOf(context.budget));
      }
    }
    expect(coverage.missing()).toEqual([]);
  });
});
