import { describe, expect, it } from '@jest/globals';
import { createActor, initialTransition } from 'xstate';
import type { EmittedFrom, EventFromLogic, InputFrom } from 'xstate';
import { createTestModel, getShortestPaths } from 'xstate/graph';
import { monthClockMachine } from '../../machines/month-clock.machine.ts';
import { ChartCoverage } from '../support/chart-coverage.ts';

type ClockEvent = EventFromLogic<typeof monthClockMachine>;
type ClockInput = InputFrom<typeof monthClockMachine>;
type Period = ClockInput['period'];

/** Month `n` lasts from `n * 10` to `n * 10 + 10`. */
function month(n: number): Period {
  return { month: `m${n}`, startsAtMs: n * 10, endsAtMs: n * 10 + 10, nextResetDate: `d${n + 1}` };
}

function started(known: number, coverage?: ChartCoverage) {
  const input: ClockInput = {
    nowMs: 0,
    period: month(0),
    upcoming: Array.from({ length: known }, (_, i) => month(i + 1)),
  };
  const actor = createActor(monthClockMachine, {
    input,
    ...(coverage && { inspect: coverage.inspect }),
  });
  const emitted: EmittedFrom<typeof monthClockMachine>[] = [];
  actor.on('*', (event) => emitted.push(event));
  const turns = (): readonly string[] =>
    emitted.flatMap((event) =>
      event.type === 'month turned' ? [`${event.from} to ${event.period.month}`] : [],
    );
  return { actor: actor.start(), emitted, turns };
}

describe('a month', () => {
  it.each([
    [9, []],
    [10, ['m0 to m1']],
    [11, ['m0 to m1']],
    [19, ['m0 to m1']],
    [20, ['m0 to m1', 'm1 to m2']],
    [39, ['m0 to m1', 'm1 to m2', 'm2 to m3']],
  ])('at %d ms: %j was announced', (nowMs, expected) => {
    const { actor, turns } = started(9);
    actor.send({ type: 'clock.ticked', nowMs });
    expect(turns()).toEqual(expected);
  });

  it('is announced once, however often the clock ticks', () => {
    const { actor, turns } = started(9);
    for (let nowMs = 1; nowMs < 25; nowMs += 1) {
      actor.send({ type: 'clock.ticked', nowMs });
      actor.send({ type: 'clock.ticked', nowMs });
    }
    expect(turns()).toEqual(['m0 to m1', 'm1 to m2']);
  });

  it('is never reopened by a clock that goes back, and not announced again after it', () => {
    const { actor, turns } = started(9);
    for (const nowMs of [15, 3, 9, 12, 15, 16]) actor.send({ type: 'clock.ticked', nowMs });
    expect(turns()).toEqual(['m0 to m1']);
    expect(actor.getSnapshot().context.nowMs).toBe(16);
  });
});

describe('the calendar', () => {
  it('is asked for before it runs out', () => {
    const { actor, emitted } = started(2);
    actor.send({ type: 'clock.ticked', nowMs: 10 });
    expect(emitted).toHaveLength(1);
    actor.send({ type: 'clock.ticked', nowMs: 20 });
    expect(emitted.at(-1)).toEqual({ type: 'calendar is running out', fromMs: 30 });
  });

  it('holds the announcement back while it does not know the next month', () => {
    const { actor, emitted, turns } = started(0);
    actor.send({ type: 'clock.ticked', nowMs: 35 });
    expect(emitted).toEqual([{ type: 'calendar is running out', fromMs: 10 }]);
    expect(actor.getSnapshot().value).toBe('waitingForCalendar');
    actor.send({ type: 'calendar extended', upcoming: [month(1), month(2), month(3), month(4)] });
    expect(turns()).toEqual(['m0 to m1', 'm1 to m2', 'm2 to m3']);
  });

  it('takes no month twice and leaves no gap', () => {
    const { actor } = started(2);
    actor.send({
      type: 'calendar extended',
      upcoming: [month(1), month(2), month(3), month(5), month(4)],
    });
    expect(actor.getSnapshot().context.upcoming).toEqual([1, 2, 3, 4].map(month));
  });
});

it('changes nothing on an event that it does not know', () => {
  const { actor } = started(3);
  const before = actor.getSnapshot();
  actor.send({ type: 'tick' } as unknown as ClockEvent);
  expect(actor.getSnapshot()).toBe(before);
});

it('starts as a pure function, with a context that survives JSON', () => {
  const input = { nowMs: 0, period: month(0), upcoming: [month(1)] };
  const [snapshot] = initialTransition(monthClockMachine, input);
  expect(snapshot.value).toBe('withinMonth');
  expect(JSON.parse(JSON.stringify(snapshot.context))).toEqual(snapshot.context);
});

describe('every path of the chart', () => {
  const events: readonly ClockEvent[] = [
    ...[5, 10, 19, 25, 45].map((nowMs) => ({ type: 'clock.ticked', nowMs }) as const),
    { type: 'calendar extended', upcoming: [month(1), month(2)] },
    { type: 'calendar extended', upcoming: [month(3), month(4), month(5)] },
  ];
  const input = { nowMs: 0, period: month(0), upcoming: [month(1)] };

  it('ends in a month that contains the time, or waits for the calendar', async () => {
    const model = createTestModel(monthClockMachine);
    for (const path of model.getShortestPaths({ input, events, limit: 10_000 })) {
      await path.test({
        states: {
          withinMonth: ({ context: { nowMs, period } }) =>
            expect(nowMs).toBeLessThan(period.endsAtMs),
          waitingForCalendar: ({ context: { nowMs, period, upcoming } }) => {
            expect(nowMs).toBeGreaterThanOrEqual(period.endsAtMs);
            expect(upcoming).toEqual([]);
          },
        },
      });
    }
  });

  it('announces months in a row, each once, through every state and transition', () => {
    const coverage = new ChartCoverage(monthClockMachine);
    for (const { steps } of getShortestPaths(monthClockMachine, { input, events, limit: 10_000 })) {
      for (const event of events) {
        const { actor, turns } = started(1, coverage);
        for (const heard of [...steps.slice(1).map((step) => step.event), event]) actor.send(heard);
        const last = Number(actor.getSnapshot().context.period.month.slice(1));
        expect(turns()).toEqual(Array.from({ length: last }, (_, n) => `m${n} to m${n + 1}`));
      }
    }
    expect(coverage.missing()).toEqual([]);
  });
});
