/**
 * The budget of one billing month: how near the spending is to the limit.
 *
 * Events carry totals, never differences, and the level is derived from them by `always` guards, so that a restart, a
 * raised limit and a new month need no path of their own, and an event that was missed heals on the next one.
 * There is no `after` and no `invoke` here: every path of this chart can be walked by a test.
 */
import { assign, emit, setup } from 'xstate';
import type { SnapshotFrom } from 'xstate';

/** What is refused once the limit is reached: nothing, cloud backends, or everything. */
type HardLimitAction = 'warn' | 'block_cloud' | 'block_all';

/** Spending of the current month, in whole nano-dollars. */
interface Totals {
  /** `YYYY-MM`. */
  readonly month: string;
  readonly settledNano: number;
  /** Money whose fate is unknown after a crash; it counts as spent until it is resolved. */
  readonly suspenseNano: number;
}

interface Limits {
  readonly limitNano: number;
  /** In (0, 100], decimals allowed. */
  readonly softLimitPercent: number;
  readonly action: HardLimitAction;
}

interface BudgetContext extends Totals, Limits {
  /** The smallest spending that counts as the soft limit. */
  readonly softLimitNano: number;
  /** The spending at which a request was refused although nothing was in flight; null when none was. */
  readonly nothingFitsAtNano: number | null;
  readonly reconciledAtMs: number | null;
}

interface BudgetInput extends Totals, Limits {
  readonly reconciledAtMs: number | null;
}

type BudgetEvent =
  | ({ readonly type: 'totals.changed' } & Totals)
  | ({ readonly type: 'month.turned' } & Totals)
  | ({ readonly type: 'reconciled'; readonly atMs: number } & Totals)
  | ({ readonly type: 'budget.changed' } & Limits)
  | { readonly type: 'nothing fits' }
  | { readonly type: 'prices.changed' };

interface Crossing {
  readonly spendingNano: number;
  readonly limitNano: number;
  readonly month: string;
}

type BudgetEmitted =
  | ({ readonly type: 'soft limit reached' } & Crossing)
  | ({ readonly type: 'hard limit reached'; readonly action: HardLimitAction } & Crossing)
  | { readonly type: 'limit changed'; readonly fromNano: number; readonly toNano: number };

/**
 * The smallest whole number of nano-dollars whose share of the limit is at least `percent`. Exact: the percentage is
 * taken by its decimal digits (82.5 is 825 thousandths), multiplied in `bigint` and rounded up.
 */
export function softLimitOf(limitNano: number, percent: number): number {
  const [digits = '', exponent = ''] = percent.toExponential().split('e');
  const [whole = '', decimals = ''] = digits.split('.');
  const shift = Number(exponent) - decimals.length;
  const share = BigInt(limitNano) * BigInt(whole + decimals) * 10n ** BigInt(Math.max(shift, 0));
  const hundred = 100n * 10n ** BigInt(Math.max(-shift, 0));
  return Number((share + hundred - 1n) / hundred);
}

function spendingOf({ settledNano, suspenseNano }: Totals): number {
  return settledNano + suspenseNano;
}

/** The spending from which the hard limit holds: the limit itself, or less once nothing more fitted at less. */
function hardLimitOf({ limitNano, nothingFitsAtNano }: BudgetContext): number {
  return Math.min(limitNano, nothingFitsAtNano ?? limitNano);
}

function crossingOf(context: BudgetContext): Crossing {
  const { limitNano, month } = context;
  return { spendingNano: spendingOf(context), limitNano, month };
}

