/** The one actor system: the root chart with the logic of its children, and news of who is up. */
import { assign, createActor } from 'xstate';
import type { ActorRefFrom, AnyActorRef, InspectionEvent, SnapshotFrom } from 'xstate';
import { backendHealthMachine } from '../../machines/backend-health.machine.ts';
import { budgetReconcilerMachine } from '../../machines/budget-reconciler.machine.ts';
import { monthClockMachine } from '../../machines/month-clock.machine.ts';
import { nexusMachine } from '../../machines/nexus.machine.ts';
import { schedulerReconcilerMachine } from '../../machines/scheduler-reconciler.machine.ts';
import type { Clock } from '../core/clock.ts';
import type { ControlEvent } from '../core/control.ts';
import { reasonOf } from './reason-of.ts';

export type BudgetRef = ActorRefFrom<typeof budgetReconcilerMachine>;
export type HealthRef = ActorRefFrom<typeof backendHealthMachine>;
export type MonthClockRef = ActorRefFrom<typeof monthClockMachine>;
export type SchedulerRef = ActorRefFrom<typeof schedulerReconcilerMachine>;

/** Five restarts within a minute, after 0.1, 0.2, 0.4, 0.8 and 1.6 s; then an actor is given up. */
const SUPERVISION = {
  restartLimit: 5,
  restartWindowMs: 60_000,
  firstPauseMs: 100,
  longestPauseMs: 5000,
};

const HEALTH_PREFIX = 'health.';

/** What one kind of child starts from, and what to do when a new one is up or the last one is gone. */
export interface ChildCare<Ref> {
  readonly input: () => unknown;
  readonly up: (ref: Ref) => void;
  readonly down: () => void;
}

export interface ActorsOptions {
  readonly clock: Clock;
  readonly monthClock: ChildCare<MonthClockRef>;
  /** Null without a budget. */
  readonly budgetReconciler: ChildCare<BudgetRef> | null;
  readonly schedulerReconciler: ChildCare<SchedulerRef>;
  /** By the name of the backend. */
  readonly backendHealth: ReadonlyMap<string, ChildCare<HealthRef>>;
  readonly announce: (event: ControlEvent) => void;
  readonly inspect?: Inspect | undefined;
}

/** The care of each child by its id in the chart; the charts that are provided make the types of the references true. */
function careOf(options: ActorsOptions): Map<string, ChildCare<AnyActorRef>> {
  const { monthClock, budgetReconciler, schedulerReconciler, backendHealth } = options;
  const care = new Map<string, unknown>([
    ['month-clock', monthClock],
    ['scheduler-reconciler', schedulerReconciler],
  ]);
  for (const [name, health] of backendHealth) care.set(HEALTH_PREFIX + name, health);
  if (budgetReconciler) care.set('budget-reconciler', budgetReconciler);
  return care as Map<string, ChildCare<AnyActorRef>>;
}

function rootMachine(care: ReadonlyMap<string, ChildCare<AnyActorRef>>) {
  return nexusMachine.provide({
    actors: {
      'month clock': monthClockMachine,
      'budget reconciler': budgetReconcilerMachine,
      'scheduler reconciler': schedulerReconcilerMachine,
      'backend health': backendHealthMachine,
    },
    actions: {
      'read what the child starts from': assign(({ context }, { child }) => ({
        inputs: { ...context.inputs, [child]: care.get(child)?.input() },
      })),
    },
  });
}

type Inspect = (event: InspectionEvent) => void;

/** An inspector that throws would wedge the mailbox of the actor for ever; its first fault is warned of, not each one. */
function inspectSafely(inspect: Inspect): Inspect {
  let hasWarned = false;
  return (event) => {
    try {
      inspect(event);
    } catch (error) {
      if (!hasWarned) process.emitWarning(`the inspector threw: ${reasonOf(error)}`);
      hasWarned = true;
    }
  };
}

/** Starts the root and all its children. The returned function drains and stops them. */
export function startActors(options: ActorsOptions): () => void {
  const { clock, announce, backendHealth, inspect } = options;
  const care = careOf(options);
  const up = new Map<string, AnyActorRef>();
  const root = createActor(rootMachine(care), {
    id: 'nexus',
    clock,
    input: {
      ...SUPERVISION,
      hasBudget: options.budgetReconciler !== null,
      backends: [...backendHealth.keys()],
    },
    ...(inspect && { inspect: inspectSafely(inspect) }),
  });

  const adopt = (snapshot: SnapshotFrom<typeof nexusMachine>): void => {
    const children: Readonly<Record<string, AnyActorRef | undefined>> = snapshot.children;
    for (const [id, { up: takeUp, down }] of care) {
      const ref = children[id];
      if (ref === up.get(id)) continue;
      if (ref) {
        up.set(id, ref);
        takeUp(ref);
      } else {
        up.delete(id);
        down();
      }
    }
  };

  root.on('child failed', ({ child, reason, restarted }) =>
    announce({ kind: 'actor_failed', actor: child, restarted, reason }),
  );
  root.subscribe({
    next: adopt,
    error: (error) =>
      announce({ kind: 'actor_failed', actor: 'nexus', restarted: false, reason: reasonOf(error) }),
  });
  root.start();

  return () => {
    root.send({ type: 'drain' });
    root.send({ type: 'drained' });
    for (const id of up.keys()) care.get(id)?.down();
  };
}
