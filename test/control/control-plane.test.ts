import { describe, expect, it, jest } from '@jest/globals';
import type { InspectionEvent } from 'xstate';
import { periodAt } from '../../src/core/billing-period.ts';
import type { ControlEvent } from '../../src/core/control.ts';
import { aBudget, aSimulatedBackend, rehearse } from '../support/rehearsed-control-plane.ts';

const NOVEMBER = '2026-11-23T12:00:00Z';

function totalsOf(month: string, settled: number, suspense = 0) {
  return { month, settled, suspense, held: 0, excess: 0, openHolds: 0 };
}

describe('the way of a month', () => {
  it('goes through the soft limit and the hard limit to the turn, and begins anew', () => {
    const { plane, clock, events, kinds, opened, spend } = rehearse(NOVEMBER);
    const seen = (): readonly unknown[] => {
      const { posture, budget } = plane.policy();
      return [posture, budget?.status, budget?.billingMonth];
    };
    spend(749);
    expect(seen()).toEqual(['open', 'Normal', '2026-11']);
    spend(750);
    expect(seen()).toEqual(['preferLocal', 'SoftLimit', '2026-11']);
    spend(999);
    spend(1000);
    expect(seen()).toEqual(['localOnly', 'HardLimit', '2026-11']);
    spend(1200);
    clock.advanceTo(Date.parse('2026-12-01T00:00:00Z'));
    expect(seen()).toEqual(['open', 'Normal', '2026-12']);
    expect(opened).toEqual(['2026-12']);
    expect(kinds()).toEqual(['soft_limit_reached', 'hard_limit_reached', 'month_rollover']);
    expect(events.find(({ kind }) => kind === 'month_rollover')).toEqual({
      kind: 'month_rollover',
      from: '2026-11',
      to: '2026-12',
      finalSpending: 1200,
    });
    spend(1000);
    expect(kinds().slice(3)).toEqual(['soft_limit_reached', 'hard_limit_reached']);
  });

  it.each([
    ['warn', 'preferLocal'],
    ['block_cloud', 'localOnly'],
    ['block_all', 'closed'],
  ] as const)('ends with the action %s in the posture %s', (hardLimitAction, posture) => {
    const { plane, spend } = rehearse(NOVEMBER, { budget: aBudget({ hardLimitAction }) });
    spend(1000);
    expect(plane.policy().posture).toBe(posture);
    expect(plane.policy().budget).toEqual({
      status: 'HardLimit',
      action: hardLimitAction,
      limit: 1000,
      billingMonth: '2026-11',
    });
  });

  it('knows at the start where it stands, and announces no crossing', () => {
    const { plane, kinds } = rehearse(NOVEMBER, {
      totals: () => totalsOf('2026-11', 700, 100),
    });
    expect(plane.policy().budget?.status).toBe('SoftLimit');
    expect(plane.budget()?.status).toBe('SoftLimit');
    expect(kinds()).toEqual([]);
  });

  it('is at its hard limit when nothing fits, until spending falls', () => {
    const { plane, kinds, books, spend } = rehearse(NOVEMBER);
    spend(600);
    plane.nothingFits();
    expect(plane.policy().posture).toBe('localOnly');
    expect(kinds()).toEqual(['hard_limit_reached']);
    books.totals = { ...books.totals, settled: 599 };
    plane.totalsChanged(books.totals);
    expect(plane.policy().posture).toBe('open');
  });

  it('believes no longer that nothing fits when prices change, but that the limit is reached', () => {
    const { plane, spend } = rehearse(NOVEMBER);
    spend(600);
    plane.nothingFits();
    plane.pricesChanged();
    expect(plane.policy().posture).toBe('open');
    spend(1000);
    plane.pricesChanged();
    expect(plane.policy().posture).toBe('localOnly');
  });

  it('follows a changed limit, and announces it', () => {
    const { plane, events, spend } = rehearse(NOVEMBER);
    spend(900);
    plane.changeBudget({ limit: 900, softLimitPercent: 75, action: 'block_all' });
    expect(plane.policy().posture).toBe('closed');
    plane.changeBudget({ limit: 5000, softLimitPercent: 75, action: 'block_all' });
    expect(plane.policy().posture).toBe('open');
    plane.changeBudget({ limit: 5000, softLimitPercent: 10, action: 'block_all' });
    expect(plane.policy().posture).toBe('preferLocal');
    expect(events.filter(({ kind }) => kind.startsWith('limit_'))).toEqual([
      { kind: 'limit_decreased', from: 1000, to: 900 },
      { kind: 'limit_increased', from: 900, to: 5000 },
    ]);
  });

  it('shows each listener the policy that an event led to', () => {
    const { plane, spend } = rehearse(NOVEMBER);
    const seen: string[] = [];
    plane.onEvent(({ kind }) => seen.push(`${kind} ${plane.policy().posture}`));
    spend(800);
    spend(1000);
    plane.noticeTime(Date.parse('2026-12-01T00:00:00Z'));
    expect(seen.filter((line) => !line.startsWith('reconciled'))).toEqual([
      'soft_limit_reached preferLocal',
      'hard_limit_reached localOnly',
      'month_rollover open',
    ]);
  });
});

