const DAY_MS = 86_400_000;

/** Whole days since a day was over or, on that day, 0. `date`: `YYYY-MM-DD`, in UTC. */
export function ageInDays(date: string, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - Date.parse(date)) / DAY_MS));
}
