/**
 * What of the actor system's news the Stately inspector is told: new actors, and what changed. This is decided before
 * anything is converted, as converting is what costs: the package's own filter runs after it.
 */
import type { AnyActorRef, InspectionEvent, Snapshot } from 'xstate';
import { boundedJson } from './bounded-json.ts';

type Inspected<Type extends InspectionEvent['type']> = Extract<InspectionEvent, { type: Type }>;
type NewActor = Inspected<'@xstate.actor'>;
type Heard = Inspected<'@xstate.event'>;
type Taken = Inspected<'@xstate.snapshot'>;

/** Changed states that one who comes late is shown. */
const HISTORY_KEPT = 60;
/** Changed states that wait to be sent; more than that between two sendings is a flood, of which the end is enough. */
const MOST_WAITING = 50;

/** An event and the state that it led to. */
interface Change {
  readonly heard: Heard | null;
  readonly taken: Taken;
}

interface Known {
  readonly value: string;
  readonly context: unknown;
}

type Machine = Partial<
  Readonly<Record<'value' | 'context' | 'tags' | 'status' | 'error', unknown>>
>;

/** A snapshot as the package would write it, with everything cut that has no bounds. */
function plainSnapshot(snapshot: Snapshot<unknown>): Snapshot<unknown> {
  const { status, value, context, tags, error } = snapshot as Machine;
  return {
    status: status ?? 'active',
    output: undefined,
    error: boundedJson(error),
    value: boundedJson(value),
    context: boundedJson(context),
    tags: tags instanceof Set ? [...tags] : [],
    historyValue: {},
    children: {},
  } as unknown as Snapshot<unknown>;
}

/**
 * Stands for an actor in what is handed to the package. It converts later, outside of any `try`, so it must find
 * nothing there but plain values that were read before.
 */
function standIn(ref: AnyActorRef): AnyActorRef {
  const logic: unknown = 'logic' in ref ? ref.logic : undefined;
  const snapshot = plainSnapshot(ref.getSnapshot());
  const { id, sessionId, _parent: above } = ref;
  const parent = above && { sessionId: above.sessionId };
  return {
    id,
    sessionId,
    logic,
    _parent: parent,
    getSnapshot: () => snapshot,
  } as unknown as AnyActorRef;
}

function plainChange({ heard, taken }: Change): readonly InspectionEvent[] {
  const event = boundedJson(taken.event) as Taken['event'];
  const sent: Taken = { ...taken, event, snapshot: plainSnapshot(taken.snapshot) };
  return heard === null ? [sent] : [{ ...heard, event }, sent];
}

function valueOf(snapshot: Machine): string {
  const { value, status } = snapshot;
  return typeof value === 'string' ? `${String(status)} ${value}` : JSON.stringify([status, value]);
}

/** Keeps living actors apart from changes, so that no traffic pushes their definitions out. */
export class StatelyChanges {
  readonly #living = new Map<string, NewActor>();
  readonly #heard = new WeakMap<object, Heard>();
  readonly #known = new WeakMap<object, Known>();
  readonly #history: Change[] = [];
  #unsent: NewActor[] = [];
  #waiting: Change[] = [];
  /** Actors of which only the context changed, with their last snapshot. */
  #restless = new Map<object, Taken>();

  /** True when something is to be sent now. Runs inside the actor's own step, so it only looks and remembers. */
  notice(event: InspectionEvent): boolean {
    if (event.type === '@xstate.actor') {
      this.#living.set((event.actorRef as AnyActorRef).id, event);
      this.#unsent.push(event);
      return true;
    }
    if (event.type === '@xstate.event') this.#heard.set(event.actorRef, event);
    return event.type === '@xstate.snapshot' && this.#take(event);
  }

  /** New actors and changed states since the last call, as the package wants them. */
  takeWaiting(): readonly InspectionEvent[] {
    const changes = this.#waiting;
    const actors = this.#unsent;
    this.#waiting = [];
    this.#unsent = [];
    this.#history.push(...changes);
    this.#history.splice(0, Math.max(0, this.#history.length - HISTORY_KEPT));
    return [...actors.map(plainActor), ...changes.flatMap(plainChange)];
  }

  /** The latest contexts of actors whose state stayed, since the last call. */
  takeRestless(): readonly InspectionEvent[] {
    const restless = [...this.#restless.values()];
    this.#restless = new Map();
    return restless.flatMap((taken) => plainChange({ heard: null, taken }));
  }

  /** Every living actor with its definition, then the latest changes: for one who comes late. */
  story(): readonly InspectionEvent[] {
    return [...[...this.#living.values()].map(plainActor), ...this.#history.flatMap(plainChange)];
  }

  #take(taken: Taken): boolean {
    const { actorRef } = taken;
    const heard = this.#heard.get(actorRef) ?? null;
    this.#heard.delete(actorRef);
    const machine = taken.snapshot as Machine;
    const before = this.#known.get(actorRef);
    const value = valueOf(machine);
    if (before?.value === value && before.context === machine.context) return false;
    this.#known.set(actorRef, { value, context: machine.context });
    if (before?.value === value) {
      this.#restless.set(actorRef, taken);
      return false;
    }
    this.#restless.delete(actorRef);
    this.#waiting.push({ heard, taken });
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    return true;
  }
}

function plainActor(event: NewActor): InspectionEvent {
  return { ...event, actorRef: standIn(event.actorRef as AnyActorRef) };
}