describe('the turn of a month', () => {
  it('happens within the call that notices the time, to the millisecond', () => {
    const { plane, opened } = rehearse(NOVEMBER);
    plane.noticeTime(Date.parse('2026-11-30T23:59:59.999Z'));
    expect(plane.period().month).toBe('2026-11');
    plane.noticeTime(Date.parse('2026-12-01T00:00:00.000Z'));
    expect(plane.period().month).toBe('2026-12');
    expect(opened).toEqual(['2026-12']);
  });

  it('puts what was spent before it into the old month', () => {
    const { plane, books, events } = rehearse(NOVEMBER);
    books.totals = totalsOf('2026-11', 10, 5);
    plane.totalsChanged(books.totals);
    plane.noticeTime(Date.parse('2026-12-01T00:00:00.000Z'));
    expect(events).toContainEqual({
      kind: 'month_rollover',
      from: '2026-11',
      to: '2026-12',
      finalSpending: 15,
    });
    expect(plane.budget()?.status).toBe('Normal');
  });

  it('opens the new books only after the chart has heard of all spending in the old ones', () => {
    const order: string[] = [];
    const { plane, spend } = rehearse(NOVEMBER, {
      openPeriod: ({ month }) => {
        order.push(`open ${month}`);
        return totalsOf(month, 0);
      },
      inspect: (event) => {
        if (event.type === '@xstate.event' && /^(totals|month)\./.test(event.event.type))
          order.push(event.event.type);
      },
    });
    spend(5);
    plane.noticeTime(Date.parse('2026-12-01T00:00:00.000Z'));
    expect(order).toEqual(['totals.changed', 'open 2026-12', 'month.turned']);
  });

  it('happens once for each month, in order, when the clock jumps over several', () => {
    const { plane, clock, opened } = rehearse('2027-12-31T12:00:00Z');
    const versions: number[] = [];
    plane.onPolicy(({ version }) => versions.push(version));
    plane.noticeTime(Date.parse('2028-03-15T00:00:00Z'));
    expect(opened).toEqual(['2028-01', '2028-02', '2028-03']);
    expect(versions).toHaveLength(3);
    clock.advanceTo(Date.parse('2028-03-16T00:00:00Z'));
    expect(opened).toHaveLength(3);
  });

  it('happens on time without any traffic, from 31 December to 15 March three times', () => {
    const { plane, clock } = rehearse('2027-12-31T12:00:00Z');
    const turns: string[] = [];
    plane.onEvent((event) => {
      if (event.kind === 'month_rollover')
        turns.push(`${event.to} at ${new Date(clock.now()).toISOString()}`);
    });
    clock.advanceTo(Date.parse('2028-03-15T00:00:00Z'));
    expect(turns).toEqual([
      '2028-01 at 2028-01-01T00:00:00.000Z',
      '2028-02 at 2028-02-01T00:00:00.000Z',
      '2028-03 at 2028-03-01T00:00:00.000Z',
    ]);
  });

  it('goes on beyond the calendar that was known at the start', () => {
    const { plane, opened } = rehearse(NOVEMBER);
    plane.noticeTime(Date.parse('2036-11-15T00:00:00Z'));
    expect(opened).toHaveLength(120);
    expect(plane.period().month).toBe('2036-11');
    expect(plane.policy().budget?.billingMonth).toBe('2036-11');
  });

  it('is not undone by a clock that goes back, nor repeated when it comes again', () => {
    const { plane, clock, opened } = rehearse('2026-11-30T23:00:00Z');
    clock.advance(2 * 60 * 60 * 1000);
    expect(plane.period().month).toBe('2026-12');
    clock.setWall(Date.parse('2026-11-15T00:00:00Z'));
    plane.noticeTime(clock.now());
    clock.advanceTo(Date.parse('2026-12-02T00:00:00Z'));
    expect(plane.period().month).toBe('2026-12');
    expect(opened).toEqual(['2026-12']);
  });

  it('is noticed within the hour when the wall clock was set ahead and nothing else happens', () => {
    const { clock, opened } = rehearse(NOVEMBER, { budget: null });
    clock.setWall(Date.parse('2026-12-05T00:00:00Z'));
    clock.advance(60 * 60 * 1000);
    expect(opened).toEqual(['2026-12']);
  });

  it('is made up for at the start when the ledger stopped in an earlier month', async () => {
    const { plane, events, opened } = rehearse('2027-01-05T00:00:00Z', {
      initialPeriod: periodAt(Date.parse(NOVEMBER), { billingCycleDay: 1, timezone: 'UTC' }),
      totals: () => totalsOf('2026-11', 900),
    });
    expect(opened).toEqual(['2026-12', '2027-01']);
    expect(plane.policy().budget).toMatchObject({ status: 'Normal', billingMonth: '2027-01' });
    await Promise.resolve();
    expect(events.map(({ kind }) => kind)).toEqual([
      'month_rollover',
      'month_rollover',
      'reconciled',
    ]);
  });

  it('is none when another billing day only makes the open month longer', async () => {
    const { plane, events, kinds } = rehearse('2026-12-02T00:00:00Z', {
      cycle: { billingCycleDay: 15, timezone: 'UTC' },
      initialPeriod: periodAt(Date.parse(NOVEMBER), { billingCycleDay: 1, timezone: 'UTC' }),
      totals: () => totalsOf('2026-11', 800),
      openPeriod: ({ month }) => totalsOf(month, 800),
    });
    expect(plane.period()).toMatchObject({ month: '2026-11', nextResetDate: '2026-12-15' });
    expect(plane.policy().posture).toBe('preferLocal');
    await Promise.resolve();
    expect(kinds()).toEqual([]);
    expect(events).toHaveLength(1);
  });

  it('keeps billing day 31 and its zone, also where a clock changes', () => {
    const cycle = { billingCycleDay: 31, timezone: 'Europe/Berlin' };
    const { plane, clock } = rehearse('2027-01-31T12:00:00Z', { cycle });
    const turns: string[] = [];
    plane.onEvent((event) => {
      if (event.kind === 'month_rollover') turns.push(new Date(clock.now()).toISOString());
    });
    clock.advanceTo(Date.parse('2027-05-01T00:00:00Z'));
    expect(turns).toEqual([
      '2027-02-27T23:00:00.000Z',
      '2027-03-30T22:00:00.000Z',
      '2027-04-29T22:00:00.000Z',
    ]);
    expect(plane.period().nextResetDate).toBe('2027-05-31');
  });

  it('fails towards the caller when the books can not be opened, and is tried again', () => {
    const { plane, books, opened } = rehearse(NOVEMBER);
    const december = Date.parse('2026-12-01T00:00:00Z');
    books.canOpen = false;
    expect(() => plane.noticeTime(december)).toThrow('the disk is full');
    expect(plane.period().month).toBe('2026-11');
    books.canOpen = true;
    plane.noticeTime(december);
    expect(opened).toEqual(['2026-12']);
    expect(plane.period().month).toBe('2026-12');
  });

  it('is tried again by the clock when the books could not be opened', () => {
    const { clock, books, events, opened } = rehearse('2026-11-30T23:30:00Z', { budget: null });
    books.canOpen = false;
    clock.advance(40 * 60 * 1000);
    expect(opened).toEqual([]);
    expect(events).toContainEqual({
      kind: 'actor_failed',
      actor: 'month-clock',
      restarted: true,
      reason: 'the disk is full',
    });
    books.canOpen = true;
    clock.advance(60 * 60 * 1000);
    expect(opened).toEqual(['2026-12']);
  });

  it('stops the start when the books can not be opened then', () => {
    expect(() =>
      rehearse('2027-01-05T00:00:00Z', {
        initialPeriod: periodAt(Date.parse(NOVEMBER), { billingCycleDay: 1, timezone: 'UTC' }),
        openPeriod: () => {
          throw new Error('the disk is full');
        },
      }),
    ).toThrow('the disk is full');
  });
});

