/** A clock that a test moves by hand. Deadlines pass when the test says so, and at no other time. */
import type { Clock } from '../../src/core/clock.ts';

export class HandClock implements Clock {
  #nowMs: number;
  readonly #timers = new Map<object, { readonly atMs: number; readonly callback: () => void }>();

  constructor(nowMs = Date.parse('2026-11-10T12:00:00Z')) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): object {
    const handle = {};
    this.#timers.set(handle, { atMs: this.#nowMs + delayMs, callback });
    return handle;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as object);
  }

  /** Timers that are set and have not run. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time and runs what came due, in order. */
  advance(ms: number): void {
    this.#nowMs += ms;
    const due = [...this.#timers].filter(([, { atMs }]) => atMs <= this.#nowMs);
    for (const [handle, { callback }] of due.toSorted(([, a], [, b]) => a.atMs - b.atMs)) {
      this.#timers.delete(handle);
      callback();
    }
  }
}
