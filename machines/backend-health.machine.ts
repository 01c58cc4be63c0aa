/**
 * The health of one backend, from probes and from live traffic. One result decides for a backend that was never
 * heard of; after that it takes several in a row, so that one lost packet moves no traffic.
 */
import { assign, emit, setup } from 'xstate';
import type { SnapshotFrom } from 'xstate';

type Health = 'unknown' | 'healthy' | 'unhealthy';

interface Model {
  readonly id: string;
  readonly contextLength: number | null;
  readonly vision: boolean | null;
  readonly tools: boolean | null;
}

/** What is known of the backend; survives a restart of the actor by its input. */
interface Findings {
  /** Why it is unhealthy; null when it is not. */
  readonly reason: string | null;
  /** Smoothed time to first byte; null before the first. */
  readonly latencyMs: number | null;
  readonly models: readonly Model[];
  readonly lastCheckedAtMs: number | null;
}

interface HealthContext extends Findings {
  readonly backend: string;
  readonly failureThreshold: number;
  readonly recoveryThreshold: number;
  /** Both stop counting at their threshold. */
  readonly failuresInARow: number;
  readonly successesInARow: number;
}

interface HealthInput extends Findings {
  readonly backend: string;
  readonly failureThreshold: number;
  readonly recoveryThreshold: number;
  readonly health: Health;
}

type HealthEvent =
  | {
      readonly type: 'probe succeeded';
      readonly latencyMs: number;
      readonly models: readonly Model[];
      readonly atMs: number;
    }
  | { readonly type: 'probe failed'; readonly reason: string; readonly atMs: number }
  | { readonly type: 'attempt succeeded'; readonly latencyMs: number | null }
  | { readonly type: 'attempt failed'; readonly reason: string };

type HealthEmitted = {
  readonly type: 'health changed';
  readonly backend: string;
  readonly from: Health;
  readonly to: Health;
  readonly reason: string | null;
};

/** Share of the newest sample in the smoothed latency: the last ten or so count. */
const NEWEST_SHARE = 0.2;

function smooth(latencyMs: number | null, sampleMs: number): number {
  if (latencyMs === null) return sampleMs;
  return Math.round((latencyMs + (sampleMs - latencyMs) * NEWEST_SHARE) * 100) / 100;
}

function countsAfterSuccess({
  successesInARow,
  recoveryThreshold,
}: HealthContext): Pick<HealthContext, 'failuresInARow' | 'successesInARow'> {
  return { failuresInARow: 0, successesInARow: Math.min(successesInARow + 1, recoveryThreshold) };
}

export const backendHealthMachine = setup({
  types: {
    context: {} as HealthContext & { readonly startsAs: Health },
    input: {} as HealthInput,
    events: {} as HealthEvent,
    emitted: {} as HealthEmitted,
  },
  guards: {
    'it was healthy before a restart': ({ context }) => context.startsAs === 'healthy',
    'it was unhealthy before a restart': ({ context }) => context.startsAs === 'unhealthy',
    'it succeeded once': ({ context }) => context.successesInARow > 0,
    'it failed once': ({ context }) => context.failuresInARow > 0,
    'it succeeded often enough in a row': ({ context }) =>
      context.successesInARow >= context.recoveryThreshold,
    'it failed too often in a row': ({ context }) =>
      context.failuresInARow >= context.failureThreshold,
  },
  actions: {
    'count a failure': assign(({ context }, { reason }: { readonly reason: string }) => ({
      reason,
      successesInARow: 0,
      failuresInARow: Math.min(context.failuresInARow + 1, context.failureThreshold),
    })),
    'count an answer': assign(
      ({ context }, { latencyMs }: { readonly latencyMs: number | null }) => ({
        ...countsAfterSuccess(context),
        latencyMs: latencyMs === null ? context.latencyMs : smooth(context.latencyMs, latencyMs),
      }),
    ),
    // A backend that lists nothing for a moment, while it loads, has not lost its models.
    'count a good probe': assign(
      (
        { context },
        { latencyMs, models, atMs }: Extract<HealthEvent, { type: 'probe succeeded' }>,
      ) => ({
        ...countsAfterSuccess(context),
        latencyMs: smooth(context.latencyMs, latencyMs),
        models: models.length === 0 ? context.models : models,
        lastCheckedAtMs: atMs,
      }),
    ),
    'remember the check': assign((_, { atMs }: { readonly atMs: number }) => ({
      lastCheckedAtMs: atMs,
    })),
    'forget the reason': assign({ reason: null }),
    'announce the health': emit(
      ({ context }, { from, to }: { readonly from: Health; readonly to: Health }) => ({
        type: 'health changed',
        backend: context.backend,
        from,
        to,
        reason: context.reason,
      }),
    ),
  },
}).createMachine({
  id: 'backend-health',
  description:
    'Whether one backend can be used, from probes that cost nothing and from live traffic.',
  options: { maxIterations: 20 },
  context: ({ input: { health, ...known } }) => ({
    ...known,
    startsAs: health,
    failuresInARow: 0,
    successesInARow: 0,
  }),
  initial: 'starting',
  on: {
    'probe succeeded': {
      actions: { type: 'count a good probe', params: ({ event }) => event },
    },
    'probe failed': {
      actions: [
        { type: 'count a failure', params: ({ event }) => event },
        { type: 'remember the check', params: ({ event }) => event },
      ],
    },
    'attempt succeeded': {
      description: 'Live traffic was answered.',
      actions: { type: 'count an answer', params: ({ event }) => event },
    },
    'attempt failed': {
      description:
        'Live traffic was not served. An answer with a 4xx is no failure of the backend.',
      actions: { type: 'count a failure', params: ({ event }) => event },
    },
  },
  states: {
    starting: {
      description: 'A new backend is unknown; a restarted actor goes on where it was.',
      always: [
        { guard: 'it was healthy before a restart', target: 'healthy' },
        { guard: 'it was unhealthy before a restart', target: 'unhealthy' },
        { target: 'unknown' },
      ],
    },
    unknown: {
      description: 'Never heard of. The first result decides.',
      always: [
        {
          guard: 'it succeeded once',
          target: 'healthy',
          actions: [
            'forget the reason',
            { type: 'announce the health', params: { from: 'unknown', to: 'healthy' } },
          ],
        },
        {
          guard: 'it failed once',
          target: 'unhealthy',
          actions: { type: 'announce the health', params: { from: 'unknown', to: 'unhealthy' } },
        },
      ],
    },
    healthy: {
      description: 'In use. Single failures are tolerated.',
      always: {
        guard: 'it failed too often in a row',
        target: 'unhealthy',
        actions: { type: 'announce the health', params: { from: 'healthy', to: 'unhealthy' } },
      },
    },
    unhealthy: {
      description: 'Not in use, but still probed: it comes back after some successes in a row.',
      always: {
        guard: 'it succeeded often enough in a row',
        target: 'healthy',
        actions: [
          'forget the reason',
          { type: 'announce the health', params: { from: 'unhealthy', to: 'healthy' } },
        ],
      },
    },
  },
});

/** True while another success of live traffic could change nothing but the smoothed latency. */
export function isSteady(snapshot: SnapshotFrom<typeof backendHealthMachine>): boolean {
  return snapshot.value === 'healthy' && snapshot.context.failuresInARow === 0;
}