describe('a reconciliation', () => {
  it('happens at the start and at every interval', async () => {
    const { plane, clock, events } = rehearse(NOVEMBER);
    await Promise.resolve();
    const reconciled = () => events.filter(({ kind }) => kind === 'reconciled');
    expect(reconciled()).toHaveLength(1);
    expect(plane.budget()?.lastReconciliationMs).toBe(Date.parse(NOVEMBER));
    clock.advance(3600 * 1000 - 1);
    expect(reconciled()).toHaveLength(1);
    clock.advance(1 + 2 * 3600 * 1000);
    expect(reconciled()).toHaveLength(4);
    expect(plane.budget()?.lastReconciliationMs).toBe(clock.now());
  });

  it('heals what the actors did not hear of, and tells the drift and its duration', () => {
    const { plane, events, books } = rehearse(NOVEMBER);
    books.totals = totalsOf('2026-11', 800);
    books.drift = 3;
    plane.reconcile();
    expect(plane.policy().posture).toBe('preferLocal');
    expect(events.at(-1)).toMatchObject({
      kind: 'reconciled',
      report: { month: '2026-11', drift: 3 },
      seconds: 0,
    });
  });

  it('turns a month that is over before it looks', () => {
    const { plane, clock, opened } = rehearse(NOVEMBER);
    clock.setWall(Date.parse('2026-12-01T00:00:00Z'));
    plane.reconcile();
    expect(opened).toEqual(['2026-12']);
  });

  it('that fails is reported, and the next one happens', () => {
    const { clock, events, books } = rehearse(NOVEMBER);
    books.canAudit = false;
    clock.advance(3600 * 1000);
    expect(events.at(-1)).toEqual({
      kind: 'actor_failed',
      actor: 'budget-reconciler',
      restarted: true,
      reason: 'the file is gone',
    });
    books.canAudit = true;
    clock.advance(3600 * 1000);
    expect(events.at(-1)?.kind).toBe('reconciled');
  });
});

