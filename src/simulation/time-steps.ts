/** Lengths of time that people read at a glance, each a multiple of the one before. */
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const MINUTES = [1, 5, 15, 30, 60, 120, 240, 480, 1440];

export const SHORTEST_STEP_MS = MINUTE_MS;

/** The next longer one; beyond a day, twice as long. */
export function nextStepMs(stepMs: number): number {
  return MINUTES.map((minutes) => minutes * MINUTE_MS).find((ms) => ms > stepMs) ?? stepMs * 2;
}

/** `minute`, `15 minutes`, `hour`, `4 hours`, `day`, `2 days`. */
export function stepName(stepMs: number): string {
  const [size, unit] =
    stepMs >= DAY_MS
      ? [stepMs / DAY_MS, 'day']
      : stepMs >= 60 * MINUTE_MS
        ? [stepMs / 60 / MINUTE_MS, 'hour']
        : [stepMs / MINUTE_MS, 'minute'];
  return size === 1 ? unit : `${size} ${unit}s`;
}
