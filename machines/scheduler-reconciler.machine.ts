/**
 * What may be used: the posture that follows from the budget, and the ranked table of backends. This chart only says
 * that the policy changed; whoever listens reads the snapshot and publishes it.
 */
import { assign, emit, setup } from 'xstate';

interface Budget {
  readonly status: 'Normal' | 'SoftLimit' | 'HardLimit';
  readonly action: 'warn' | 'block_cloud' | 'block_all';
  readonly limitNano: number;
  /** `YYYY-MM`. */
  readonly month: string;
}

interface Model {
  readonly id: string;
  readonly contextLength: number | null;
  readonly vision: boolean | null;
  readonly tools: boolean | null;
}

interface Backend {
  readonly name: string;
  /** 0 to 100; lower is preferred. */
  readonly priority: number;
  readonly health: 'unknown' | 'healthy' | 'unhealthy';
  readonly healthReason: string | null;
  readonly models: readonly Model[];
  readonly latencyMs: number | null;
  readonly lastCheckedAtMs: number | null;
}

interface SchedulerContext {
  /** Null when no budget is configured. */
  readonly budget: Budget | null;
  /** Ranked by priority, then name. */
  readonly backends: readonly Backend[];
}

type SchedulerEvent =
  | { readonly type: 'budget status changed'; readonly budget: Budget }
  | { readonly type: 'backend changed'; readonly backend: Backend };

type SchedulerEmitted = { readonly type: 'policy changed' };

function rank(backends: readonly Backend[]): readonly Backend[] {
  return backends.toSorted((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1));
}

function isSameBudget(a: Budget | null, b: Budget): boolean {
  return (
    a !== null &&
    a.status === b.status &&
    a.action === b.action &&
    a.limitNano === b.limitNano &&
    a.month === b.month
  );
}

function isSameBackend(a: Backend | undefined, b: Backend): boolean {
  return (
    a !== undefined &&
    a.lastCheckedAtMs === b.lastCheckedAtMs &&
    a.latencyMs === b.latencyMs &&
    a.health === b.health &&
    a.healthReason === b.healthReason &&
    a.priority === b.priority &&
    // JSON made by one hand, with its keys in one order, so that the texts can be compared.
    JSON.stringify(a.models) === JSON.stringify(b.models)
  );
}

export const schedulerReconcilerMachine = setup({
  types: {
    context: {} as SchedulerContext,
    input: {} as SchedulerContext,
    events: {} as SchedulerEvent,
    emitted: {} as SchedulerEmitted,
  },
  guards: {
    'everything is blocked': ({ context: { budget } }) =>
      budget?.status === 'HardLimit' && budget.action === 'block_all',
    'cloud backends are blocked': ({ context: { budget } }) =>
      budget?.status === 'HardLimit' && budget.action === 'block_cloud',
    'money is short': ({ context: { budget } }) => budget !== null && budget.status !== 'Normal',
    'the budget is not as it was': ({ context }, { budget }: { readonly budget: Budget }) =>
      !isSameBudget(context.budget, budget),
    'the backend is not as it was': ({ context }, { backend }: { readonly backend: Backend }) =>
      !isSameBackend(
        context.backends.find(({ name }) => name === backend.name),
        backend,
      ),
  },
  actions: {
    'take the budget': assign((_, { budget }: { readonly budget: Budget }) => ({ budget })),
    'rank the backends': assign(({ context }, { backend }: { readonly backend: Backend }) => ({
      backends: rank([...context.backends.filter(({ name }) => name !== backend.name), backend]),
    })),
    'announce the policy': emit({ type: 'policy changed' }),
  },
}).createMachine({
  id: 'scheduler-reconciler',
  description: 'Turns the budget status and the health of the backends into one routing policy.',
  options: { maxIterations: 20 },
  context: ({ input }) => ({ budget: input.budget, backends: rank(input.backends) }),
  initial: 'deriving',
  on: {
    'budget status changed': {
      guard: { type: 'the budget is not as it was', params: ({ event }) => event },
      target: '.deriving',
      actions: [{ type: 'take the budget', params: ({ event }) => event }, 'announce the policy'],
    },
    'backend changed': {
      guard: { type: 'the backend is not as it was', params: ({ event }) => event },
      actions: [{ type: 'rank the backends', params: ({ event }) => event }, 'announce the policy'],
    },
  },
  states: {
    deriving: {
      description: 'The posture follows from the budget alone; it is looked up, never remembered.',
      always: [
        { guard: 'everything is blocked', target: 'closed' },
        { guard: 'cloud backends are blocked', target: 'localOnly' },
        { guard: 'money is short', target: 'preferLocal' },
        { target: 'open' },
      ],
    },
    open: { description: 'The best backend wins, local or cloud. Also when there is no budget.' },
    preferLocal: {
      description:
        'The soft limit, or the hard limit that only warns: local backends first, cloud where none can serve.',
    },
    localOnly: { description: 'The hard limit blocks cloud backends.' },
    closed: { description: 'The hard limit blocks every backend.' },
  },
});
