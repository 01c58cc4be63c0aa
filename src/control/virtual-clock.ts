import type { Clock } from '../core/clock.ts';

interface Timer {
  /** On the monotonic scale. */
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * Time that moves only when it is told to: for rehearsals (`[control] clock = "injected"`), simulations and tests.
 *
 * Moving ahead steps through every due timer in the order in which they are due, with `now()` at that instant, so that
 * timers which arm timers behave as they would on real time, over any number of months.
 */
export class VirtualClock implements Clock {
  #elapsedMs = 0;
  /** Wall time at elapsed 0. */
  #wallMs: number;
  /** The next one last; of those that are due at one instant, the one that was armed first. */
  readonly #timers: Timer[] = [];

  constructor(startsAtMs: number) {
    this.#wallMs = startsAtMs;
  }

  now(): number {
    return this.#wallMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** Like Node, waits at least 1 ms, so that a timer which arms itself again can not hold time still. */
  setTimeout(callback: () => void, delayMs: number): unknown {
    const dueMs = this.#elapsedMs + Math.max(delayMs, 1);
    const timer: Timer = { dueMs, callback };
    const at = this.#timers.findIndex((other) => other.dueMs <= dueMs);
    this.#timers.splice(at === -1 ? this.#timers.length : at, 0, timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    const at = this.#timers.indexOf(handle as Timer);
    if (at !== -1) this.#timers.splice(at, 1);
  }

  /** Moves time ahead by `ms`, firing what falls due. Throws `RangeError` when `ms` is negative or no number. */
  advance(ms: number): void {
    if (!(ms >= 0))
      throw new RangeError(`time moves ahead only: advance by 0 ms or more, not ${ms}`);
    const targetMs = this.#elapsedMs + ms;
    for (let next = this.#takeDue(targetMs); next; next = this.#takeDue(targetMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.callback();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, targetMs);
  }

  /** Moves time ahead to an instant. Throws `RangeError` when it lies in the past. */
  advanceTo(atMs: number): void {
    const now = this.now();
    if (!(atMs >= now)) {
      throw new RangeError(
        `the clock stands at ${new Date(now).toISOString()} and can not go back to ${describe(atMs)}: name a later instant`,
      );
    }
    this.advance(atMs - now);
  }

  /** Sets the wall time as an operator or NTP does: it may go back, and no timer falls due by it. */
  setWall(atMs: number): void {
    this.#wallMs = atMs - this.#elapsedMs;
  }

  #takeDue(untilMs: number): Timer | undefined {
    const next = this.#timers.at(-1);
    return next !== undefined && next.dueMs <= untilMs ? this.#timers.pop() : undefined;
  }
}

function describe(atMs: number): string {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? String(atMs) : date.toISOString();
}
