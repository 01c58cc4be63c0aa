/**
 * The root: starts the actors of the control plane, keeps each of them alive on its own, drains and stops.
 *
 * Each child is supervised in a nested state of its own region (`up`, `backoff`, `failed`), because a transition that
 * re-enters a whole region restarts its siblings too. A child that failed is started again after a pause that doubles
 * with each recent failure; one that fails more often than `restartLimit` within `restartWindowMs` is given up, and the
 * system goes on, degraded.
 *
 * The logic of the children is handed in with `provide`: charts do not know each other. What a child starts from is
 * read by the action 'read what the child starts from', so that a restarted child gets the facts of that moment.
 */
import { assign, createMachine, emit, enqueueActions, raise, setup } from 'xstate';
import type { AnyActorLogic } from 'xstate';

interface NexusInput {
  /** Without a budget there is no budget reconciler. */
  readonly hasBudget: boolean;
  /** Names of the configured backends; each gets one health actor, `health.<name>`. */
  readonly backends: readonly string[];
  readonly restartLimit: number;
  readonly restartWindowMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

interface NexusContext extends NexusInput {
  /** What each child started from, by its id. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Failures of each child within the restart window, by its id. */
  readonly failures: Readonly<Record<string, number>>;
}

interface ChildFailure {
  readonly child: string;
  readonly reason: string;
}

interface FailureArgs {
  readonly event: { readonly actorId: string; readonly error: unknown };
}

type NexusEvent =
  | { readonly type: 'drain' }
  | { readonly type: 'drained' }
  | { readonly type: 'a failure grew old'; readonly child: string }
  | { readonly type: 'a health actor is due'; readonly child: string }
  | {
      readonly type: 'xstate.error.actor.health.*';
      readonly actorId: string;
      readonly error: unknown;
    };

type NexusEmitted = {
  readonly type: 'child failed';
  readonly child: string;
  readonly reason: string;
  /** False when it was given up. */
  readonly restarted: boolean;
};

/** Stands where the composition root provides the real logic. */
const notProvided: AnyActorLogic = createMachine({});

function failureOf({ event: { actorId, error } }: FailureArgs): ChildFailure {
  return { child: actorId, reason: error instanceof Error ? error.message : String(error) };
}

function recentFailures({ failures }: NexusContext, child: string): number {
  return failures[child] ?? 0;
}

function pauseBefore(context: NexusContext, child: string): number {
  const doubled = context.firstPauseMs * 2 ** Math.max(recentFailures(context, child) - 1, 0);
  return Math.min(doubled, context.longestPauseMs);
}

export const nexusMachine = setup({
  types: {
    context: {} as NexusContext,
    input: {} as NexusInput,
    events: {} as NexusEvent,
    emitted: {} as NexusEmitted,
    tags: {} as 'degraded',
  },
  actors: {
    'month clock': notProvided,
    'budget reconciler': notProvided,
    'scheduler reconciler': notProvided,
    'backend health': notProvided,
  },
  delays: {
    'pause of the month clock': ({ context }) => pauseBefore(context, 'month-clock'),
    'pause of the budget reconciler': ({ context }) => pauseBefore(context, 'budget-reconciler'),
    'pause of the scheduler reconciler': ({ context }) =>
      pauseBefore(context, 'scheduler-reconciler'),
    'restart window': ({ context }) => context.restartWindowMs,
  },
  guards: {
    'a budget is configured': ({ context }) => context.hasBudget,
    'it failed too often': ({ context }, { child }: { readonly child: string }) =>
      recentFailures(context, child) >= context.restartLimit,
  },
  actions: {
    // Charts do no I/O: the composition root provides this action.
    'read what the child starts from': assign((_args, _from: { readonly child: string }) => ({})),
    'plan a restart': enqueueActions(({ context, enqueue }, { child, reason }: ChildFailure) => {
      const count = recentFailures(context, child) + 1;
      enqueue.assign({ failures: { ...context.failures, [child]: count } });
      enqueue.raise({ type: 'a failure grew old', child }, { delay: 'restart window' });
      enqueue.emit({ type: 'child failed', child, reason, restarted: true });
    }),
    'forget one failure': assign(({ context }, { child }: { readonly child: string }) => ({
      failures: { ...context.failures, [child]: recentFailures(context, child) - 1 },
    })),
    'report that it is given up': emit((_, { child, reason }: ChildFailure) => ({
      type: 'child failed',
      child,
      reason,
      restarted: false,
    })),
    'start every health actor': enqueueActions(({ context, enqueue }) => {
      for (const name of context.backends) {
        enqueue.raise({ type: 'a health actor is due', child: `health.${name}` });
      }
    }),
    'start the health actor': enqueueActions(
      ({ enqueue }, { child }: { readonly child: string }) => {
        enqueue.spawnChild('backend health', {
          id: child,
          systemId: child,
          input: ({ context }: { readonly context: NexusContext }) => context.inputs[child],
        });
      },
    ),
    // A spawned actor that ended stays among the children until it is stopped.
    'clear the health actor away': enqueueActions(({ enqueue }, { child }: ChildFailure) => {
      enqueue.stopChild(child);
    }),
    'start the health actor after a pause': raise(
      (_, { child }: ChildFailure) => ({ type: 'a health actor is due', child }) as const,
      { delay: ({ context }, { child }) => pauseBefore(context, child) },
    ),
  },
}).createMachine({
  id: 'nexus',
  description:
    'The control plane: one supervised actor for each concern, and one for each backend.',
  // Each backend takes two steps at the start.
  options: { maxIterations: 10_000 },
  context: ({ input }) => ({ ...input, inputs: {}, failures: {} }),
  initial: 'running',
  states: {
    running: {
      type: 'parallel',
      description: 'Every region lives for itself: what happens in one never restarts another.',
      on: {
        'a failure grew old': {
          description: 'Only failures within the restart window count.',
          actions: { type: 'forget one failure', params: ({ event }) => event },
        },
      },
      states: {
        lifecycle: {
          initial: 'serving',
          states: {
            serving: { description: 'At work.', on: { drain: 'draining' } },
            draining: {
              description: 'No new work; what is in flight is still counted by living actors.',
              on: { drained: '#nexus.stopped' },
            },
          },
        },
        monthClock: {
          initial: 'up',
          states: {
            up: {
              description: 'The actor lives.',
              entry: { type: 'read what the child starts from', params: { child: 'month-clock' } },
              invoke: {
                id: 'month-clock',
                systemId: 'month-clock',
                src: 'month clock',
                input: ({ context }: { readonly context: NexusContext }) =>
                  context.inputs['month-clock'],
                onError: [
                  {
                    guard: { type: 'it failed too often', params: failureOf },
                    target: 'failed',
                    actions: { type: 'report that it is given up', params: failureOf },
                  },
                  { target: 'backoff', actions: { type: 'plan a restart', params: failureOf } },
                ],
              },
            },
            backoff: {
              description: 'It failed; a new one is started after a pause.',
              after: { 'pause of the month clock': 'up' },
            },
            failed: { description: 'It failed too often and was given up.', tags: 'degraded' },
          },
        },
        budgetReconciler: {
          initial: 'choosing',
          states: {
            choosing: {
              always: [{ guard: 'a budget is configured', target: 'up' }, { target: 'absent' }],
            },
            absent: { description: 'No budget is configured: nothing is enforced.' },
            up: {
              description: 'The actor lives.',
              entry: {
                type: 'read what the child starts from',
                params: { child: 'budget-reconciler' },
              },
              invoke: {
                id: 'budget-reconciler',
                systemId: 'budget-reconciler',
                src: 'budget reconciler',
                input: ({ context }: { readonly context: NexusContext }) =>
                  context.inputs['budget-reconciler'],
                onError: [
                  {
                    guard: { type: 'it failed too often', params: failureOf },
                    target: 'failed',
                    actions: { type: 'report that it is given up', params: failureOf },
                  },
                  { target: 'backoff', actions: { type: 'plan a restart', params: failureOf } },
                ],
              },
            },
            backoff: {
              description: 'It failed; a new one is started after a pause.',
              after: { 'pause of the budget reconciler': 'up' },
            },
            failed: { description: 'It failed too often and was given up.', tags: 'degraded' },
          },
        },
        schedulerReconciler: {
          initial: 'up',
          states: {
            up: {
              description: 'The actor lives.',
              entry: {
                type: 'read what the child starts from',
                params: { child: 'scheduler-reconciler' },
              },
              invoke: {
                id: 'scheduler-reconciler',
                systemId: 'scheduler-reconciler',
                src: 'scheduler reconciler',
                input: ({ context }: { readonly context: NexusContext }) =>
                  context.inputs['scheduler-reconciler'],
                onError: [
                  {
                    guard: { type: 'it failed too often', params: failureOf },
                    target: 'failed',
                    actions: { type: 'report that it is given up', params: failureOf },
                  },
                  { target: 'backoff', actions: { type: 'plan a restart', params: failureOf } },
                ],
              },
            },
            backoff: {
              description: 'It failed; a new one is started after a pause.',
              after: { 'pause of the scheduler reconciler': 'up' },
            },
            failed: { description: 'It failed too often and was given up.', tags: 'degraded' },
          },
        },
        backendHealth: {
          description:
            'One actor for each backend, supervised by its id, as their number is only known at run time.',
          entry: 'start every health actor',
          on: {
            'xstate.error.actor.health.*': [
              {
                guard: { type: 'it failed too often', params: failureOf },
                target: '.someGivenUp',
                actions: [
                  { type: 'clear the health actor away', params: failureOf },
                  { type: 'report that it is given up', params: failureOf },
                ],
              },
              {
                actions: [
                  { type: 'clear the health actor away', params: failureOf },
                  { type: 'plan a restart', params: failureOf },
                  { type: 'start the health actor after a pause', params: failureOf },
                ],
              },
            ],
            'a health actor is due': {
              actions: [
                { type: 'read what the child starts from', params: ({ event }) => event },
                { type: 'start the health actor', params: ({ event }) => event },
              ],
            },
          },
          initial: 'allWatched',
          states: {
            allWatched: { description: 'Each has its actor, or will have a new one in a moment.' },
            someGivenUp: {
              description: 'The last known health of a backend without an actor stays in force.',
              tags: 'degraded',
            },
          },
        },
      },
    },
    stopped: { type: 'final' },
  },
});