export const budgetReconcilerMachine = setup({
  types: {
    context: {} as BudgetContext,
    input: {} as BudgetInput,
    events: {} as BudgetEvent,
    emitted: {} as BudgetEmitted,
  },
  guards: {
    'spending is at or above the hard limit': ({ context }) =>
      spendingOf(context) >= context.limitNano,
    'nothing more fits': ({ context }) => spendingOf(context) >= hardLimitOf(context),
    'spending is at or above the soft limit': ({ context }) =>
      spendingOf(context) >= context.softLimitNano,
    'spending is below both limits': ({ context }) =>
      spendingOf(context) < Math.min(hardLimitOf(context), context.softLimitNano),
    'spending is below the hard limit': ({ context }) => spendingOf(context) < hardLimitOf(context),
    'the totals are of this month': ({ context }, totals: Totals) => totals.month === context.month,
    'the limit is another one': ({ context }, limits: Limits) =>
      limits.limitNano !== context.limitNano,
  },
  actions: {
    // Less spending than when nothing fitted leaves room again, so that refusal is forgotten.
    'take the totals': assign(({ context }, { settledNano, suspenseNano }: Totals) => ({
      settledNano,
      suspenseNano,
      nothingFitsAtNano:
        context.nothingFitsAtNano !== null && settledNano + suspenseNano < context.nothingFitsAtNano
          ? null
          : context.nothingFitsAtNano,
    })),
    'begin the month': assign((_, { month, settledNano, suspenseNano }: Totals) => ({
      month,
      settledNano,
      suspenseNano,
      nothingFitsAtNano: null,
    })),
    'take the limits': assign(
      ({ context }, { limitNano, softLimitPercent, action }: Limits): Partial<BudgetContext> => ({
        limitNano,
        softLimitPercent,
        action,
        softLimitNano: softLimitOf(limitNano, softLimitPercent),
        nothingFitsAtNano: limitNano > context.limitNano ? null : context.nothingFitsAtNano,
      }),
    ),
    'remember that nothing fits': assign({
      nothingFitsAtNano: ({ context }) => spendingOf(context),
    }),
    'forget that nothing fits': assign({ nothingFitsAtNano: null }),
    'remember the reconciliation': assign((_, { atMs }: { readonly atMs: number }) => ({
      reconciledAtMs: atMs,
    })),
    'announce the soft limit': emit(({ context }) => ({
      type: 'soft limit reached',
      ...crossingOf(context),
    })),
    'announce the hard limit': emit(({ context }) => ({
      type: 'hard limit reached',
      action: context.action,
      ...crossingOf(context),
    })),
    'announce the new limit': emit(({ context }, { limitNano }: Limits) => ({
      type: 'limit changed',
      fromNano: context.limitNano,
      toNano: limitNano,
    })),
  },
}).createMachine({
  id: 'budget-reconciler',
  description:
    'How near the spending of the billing month is to its limit. Spending is what was settled plus what is in suspense.',
  options: { maxIterations: 20 },
  context: ({ input }) => ({
    ...input,
    softLimitNano: softLimitOf(input.limitNano, input.softLimitPercent),
    nothingFitsAtNano: null,
  }),
  initial: 'deriving',
  on: {
    'totals.changed': {
      description: 'The balances of the ledger changed. Totals of another month are stale news.',
      guard: { type: 'the totals are of this month', params: ({ event }) => event },
      actions: { type: 'take the totals', params: ({ event }) => event },
    },
    'month.turned': {
      description: 'A new billing month: its own totals, and what did not fit is forgotten.',
      actions: { type: 'begin the month', params: ({ event }) => event },
    },
    reconciled: {
      description: 'The ledger recomputed its totals from its entries.',
      guard: { type: 'the totals are of this month', params: ({ event }) => event },
      actions: [
        { type: 'take the totals', params: ({ event }) => event },
        { type: 'remember the reconciliation', params: ({ event }) => event },
      ],
    },
    'budget.changed': [
      {
        guard: { type: 'the limit is another one', params: ({ event }) => event },
        actions: [
          { type: 'announce the new limit', params: ({ event }) => event },
          { type: 'take the limits', params: ({ event }) => event },
        ],
      },
      { actions: { type: 'take the limits', params: ({ event }) => event } },
    ],
    'nothing fits': {
      description:
        'A request was refused with nothing in flight: the rest of the budget is too small to be used.',
      actions: 'remember that nothing fits',
    },
    'prices.changed': {
      description: 'What did not fit may have become cheaper; the next request shows it.',
      actions: 'forget that nothing fits',
    },
  },
  states: {
    deriving: {
      description:
        'The level at the start. Nothing is announced: a restart above a limit is no crossing.',
      always: [
        { guard: 'spending is at or above the hard limit', target: 'hardLimit' },
        { guard: 'spending is at or above the soft limit', target: 'softLimit' },
        { target: 'normal' },
      ],
    },
    normal: {
      description: 'The best backend wins, local or cloud.',
      always: [
        {
          guard: 'spending is at or above the hard limit',
          target: 'hardLimit',
          actions: ['announce the soft limit', 'announce the hard limit'],
        },
        { guard: 'nothing more fits', target: 'hardLimit', actions: 'announce the hard limit' },
        {
          guard: 'spending is at or above the soft limit',
          target: 'softLimit',
          actions: 'announce the soft limit',
        },
      ],
    },
    softLimit: {
      description: 'Local backends go first; cloud is used where no local one can serve.',
      always: [
        {
          guard: 'spending is at or above the hard limit',
          target: 'hardLimit',
          actions: 'announce the hard limit',
        },
        { guard: 'nothing more fits', target: 'hardLimit', actions: 'announce the hard limit' },
        { guard: 'spending is below both limits', target: 'normal' },
      ],
    },
    hardLimit: {
      description: 'The budget is used up: warn, block cloud backends, or block everything.',
      always: [
        { guard: 'spending is below both limits', target: 'normal' },
        { guard: 'spending is below the hard limit', target: 'softLimit' },
      ],
    },
  },
});

/** The range of spending within which totals alone can not change the chart's state: `[fromNano, belowNano)`. */
export interface SpendingRange {
  readonly fromNano: number;
  readonly belowNano: number;
}

/**
 * The next totals, in both directions, at which the chart would leave its state. The chart's guards are thresholds,
 * so every total inside the range may be held back without anyone seeing a difference. A guard that is not a
 * threshold on spending breaks this: it must then answer an empty range.
 */
export function boundaryOf(snapshot: SnapshotFrom<typeof budgetReconcilerMachine>): SpendingRange {
  const { context, value } = snapshot;
  const hardLimitNano = hardLimitOf(context);
  if (value === 'normal') {
    return {
      fromNano: -Infinity,
      belowNano: Math.min(context.softLimitNano, hardLimitNano),
    };
  }
  if (value === 'softLimit') {
    return { fromNano: context.softLimitNano, belowNano: hardLimitNano };
  }
  return { fromNano: hardLimitNano, belowNano: Infinity };
}
