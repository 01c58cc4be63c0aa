/** Bars of a plot: the steps of a timeline in longer ones. */
import type { SimulationOutcome } from '../outcome.ts';
import { nextStepMs } from '../time-steps.ts';

/** Narrower bars run into each other. */
const BAR_WIDTH = 6;

export interface Bin {
  readonly startsAtMs: number;
  local: number;
  cloud: number;
  refused: number;
}

/** The steps of a timeline in longer ones, each a multiple of those. */
export function binsOf({ timeline }: SimulationOutcome, binMs: number): readonly Bin[] {
  const bins = new Map<number, Bin>();
  for (const { startsAtMs, local, cloud, refused } of timeline.steps) {
    const at = startsAtMs - (startsAtMs % binMs);
    const bin = bins.get(at) ?? { startsAtMs: at, local: 0, cloud: 0, refused: 0 };
    bin.local += local;
    bin.cloud += cloud;
    bin.refused += refused;
    bins.set(at, bin);
  }
  return [...bins.values()];
}

/** The shortest bins, of those that the timelines can tell apart, that leave bars some pixels wide. */
export function binLength(stepMs: number, spanMs: number, width: number): number {
  let binMs = stepMs;
  while (spanMs / binMs > width / BAR_WIDTH) binMs = nextStepMs(binMs);
  return binMs;
}
