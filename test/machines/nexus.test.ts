import { describe, expect, it } from '@jest/globals';
import { assign, createActor, initialTransition, setup } from 'xstate';
import type { AnyActorRef, EmittedFrom, EventFromLogic } from 'xstate';
import { nexusMachine } from '../../machines/nexus.machine.ts';
import { VirtualClock } from '../../src/control/virtual-clock.ts';
import { ChartCoverage } from '../support/chart-coverage.ts';

type NexusEvent = EventFromLogic<typeof nexusMachine>;

/** A child that counts what it hears from what it started with, and fails on command. */
const counter = setup({
  types: {
    context: {} as { readonly count: number },
    input: {} as { readonly count: number },
    events: {} as { readonly type: 'count' } | { readonly type: 'fail'; readonly with: unknown },
  },
  actions: {
    fail: (_, params: { readonly with: unknown }) => {
      throw params.with;
    },
  },
}).createMachine({
  context: ({ input }) => ({ count: input.count }),
  on: {
    count: { actions: assign({ count: ({ context }) => context.count + 1 }) },
    fail: { actions: { type: 'fail', params: ({ event }) => event } },
  },
});

const SETTINGS = {
  hasBudget: true,
  backends: ['a', 'b.c'],
  restartLimit: 5,
  restartWindowMs: 60_000,
  firstPauseMs: 100,
  longestPauseMs: 1000,
};

const FIXED = ['month-clock', 'budget-reconciler', 'scheduler-reconciler'] as const;
const CHILDREN = [...FIXED, 'health.a', 'health.b.c'] as const;

function started(settings: Partial<typeof SETTINGS> = {}) {
  const clock = new VirtualClock(0);
  /** What the ledger, so to say, knows of each child; read at each start. */
  const known = new Map<string, number>();
  const machine = nexusMachine.provide({
    actors: {
      'month clock': counter,
      'budget reconciler': counter,
      'scheduler reconciler': counter,
      'backend health': counter,
    },
    actions: {
      'read what the child starts from': assign(({ context }, { child }) => ({
        inputs: { ...context.inputs, [child]: { count: known.get(child) ?? 0 } },
      })),
    },
  });
  const coverage = new ChartCoverage(machine);
  const actor = createActor(machine, {
    clock,
    input: { ...SETTINGS, ...settings },
    inspect: coverage.inspect,
  });
  const emitted: EmittedFrom<typeof nexusMachine>[] = [];
  actor.on('*', (event) => emitted.push(event));
  actor.start();
  const child = (id: string): AnyActorRef | undefined =>
    (actor.getSnapshot().children as Record<string, AnyActorRef | undefined>)[id];
  const fail = (id: string, reason: unknown = new Error('broken')): void =>
    child(id)?.send({ type: 'fail', with: reason });
  const countOf = (id: string): number | undefined => child(id)?.getSnapshot().context.count;
  return { actor, clock, known, coverage, emitted, child, fail, countOf };
}

describe('the root', () => {
  it('starts an actor for each concern and each backend', () => {
    const { actor, child } = started();
    expect(Object.keys(actor.getSnapshot().children).toSorted()).toEqual([...CHILDREN].toSorted());
    for (const id of CHILDREN) expect(child(id)?.getSnapshot().status).toBe('active');
  });

  it('starts with hundreds of backends', () => {
    const backends = Array.from({ length: 300 }, (_, i) => `b${i}`);
    const { actor } = started({ backends });
    expect(Object.keys(actor.getSnapshot().children)).toHaveLength(303);
  });

  it('has no budget reconciler when no budget is configured', () => {
    const { actor, child } = started({ hasBudget: false });
    expect(child('budget-reconciler')).toBeUndefined();
    expect(actor.getSnapshot().matches({ running: { budgetReconciler: 'absent' } })).toBe(true);
  });

  it('drains before it stops, and then stops every child', () => {
    const { actor, child } = started();
    const refs = CHILDREN.map((id) => child(id));
    actor.send({ type: 'drained' });
    expect(actor.getSnapshot().matches({ running: { lifecycle: 'serving' } })).toBe(true);
    actor.send({ type: 'drain' });
    for (const ref of refs) expect(ref?.getSnapshot().status).toBe('active');
    actor.send({ type: 'drained' });
    expect(actor.getSnapshot().status).toBe('done');
    for (const ref of refs) expect(ref?.getSnapshot().status).toBe('stopped');
  });

  it('changes nothing on an event that it does not know', () => {
    const { actor } = started();
    const before = actor.getSnapshot();
    actor.send({ type: 'restart everything' } as unknown as NexusEvent);
    expect(actor.getSnapshot()).toBe(before);
  });

  it('starts as a pure function, without any provided logic', () => {
    const [snapshot] = initialTransition(nexusMachine, SETTINGS);
    expect(snapshot.matches('running')).toBe(true);
    expect(JSON.parse(JSON.stringify(snapshot.context))).toEqual(snapshot.context);
  });
});

