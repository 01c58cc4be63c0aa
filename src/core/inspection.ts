/**
 * The actors of the control plane as inspectors see them: plain JSON, bounded in size. Charts hold names, counts and
 * money; no prompt and no key ever reaches them, so none can be shown.
 */

/** A state: its name, or the states of its regions by their names. */
export type ShownState = string | { readonly [region: string]: ShownState };

/** One actor at this moment. */
export interface ActorReading {
  /** `budget-reconciler`, `health.<backend>`: unique among the living actors. */
  readonly id: string;
  /** The id of its chart, which is the name of its file in `machines/`. */
  readonly chart: string;
  readonly status: string;
  readonly state: ShownState;
  readonly context: unknown;
}

/** An arrow of the chart that was followed. */
export interface StepTaken {
  /** Paths of states, such as `normal` or `lifecycle.serving`; empty for the chart itself. */
  readonly from: string;
  readonly to: readonly string[];
  /** The event that the arrow waits for; empty for an `always`. */
  readonly on: string;
  /** The name of its guard; null when it has none. */
  readonly guard: string | null;
}

/** One event that an actor took, and what came of it. */
export interface ActorRecord {
  /** Grows by one with every record. */
  readonly seq: number;
  readonly atMs: number;
  readonly actor: string;
  readonly chart: string;
  /** Its `type`, and the rest of what it said. */
  readonly event: { readonly type: string; readonly [field: string]: unknown };
  readonly from: ShownState | null;
  readonly to: ShownState;
  readonly steps: readonly StepTaken[];
  /** What it announced meanwhile. */
  readonly announced: readonly string[];
  /** It led to another state, or to something that was announced. */
  readonly isOfNote: boolean;
  /** How many events of this type in a row were not of note; the record shows the last one. */
  readonly count: number;
}

/** The actors' doings, written down while somebody looks. */
export interface ActorJournal {
  /** The living actors, the root first. */
  actors(): readonly ActorReading[];
  /** Oldest first; empty while nobody subscribes. */
  records(): readonly ActorRecord[];
  /** Writes from now on, and calls the listener after each record; returns how to stop. */
  subscribe(listener: () => void): () => void;
}