describe('without a budget', () => {
  it('nothing is enforced, while months and backends live', () => {
    const { plane, clock, events, kinds, opened, spend } = rehearse(NOVEMBER, { budget: null });
    spend(1_000_000);
    plane.nothingFits();
    plane.reconcile();
    expect(plane.budget()).toBeNull();
    expect(plane.policy()).toMatchObject({ posture: 'open', budget: null });
    clock.advanceTo(Date.parse('2026-12-01T00:00:00Z'));
    expect(opened).toEqual(['2026-12']);
    expect(kinds()).toEqual(['month_rollover']);
    expect(events.some(({ kind }) => kind === 'reconciled')).toBe(false);
  });

  it('a budget can not be changed, and the error says what to do', () => {
    const { plane } = rehearse(NOVEMBER, { budget: null });
    expect(() => plane.changeBudget({ limit: 1, softLimitPercent: 75, action: 'warn' })).toThrow(
      'set monthly_limit_usd in [routing.budget]',
    );
  });
});

describe('the policy', () => {
  it('is one frozen object, with a version that grows by one with every change', () => {
    const { plane, policies, spend } = rehearse(NOVEMBER, {
      backends: [aSimulatedBackend('b'), aSimulatedBackend('a', { models: ['llama3'] })],
    });
    const before = plane.policy();
    expect(plane.policy()).toBe(before);
    spend(800);
    spend(1000);
    expect(policies.map(({ version }) => version)).toEqual([
      before.version + 1,
      before.version + 2,
    ]);
    expect(before.posture).toBe('open');
    const { budget, backends } = plane.policy();
    expect(backends.map(({ name }) => name)).toEqual(['a', 'b']);
    for (const part of [plane.policy(), budget, backends, ...backends]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    for (const { models, routes } of backends) {
      expect([models, routes, ...models].every((part) => Object.isFrozen(part))).toBe(true);
    }
  });

  it('is told to nobody who has left', () => {
    const { plane, spend } = rehearse(NOVEMBER);
    const heard: unknown[] = [];
    const leave = [
      plane.onPolicy((policy) => heard.push(policy)),
      plane.onEvent((event) => heard.push(event)),
    ];
    for (const stop of leave) stop();
    spend(1000);
    expect(heard).toEqual([]);
  });
});

describe('strangers', () => {
  it('an inspector sees the actors, and does no harm when it throws', () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const seen: InspectionEvent[] = [];
    const { plane, spend } = rehearse(NOVEMBER, {
      backends: [aSimulatedBackend('a')],
      inspect: (event) => {
        seen.push(event);
        throw new Error('the socket is closed');
      },
    });
    spend(800);
    spend(1000);
    expect(plane.policy().budget?.status).toBe('HardLimit');
    expect(seen.some(({ type }) => type === '@xstate.snapshot')).toBe(true);
    expect(warn.mock.calls).toEqual([['the inspector threw: the socket is closed']]);
  });

  it('no key of a backend is in any actor', () => {
    const contexts: unknown[] = [];
    rehearse(NOVEMBER, {
      backends: [aSimulatedBackend('a')],
      inspect: (event) => {
        if (event.type === '@xstate.snapshot' && 'context' in event.snapshot)
          contexts.push(event.snapshot.context, event.event);
      },
    });
    expect(contexts.length).toBeGreaterThan(4);
    expect(JSON.stringify(contexts)).not.toContain('secret');
  });

  it('a listener that throws keeps nothing from the others', () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const { plane, spend } = rehearse(NOVEMBER);
    const heard: ControlEvent[] = [];
    plane.onEvent(() => {
      throw new Error('no space');
    });
    plane.onPolicy(() => {
      // oxlint-disable-next-line typescript/only-throw-error -- strangers throw anything
      throw 'no space either';
    });
    plane.onEvent((event) => heard.push(event));
    spend(800);
    expect(heard.map(({ kind }) => kind)).toContain('soft_limit_reached');
    expect(warn).toHaveBeenCalledWith('a policy listener threw: no space either');
    expect(warn).toHaveBeenCalledWith('a control listener threw: no space');
  });
});

describe('after the stop', () => {
  it('nothing moves any more, and the last policy still stands', async () => {
    const { plane, clock, events, opened, spend } = rehearse(NOVEMBER);
    spend(800);
    await plane.stop();
    await plane.stop();
    const before = events.length;
    spend(1000);
    plane.nothingFits();
    plane.reconcile();
    plane.noticeTime(Date.parse('2027-01-01T00:00:00Z'));
    clock.advance(90 * 24 * 3600 * 1000);
    expect(events).toHaveLength(before);
    expect(opened).toEqual([]);
    expect(plane.policy().posture).toBe('preferLocal');
  });

  it('what the gate held has reached the chart', async () => {
    const contexts: unknown[] = [];
    const { plane, spend } = rehearse(NOVEMBER, {
      inspect: (event) => {
        if (event.type === '@xstate.event' && event.event.type === 'totals.changed')
          contexts.push(event.event);
      },
    });
    spend(5);
    expect(contexts).toEqual([]);
    await plane.stop();
    expect(contexts).toEqual([
      { type: 'totals.changed', month: '2026-11', settledNano: 5, suspenseNano: 0 },
    ]);
  });
});