describe.each(CHILDREN)('the supervision of %s', (id) => {
  it('starts it again after a pause, from the facts of that moment', () => {
    const { clock, known, emitted, child, fail, countOf } = started();
    known.set(id, 42);
    fail(id);
    expect(child(id)).toBeUndefined();
    clock.advance(99);
    expect(child(id)).toBeUndefined();
    clock.advance(1);
    expect(countOf(id)).toBe(42);
    expect(emitted).toEqual([
      { type: 'child failed', child: id, reason: 'broken', restarted: true },
    ]);
  });

  it('leaves its siblings alone', () => {
    const { clock, child, fail, countOf } = started();
    const siblings = CHILDREN.filter((other) => other !== id);
    for (const other of siblings) child(other)?.send({ type: 'count' });
    fail(id);
    clock.advance(100);
    for (const other of siblings) expect(countOf(other)).toBe(1);
  });

  it('doubles the pause with each recent failure, up to the longest', () => {
    const { clock, child, fail } = started({ longestPauseMs: 300 });
    const pauses = [100, 200, 300, 300, 300].map((pauseMs) => {
      fail(id);
      clock.advance(pauseMs - 1);
      const tooEarly = child(id) !== undefined;
      clock.advance(1);
      return !tooEarly && child(id) !== undefined ? pauseMs : null;
    });
    expect(pauses).toEqual([100, 200, 300, 300, 300]);
  });

  it('gives it up after too many failures within the window, and reports a degraded system', () => {
    const { actor, clock, emitted, child, fail } = started();
    for (let i = 0; i < 5; i += 1) {
      fail(id);
      clock.advance(1000);
      expect(actor.getSnapshot().hasTag('degraded')).toBe(false);
    }
    fail(id, 'out of luck');
    clock.advance(1_000_000);
    expect(child(id)).toBeUndefined();
    expect(actor.getSnapshot().hasTag('degraded')).toBe(true);
    expect(actor.getSnapshot().status).toBe('active');
    expect(emitted.at(-1)).toEqual({
      type: 'child failed',
      child: id,
      reason: 'out of luck',
      restarted: false,
    });
  });

  it('forgets failures that are older than the window', () => {
    const { clock, child, fail } = started();
    for (let i = 0; i < 20; i += 1) {
      fail(id);
      clock.advance(13_000);
      expect(child(id)).toBeDefined();
    }
  });
});

it('is walked through every state and every transition by failing, healing and stopping', () => {
  const missing = [started(), started({ hasBudget: false })].map(
    ({ actor, clock, coverage, fail }) => {
      for (const id of CHILDREN) {
        for (let i = 0; i < 6; i += 1) {
          fail(id);
          clock.advance(1000);
        }
      }
      clock.advance(60_000);
      actor.send({ type: 'drain' });
      actor.send({ type: 'drained' });
      return coverage.missing();
    },
  );
  const [withBudget = [], without = []] = missing;
  expect(withBudget.filter((item) => without.includes(item))).toEqual([]);
});
