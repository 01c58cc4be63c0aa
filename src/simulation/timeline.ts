/** What happened over time, in steps: of a minute at first, longer whenever there are too many. */
import { nextStepMs, SHORTEST_STEP_MS } from './time-steps.ts';

/** What became of a request. */
export type Outcome = 'local' | 'cloud' | 'refused';

/** A stretch of time within one month. Steps without an event are left out. */
export interface TimelineStep {
  readonly month: string;
  readonly startsAtMs: number;
  readonly local: number;
  readonly cloud: number;
  readonly refused: number;
  /** Of the month, at the end of the step, in nano-dollars. */
  readonly spending: number;
}

type Growing = { -readonly [K in keyof TimelineStep]: TimelineStep[K] };

/** More than a plot is wide. */
const MOST_STEPS = 2000;
/** From a minute to a year. */
const MOST_TRIES = 18;

export class Timeline {
  #steps: Growing[] = [];
  #stepMs = SHORTEST_STEP_MS;
  #last: Growing | null = null;

  /** Length of a step, in milliseconds. */
  get stepMs(): number {
    return this.#stepMs;
  }

  get steps(): readonly TimelineStep[] {
    return this.#steps;
  }

  /** Times must not go back. */
  count(outcome: Outcome, atMs: number, month: string, spending: number): void {
    const step = this.#stepAt(atMs, month);
    step[outcome] += 1;
    step.spending = spending;
  }

  spend(atMs: number, month: string, spending: number): void {
    this.#stepAt(atMs, month).spending = spending;
  }

  #stepAt(atMs: number, month: string): Growing {
    const last = this.#last;
    const startsAtMs = atMs - (atMs % this.#stepMs);
    if (last !== null && last.month === month && last.startsAtMs >= startsAtMs) return last;
    if (this.#steps.length >= MOST_STEPS) this.#merge();
    const step = {
      month,
      startsAtMs: atMs - (atMs % this.#stepMs),
      local: 0,
      cloud: 0,
      refused: 0,
      spending: last?.month === month ? last.spending : 0,
    };
    this.#steps.push(step);
    this.#last = step;
    return step;
  }

  /** Makes the steps longer until at least a quarter of them is saved; those of different months stay apart. */
  #merge(): void {
    const before = this.#steps.length;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      this.#stepMs = nextStepMs(this.#stepMs);
      const merged: Growing[] = [];
      for (const step of this.#steps) {
        const startsAtMs = step.startsAtMs - (step.startsAtMs % this.#stepMs);
        const last = merged.at(-1);
        if (last?.startsAtMs === startsAtMs && last.month === step.month) {
          last.local += step.local;
          last.cloud += step.cloud;
          last.refused += step.refused;
          last.spending = step.spending;
        } else merged.push({ ...step, startsAtMs });
      }
      this.#steps = merged;
      if (merged.length <= (before * 3) / 4) break;
    }
    this.#last = this.#steps.at(-1) ?? null;
  }
}
