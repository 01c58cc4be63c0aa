/**
 * Rows in the order of time, with bounded memory. Rows may be out of place by some 50,000: exports are newest first, or
 * in the order in which requests ended. Sums of a stretch of time become requests, spread evenly over it.
 */
import type { TokenUsage } from '../../core/usage.ts';
import { TrafficError, type TrafficRequest, type TrafficRow } from './traffic-request.ts';

const WINDOW_ROWS = 50_000;

/** The share of one of `requests` requests in a sum: whole numbers whose sum is exact. */
function share(sum: number, requests: number, at: number): number {
  return Math.floor(sum / requests) + (at < sum % requests ? 1 : 0);
}

function usageShare(usage: TokenUsage, requests: number, at: number): TokenUsage {
  const part = (sum: number): number => share(sum, requests, at);
  return {
    input: part(usage.input),
    cachedInput: part(usage.cachedInput),
    cacheWrite: part(usage.cacheWrite),
    cacheWrite1h: part(usage.cacheWrite1h),
    inputAudio: part(usage.inputAudio),
    output: part(usage.output),
    reasoning: part(usage.reasoning),
    outputAudio: part(usage.outputAudio),
  };
}

/** The requests of one sum, one after the other. */
class Spread {
  readonly #row: TrafficRow;
  #at = 0;

  constructor(row: TrafficRow) {
    this.#row = row;
  }

  get isDone(): boolean {
    return this.#at === this.#row.requests;
  }

  get nextAtMs(): number {
    const { atMs, untilMs, requests } = this.#row;
    return atMs + Math.floor(((this.#at + 0.5) * (untilMs - atMs)) / requests);
  }

  take(): TrafficRequest {
    const { model, usage, requests, maxOutputTokens } = this.#row;
    const atMs = this.nextAtMs;
    const one = usageShare(usage, requests, this.#at);
    this.#at += 1;
    return { atMs, model, usage: one, maxOutputTokens };
  }
}

/** Several spreads at once, as a binary heap by the time of their next request. */
class Spreads {
  readonly #heap: Spread[] = [];

  add(spread: Spread): void {
    const heap = this.#heap;
    heap.push(spread);
    for (let at = heap.length - 1; at > 0;) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) break;
      this.#swap(at, above);
      at = above;
    }
  }

  /** Moves every request before `untilMs` to `into`. */
  drain(untilMs: number, into: TrafficRequest[]): void {
    const heap = this.#heap;
    for (let first = heap[0]; first !== undefined; first = heap[0]) {
      if (first.nextAtMs >= untilMs) return;
      into.push(first.take());
      if (first.isDone) {
        const last = heap.pop();
        if (last !== undefined && heap.length > 0) heap[0] = last;
      }
      this.#sink();
    }
  }

  #sink(): void {
    const { length } = this.#heap;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      let least = at;
      if (left < length && this.#isBefore(left, least)) least = left;
      if (left + 1 < length && this.#isBefore(left + 1, least)) least = left + 1;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(one: number, other: number): boolean {
    return (this.#heap[one]?.nextAtMs ?? 0) < (this.#heap[other]?.nextAtMs ?? 0);
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}

/** Rows in any order within the window become requests in the order of time. */
export class TimeOrder {
  readonly #window: number;
  readonly #spreads = new Spreads();
  #rows: TrafficRow[] = [];
  #last: TrafficRow | null = null;

  constructor(window = WINDOW_ROWS) {
    this.#window = window;
  }

  add(row: TrafficRow): void {
    this.#rows.push(row);
  }

  /** The requests that no later row can come before any more. Throws `TrafficError` for a row that is too late. */
  ready(): readonly TrafficRequest[] {
    return this.#rows.length < 2 * this.#window ? [] : this.#take(this.#rows.length - this.#window);
  }

  /** All that are left. */
  rest(): readonly TrafficRequest[] {
    const requests = this.#take(this.#rows.length);
    this.#spreads.drain(Number.POSITIVE_INFINITY, requests);
    return requests;
  }

  #take(count: number): TrafficRequest[] {
    // Stable, so that rows of one instant stay in the order of the file; quick where they are in order already.
    this.#rows.sort((a, b) => a.atMs - b.atMs);
    const requests: TrafficRequest[] = [];
    for (const row of this.#rows.slice(0, count)) this.#play(row, requests);
    this.#rows = this.#rows.slice(count);
    return requests;
  }

  #play(row: TrafficRow, requests: TrafficRequest[]): void {
    if (this.#last !== null && row.atMs < this.#last.atMs) {
      throw new TrafficError(
        `${row.place}: its time, ${new Date(row.atMs).toISOString()}, is before that of rows more than ${this.#window} rows above it; sort the file by time`,
      );
    }
    this.#last = row;
    this.#spreads.drain(row.atMs, requests);
    if (row.requests === 1 && row.untilMs === row.atMs) requests.push(row);
    else this.#spreads.add(new Spread(row));
  }
}
