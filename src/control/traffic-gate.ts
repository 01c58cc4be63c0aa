import type { Clock } from '../core/clock.ts';

/** How long a smoothed latency may be old while a backend serves without a failure. */
const FLUSH_DELAY_MS = 250;

interface Held {
  count: number;
  sumMs: number;
}

/**
 * The spend gate's sibling for health: a success of a backend that is healthy and has no failure behind it can change
 * nothing but the smoothed latency, so such successes are held for a moment and passed on as one, with their mean.
 */
export class TrafficGate {
  readonly #clock: Clock;
  readonly #pass: (backend: string, latencyMs: number) => void;
  readonly #held = new Map<string, Held>();
  #timer: unknown = null;

  constructor(clock: Clock, pass: (backend: string, latencyMs: number) => void) {
    this.#clock = clock;
    this.#pass = pass;
  }

  hold(backend: string, latencyMs: number): void {
    const held = this.#held.get(backend) ?? { count: 0, sumMs: 0 };
    held.count += 1;
    held.sumMs += latencyMs;
    this.#held.set(backend, held);
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), FLUSH_DELAY_MS);
  }

  flush(): void {
    if (this.#timer === null) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    const held = [...this.#held];
    this.#held.clear();
    for (const [backend, { count, sumMs }] of held) this.#pass(backend, sumMs / count);
  }
}
