import { describe, expect, it } from '@jest/globals';
import type { AnyActorRef } from 'xstate';
import { aSimulatedBackend, rehearse } from '../support/rehearsed-control-plane.ts';

const NOVEMBER = '2026-11-23T12:00:00Z';
const NEVER = { backends: [aSimulatedBackend('a')], probe: () => new Promise<never>(() => {}) };

/** A control plane whose actors can be made to fail, found by inspection. */
function fragile(changes: Parameters<typeof rehearse>[1] = {}) {
  const refs = new Map<string, AnyActorRef>();
  const rehearsal = rehearse(NOVEMBER, {
    ...NEVER,
    ...changes,
    inspect: ({ type, actorRef }) => {
      if (type !== '@xstate.actor') return;
      const ref = actorRef as AnyActorRef;
      refs.set(ref.id, ref);
    },
  });
  return {
    ...rehearsal,
    /** An event without the fields that its type promises makes an action of the chart throw. */
    fail: (id: string): void => {
      const broken: Record<string, object> = {
        'month-clock': { type: 'calendar extended', upcoming: null },
        'budget-reconciler': { type: 'budget.changed', limitNano: 1.5, softLimitPercent: 1 },
        'scheduler-reconciler': { type: 'backend changed' },
        'health.a': {
          type: 'probe succeeded',
          latencyMs: 1,
          models: null,
          atMs: 0,
        },
      };
      refs.get(id)?.send(broken[id]);
    },
    refOf: (id: string) => refs.get(id),
  };
}

describe.each(['month-clock', 'budget-reconciler', 'scheduler-reconciler', 'health.a'])(
  'when the actor %s fails',
  (id) => {
    it('this is announced, and a new one is up after a pause', () => {
      const { clock, events, fail, refOf } = fragile();
      const first = refOf(id);
      fail(id);
      expect(first?.getSnapshot().status).toBe('error');
      expect(events.at(-1)).toMatchObject({ kind: 'actor_failed', actor: id, restarted: true });
      clock.advance(100);
      expect(refOf(id)).not.toBe(first);
      expect(refOf(id)?.getSnapshot().status).toBe('active');
    });

    it('the others go on', () => {
      const { plane, clock, fail, opened, spend } = fragile();
      fail(id);
      clock.advance(100);
      spend(800);
      expect(plane.policy().posture).toBe('preferLocal');
      plane.noticeTime(Date.parse('2026-12-01T00:00:00Z'));
      expect(opened).toEqual(['2026-12']);
      expect(plane.policy().posture).toBe('open');
    });

    it('too often, it is given up, and the plane goes on without it', async () => {
      const { plane, clock, events, fail, refOf } = fragile();
      for (let i = 0; i < 6; i += 1) {
        fail(id);
        clock.advance(5000);
      }
      expect(events.at(-1)).toMatchObject({ kind: 'actor_failed', actor: id, restarted: false });
      expect(refOf(id)?.getSnapshot().status).toBe('error');
      plane.totalsChanged({
        month: '2026-11',
        settled: 5000,
        suspense: 0,
        held: 0,
        excess: 0,
        openHolds: 0,
      });
      plane.attemptEnded({ backend: 'a', outcome: 'ok', reason: null, latencyMs: 1 });
      plane.noticeTime(Date.parse('2026-12-01T00:00:00Z'));
      clock.advanceTo(Date.parse('2026-12-02T00:00:00Z'));
      expect(plane.policy().backends).toHaveLength(1);
      await plane.stop();
    });
  },
);

describe('a new actor starts from the facts of its moment', () => {
  it('the budget from the totals of the ledger, without announcing them', () => {
    const { plane, clock, books, fail, kinds, spend } = fragile();
    spend(100);
    fail('budget-reconciler');
    books.totals = { ...books.totals, settled: 800 };
    plane.totalsChanged(books.totals);
    expect(plane.policy().posture).toBe('open');
    clock.advance(100);
    expect(plane.policy().posture).toBe('preferLocal');
    expect(kinds()).toEqual(['actor_failed']);
  });

  it('the budget from the limit as it was changed, and from the month as it turned', () => {
    const { plane, clock, fail, spend } = fragile();
    spend(900);
    fail('budget-reconciler');
    plane.changeBudget({ limit: 900, softLimitPercent: 50, action: 'block_all' });
    clock.advance(100);
    expect(plane.policy().posture).toBe('closed');
    fail('budget-reconciler');
    plane.noticeTime(Date.parse('2026-12-01T00:00:00Z'));
    clock.advance(200);
    expect(plane.policy()).toMatchObject({
      posture: 'open',
      budget: { billingMonth: '2026-12', limit: 900 },
    });
  });

  it('the scheduler from the budget and the backends that the others know', () => {
    const { plane, clock, fail, spend } = fragile();
    fail('scheduler-reconciler');
    spend(1000);
    plane.attemptEnded({ backend: 'a', outcome: 'ok', reason: null, latencyMs: 7 });
    const before = plane.policy();
    expect(before.posture).toBe('open');
    clock.advance(100);
    expect(plane.policy()).toMatchObject({
      version: before.version + 1,
      posture: 'localOnly',
      backends: [{ health: 'healthy', latencyMs: 7 }],
    });
  });

  it('the health of a backend from what was known of it', () => {
    const { plane, clock, events, fail } = fragile();
    plane.attemptEnded({ backend: 'a', outcome: 'failed', reason: '503', latencyMs: null });
    fail('health.a');
    clock.advance(100);
    expect(plane.policy().backends[0]).toMatchObject({ health: 'unhealthy', healthReason: '503' });
    expect(events.filter(({ kind }) => kind === 'backend_changed')).toHaveLength(1);
  });

  it('the month clock from the month that is open', () => {
    const { plane, clock, fail, opened } = fragile();
    plane.noticeTime(Date.parse('2026-12-01T00:00:00Z'));
    fail('month-clock');
    plane.noticeTime(Date.parse('2027-01-01T00:00:00Z'));
    expect(opened).toEqual(['2026-12']);
    clock.advance(100);
    plane.noticeTime(Date.parse('2027-01-01T00:00:00Z'));
    expect(opened).toEqual(['2026-12', '2027-01']);
  });

  it('the month clock also after the months that were announced and could not be opened', () => {
    const { plane, clock, books, fail, opened } = fragile();
    books.canOpen = false;
    expect(() => plane.noticeTime(Date.parse('2027-01-01T00:00:00Z'))).toThrow('disk is full');
    fail('month-clock');
    clock.advance(100);
    books.canOpen = true;
    plane.noticeTime(Date.parse('2027-02-01T00:00:00Z'));
    expect(opened).toEqual(['2026-12', '2027-01', '2027-02']);
  });
});

it('the failure of the root itself is announced, and the last policy stands', () => {
  const { plane, events, refOf, spend } = fragile();
  spend(800);
  // A report of a failure that can not even be read makes the root's own action throw.
  refOf('nexus')?.send({
    type: 'xstate.error.actor.health.a',
    get actorId(): string {
      throw new Error('no such luck');
    },
  });
  expect(events.at(-1)).toEqual({
    kind: 'actor_failed',
    actor: 'nexus',
    restarted: false,
    reason: expect.stringContaining('no such luck'),
  });
  expect(plane.policy().posture).toBe('preferLocal');
});
