/**
 * What the actors do, written down while somebody looks. It hears every event inside the actor system, so while nobody
 * looks it does no more than remember who lives. The inspector page reads a running gateway through it, and runs this
 * very file beside the charts that it simulates.
 */
import type { AnyActorRef, InspectionEvent } from 'xstate';
import type {
  ActorJournal,
  ActorReading,
  ActorRecord,
  ShownState,
  StepTaken,
} from '../core/inspection.ts';
import { boundedJson } from './bounded-json.ts';

/** Records of note are kept apart: the others come so often that they would push them out. */
const CHANGES_KEPT = 100;
const OTHERS_KEPT = 50;

interface Underway {
  /** Numbers of events that were sent and not yet taken, oldest first: causes are listed before what they led to. */
  readonly sent: number[];
  readonly steps: StepTaken[];
  readonly announced: string[];
}

interface Shown {
  readonly status: string;
  readonly value: ShownState;
  readonly context: unknown;
}

type Microstep = Extract<InspectionEvent, { type: '@xstate.microstep' }>;
type Action = Extract<InspectionEvent, { type: '@xstate.action' }>;
type Taken = Extract<InspectionEvent, { type: '@xstate.snapshot' }>;

export interface InspectingJournal extends ActorJournal {
  /** For the `inspect` of an actor system. */
  readonly inspect: (event: InspectionEvent) => void;
}

function shownOf(ref: AnyActorRef): Shown {
  const { status, value = '', context = {} } = ref.getSnapshot() as Partial<Shown>;
  return { status: status ?? 'active', value, context };
}

function chartOf(ref: AnyActorRef): string {
  const logic: unknown = 'logic' in ref ? ref.logic : null;
  const hasId = typeof logic === 'object' && logic !== null && 'id' in logic;
  return hasId ? String(logic.id) : ref.id;
}

function guardNameOf(guard: unknown): string | null {
  if (typeof guard === 'string') return guard;
  const isNamed = typeof guard === 'object' && guard !== null && 'type' in guard;
  return isNamed ? String(guard.type) : null;
}

function stepsOf({ _transitions: transitions }: Microstep): readonly StepTaken[] {
  return transitions.flatMap(({ source, target, eventType, guard }) =>
    target === undefined
      ? []
      : [
          {
            from: source.path.join('.'),
            to: target.map(({ path }) => path.join('.')),
            on: eventType,
            guard: guardNameOf(guard),
          },
        ],
  );
}

function announcedBy({ action }: Action): string | null {
  if (action.type !== 'xstate.emit') return null;
  const { event } = action.params as { readonly event: { readonly type: string } };
  return event.type;
}

function isSameState(a: ShownState, b: ShownState): boolean {
  return a === b || (typeof a !== 'string' && JSON.stringify(a) === JSON.stringify(b));
}

/** The scheduler says this at any news of a backend, so it alone is none. */
const ROUTINE = 'policy changed';

/** Another state, a way through other states and back, or something of note that was announced. */
function isOfNote({ from, to, steps, announced }: ActorRecord): boolean {
  return (
    from === null ||
    !isSameState(from, to) ||
    steps.some((step) => step.from === from) ||
    announced.some((name) => name !== ROUTINE)
  );
}

class Journal implements InspectingJournal {
  readonly #now: () => number;
  readonly #living = new Map<string, AnyActorRef>();
  readonly #listeners = new Set<() => void>();
  #states = new WeakMap<AnyActorRef, ShownState>();
  #underway = new WeakMap<object, Underway>();
  #changes: ActorRecord[] = [];
  #others: ActorRecord[] = [];
  #seq = 0;
  /** The newest record of note. */
  #changedAt = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  readonly inspect = (event: InspectionEvent): void => {
    if (event.type === '@xstate.actor') {
      const ref = event.actorRef as AnyActorRef;
      this.#living.set(ref.id, ref);
    }
    if (this.#listeners.size === 0) return;
    if (event.type === '@xstate.event') this.#begun(event.actorRef);
    else if (event.type === '@xstate.microstep')
      this.#underwayOf(event.actorRef).steps.push(...stepsOf(event));
    else if (event.type === '@xstate.action') this.#hear(event);
    else if (event.type === '@xstate.snapshot') this.#write(event);
  };

  actors(): readonly ActorReading[] {
    return [...this.#living].map(([id, ref]) => {
      const { status, value, context } = shownOf(ref);
      return { id, chart: chartOf(ref), status, state: value, context: boundedJson(context) };
    });
  }

  records(): readonly ActorRecord[] {
    return [...this.#changes, ...this.#others].toSorted((a, b) => a.seq - b.seq);
  }

  subscribe(listener: () => void): () => void {
    if (this.#listeners.size === 0) this.#begin();
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#changes = [];
      this.#others = [];
    };
  }

  #begin(): void {
    this.#states = new WeakMap();
    this.#underway = new WeakMap();
    for (const ref of this.#living.values()) this.#states.set(ref, shownOf(ref).value);
  }

  #underwayOf(ref: object): Underway {
    const underway = this.#underway.get(ref) ?? { sent: [], steps: [], announced: [] };
    this.#underway.set(ref, underway);
    return underway;
  }

  #begun(ref: object): void {
    this.#seq += 1;
    this.#underwayOf(ref).sent.push(this.#seq);
  }

  #hear(event: Action): void {
    const announced = announcedBy(event);
    if (announced !== null) this.#underwayOf(event.actorRef).announced.push(announced);
  }

  #write({ actorRef, event, snapshot }: Taken): void {
    const ref = actorRef as AnyActorRef;
    const underway = this.#underwayOf(ref);
    const seq = underway.sent.shift() ?? this.#seq;
    const from = this.#states.get(ref) ?? null;
    const to = (snapshot as Partial<Shown>).value ?? '';
    this.#states.set(ref, to);
    this.#keep({
      seq,
      atMs: this.#now(),
      actor: ref.id,
      chart: chartOf(ref),
      event: boundedJson(event) as ActorRecord['event'],
      from,
      to,
      steps: underway.steps.splice(0),
      announced: underway.announced.splice(0),
      count: 1,
      isOfNote: false,
    });
    for (const listener of this.#listeners) listener();
  }

  #keep(record: ActorRecord): void {
    if (isOfNote(record)) {
      this.#changes.push({ ...record, isOfNote: true });
      this.#changedAt = Math.max(this.#changedAt, record.seq);
      if (this.#changes.length > CHANGES_KEPT) this.#changes.shift();
      return;
    }
    const isLike = ({ actor, event }: ActorRecord): boolean =>
      actor === record.actor && event.type === record.event.type;
    const before = this.#others.findLast(isLike);
    // Gathered only where nothing of note came between, so that the order of what is shown stays true.
    const isGathered = before !== undefined && before.seq > this.#changedAt;
    if (isGathered) this.#others.splice(this.#others.indexOf(before), 1);
    this.#others.push(isGathered ? { ...record, count: before.count + 1 } : record);
    if (this.#others.length > OTHERS_KEPT) this.#others.shift();
  }
}

/** @param now stamps the records; the time that months live on. */
export function createActorJournal(now: () => number): InspectingJournal {
  return new Journal(now);
}
