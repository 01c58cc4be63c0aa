/**
 * The billing month. Its boundaries arrive as instants that were computed elsewhere; this chart only compares them
 * with the time it is told, and announces each boundary exactly once, also when the clock jumps over several.
 */
import { assign, emit, setup } from 'xstate';

/** One billing month: `[startsAtMs, endsAtMs)` in Unix milliseconds. */
interface Period {
  /** `YYYY-MM` of the day on which it starts. */
  readonly month: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** `YYYY-MM-DD`: the day on which the next one starts. */
  readonly nextResetDate: string;
}

interface MonthClockContext {
  /** The latest instant that was heard. */
  readonly nowMs: number;
  readonly period: Period;
  /** The periods that follow `period`, without a gap. */
  readonly upcoming: readonly Period[];
}

type MonthClockEvent =
  | { readonly type: 'clock.ticked'; readonly nowMs: number }
  | { readonly type: 'calendar extended'; readonly upcoming: readonly Period[] };

type MonthClockEmitted =
  | { readonly type: 'month turned'; readonly from: string; readonly period: Period }
  /** More periods are wanted, starting at `fromMs`. */
  | { readonly type: 'calendar is running out'; readonly fromMs: number };

function knownUntil({ period, upcoming }: MonthClockContext): number {
  return (upcoming.at(-1) ?? period).endsAtMs;
}

export const monthClockMachine = setup({
  types: {
    context: {} as MonthClockContext,
    input: {} as MonthClockContext,
    events: {} as MonthClockEvent,
    emitted: {} as MonthClockEmitted,
  },
  guards: {
    'the clock has moved on': ({ context }, { nowMs }: { readonly nowMs: number }) =>
      nowMs > context.nowMs,
    'the month has ended': ({ context }) => context.nowMs >= context.period.endsAtMs,
    'only one more month is known': ({ context }) => context.upcoming.length === 1,
    'the next month is known': ({ context }) => context.upcoming.length > 0,
  },
  actions: {
    'take the time': assign((_, { nowMs }: { readonly nowMs: number }) => ({ nowMs })),
    // Periods that are known already, or that would leave a gap, are not taken.
    'extend the calendar': assign(
      ({ context }, { upcoming }: { readonly upcoming: readonly Period[] }) => {
        const known = [...context.upcoming];
        let untilMs = knownUntil(context);
        for (const period of upcoming) {
          if (period.startsAtMs !== untilMs) continue;
          known.push(period);
          untilMs = period.endsAtMs;
        }
        return { upcoming: known };
      },
    ),
    'announce the next month': emit(({ context: { period, upcoming } }) => {
      const [next = period] = upcoming;
      return { type: 'month turned', from: period.month, period: next };
    }),
    'begin the next month': assign(({ context: { period, upcoming } }) => {
      const [next = period, ...later] = upcoming;
      return { period: next, upcoming: later };
    }),
    'ask for more months': emit(({ context }) => ({
      type: 'calendar is running out',
      fromMs: knownUntil(context),
    })),
  },
}).createMachine({
  id: 'month-clock',
  description:
    'Announces each start of a billing month exactly once, however the clock gets there.',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input }),
  initial: 'withinMonth',
  on: {
    'clock.ticked': {
      description:
        'What time it is. A clock that went back changes nothing: a month is never reopened.',
      guard: { type: 'the clock has moved on', params: ({ event }) => event },
      actions: { type: 'take the time', params: ({ event }) => event },
    },
    'calendar extended': {
      actions: { type: 'extend the calendar', params: ({ event }) => event },
    },
  },
  states: {
    withinMonth: {
      description: 'The latest instant that was heard lies in the current month.',
      always: { guard: 'the month has ended', target: 'turning' },
    },
    turning: {
      description: 'The month is over: the next one begins, and perhaps the one after it.',
      always: [
        {
          guard: 'only one more month is known',
          target: 'withinMonth',
          actions: ['announce the next month', 'begin the next month', 'ask for more months'],
        },
        {
          guard: 'the next month is known',
          target: 'withinMonth',
          actions: ['announce the next month', 'begin the next month'],
        },
        { target: 'waitingForCalendar', actions: 'ask for more months' },
      ],
    },
    waitingForCalendar: {
      description: 'The month is over, but it is not known where the next one ends.',
      always: { guard: 'the next month is known', target: 'turning' },
    },
  },
});
