/** Requests that are under way, each as its latest attempt shows it. Bounded by what the gateway admits at one time. */
import type { AttemptBegan } from '../core/facts.ts';

/** Rows are sent to every open dashboard. */
const MOST_SHOWN = 50;
const MAX_NAME_LENGTH = 128;

export interface InFlightReading {
  readonly total: number;
  /** Longest under way first, at most fifty. */
  readonly oldest: readonly AttemptBegan[];
}

export class InFlight {
  readonly #requests = new Map<string, AttemptBegan>();

  began(fact: AttemptBegan): void {
    const { modelRequested } = fact;
    const first = this.#requests.get(fact.requestId);
    // A retry goes on with the time of its request.
    this.#requests.set(fact.requestId, {
      ...fact,
      atMs: first?.atMs ?? fact.atMs,
      modelRequested: modelRequested.slice(0, MAX_NAME_LENGTH),
    });
  }

  ended(requestId: string): void {
    this.#requests.delete(requestId);
  }

  read(): InFlightReading {
    const total = this.#requests.size;
    return { total, oldest: [...this.#requests.values()].slice(0, MOST_SHOWN) };
  }
}
