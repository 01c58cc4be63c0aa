/** Requests that have begun and not ended. Each takes equally long, so they end in the order in which they began. */

interface Started {
  readonly endsAtMs: number;
  readonly end: () => void;
}

const KEPT_ENDED = 1000;

export class InFlight {
  #started: Started[] = [];
  #ended = 0;

  add(started: Started): void {
    this.#started.push(started);
  }

  /** The next that is over by `atMs`, taken out. */
  takeEnded(atMs: number): Started | null {
    const next = this.#started[this.#ended];
    if (next === undefined || next.endsAtMs > atMs) return null;
    this.#ended += 1;
    if (this.#ended >= KEPT_ENDED && this.#ended * 2 > this.#started.length) {
      this.#started = this.#started.slice(this.#ended);
      this.#ended = 0;
    }
    return next;
  }
}
