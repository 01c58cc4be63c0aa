import type { ControlEvent } from '../core/control.ts';
import { reasonOf } from './reason-of.ts';

/** A listener's fault is the listener's own: it must not reach an actor, a timer or a request. */
export function tellSafely(tell: () => void, who: string): void {
  try {
    tell();
  } catch (error) {
    process.emitWarning(`${who} threw: ${reasonOf(error)}`);
  }
}

/**
 * What the actors announce, told to listeners in order. Told only when the synchronous step that caused it is over,
 * so that a listener who looks at the policy sees what the event led to. The start is such a step: it ends with
 * `startEnds`, and listeners who attach right after it still hear of it.
 */
export class Announcements {
  readonly #listeners = new Set<(event: ControlEvent) => void>();
  #waiting: ControlEvent[] = [];
  #depth = 1;

  on(listener: (event: ControlEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  announce(event: ControlEvent): void {
    this.#waiting.push(event);
    this.#tell();
  }

  startEnds(): void {
    this.#depth -= 1;
    queueMicrotask(() => this.#tell());
  }

  /** Runs one synchronous step; what is announced meanwhile is told at its end. */
  during<T>(step: () => T): T {
    this.#depth += 1;
    try {
      return step();
    } finally {
      this.#depth -= 1;
      this.#tell();
    }
  }

  #tell(): void {
    if (this.#depth > 0) return;
    for (let event = this.#waiting.shift(); event; event = this.#waiting.shift()) {
      const told = event;
      for (const listener of this.#listeners)
        tellSafely(() => listener(told), 'a control listener');
    }
  }
}
