import type { SnapshotFrom } from 'xstate';
import type { schedulerReconcilerMachine } from '../../machines/scheduler-reconciler.machine.ts';
import type { BackendView, ModelRoute, Posture, RoutingPolicy } from '../core/policy.ts';
import type { BackendSettings } from '../core/settings.ts';
import { assert } from '../core/assert.ts';

type SchedulerSnapshot = SnapshotFrom<typeof schedulerReconcilerMachine>;
type Row = SchedulerSnapshot['context']['backends'][number];

/** The states in which the chart rests are the postures; `deriving` is never seen from outside. */
function postureOf(snapshot: SchedulerSnapshot): Posture {
  const { value } = snapshot;
  assert(value !== 'deriving', 'the scheduler rests in a posture');
  return value;
}

function frozenList(models: Row['models']): BackendView['models'] {
  return Object.freeze(models.map((model) => Object.freeze({ ...model })));
}

/**
 * Turns snapshots of the scheduler into routing policies: frozen, numbered from 1, and free of everything that the
 * request path has no need to know.
 */
export function createPolicyPublisher(
  backends: readonly BackendSettings[],
  routesOf: (backend: string) => readonly ModelRoute[],
): (snapshot: SchedulerSnapshot) => RoutingPolicy {
  const settings = new Map(backends.map((backend) => [backend.name, backend]));
  let version = 0;

  // Mostly one backend changed; the views of the others are those of the last policy.
  const last = new Map<string, { readonly row: Row; readonly view: BackendView }>();
  const viewOf = (row: Row): BackendView => {
    const known = last.get(row.name);
    if (known?.row === row) return known.view;
    // A list that says the same is the same object, so that nobody has to read it again.
    const isSameList =
      known !== undefined &&
      (known.row.models === row.models ||
        JSON.stringify(known.row.models) === JSON.stringify(row.models));
    const view = newView(row, isSameList ? known.view.models : frozenList(row.models));
    last.set(row.name, { row, view });
    return view;
  };

  const newView = (row: Row, models: BackendView['models']): BackendView => {
    const backend = settings.get(row.name);
    assert(backend !== undefined, `a backend named ${row.name} is configured`);
    const { name, type, kind, priority, tier } = backend;
    return Object.freeze({
      name,
      type,
      kind,
      priority,
      tier,
      health: row.health,
      healthReason: row.healthReason,
      models,
      routes: Object.freeze([...routesOf(name)]),
      latencyMs: row.latencyMs,
      lastCheckedAtMs: row.lastCheckedAtMs,
    });
  };

  return (snapshot) => {
    const { budget, backends: rows } = snapshot.context;
    version += 1;
    return Object.freeze({
      version,
      posture: postureOf(snapshot),
      budget:
        budget &&
        Object.freeze({
          status: budget.status,
          action: budget.action,
          limit: budget.limitNano,
          billingMonth: budget.month,
        }),
      backends: Object.freeze(rows.map(viewOf)),
    });
  };
}
