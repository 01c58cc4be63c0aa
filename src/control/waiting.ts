/** Waiting with a bound, on real time. */
import type { Clock } from '../core/clock.ts';

const POLL_MS = 10;

/** True as soon as it is done, false when the time is over. */
export async function waitUntil(
  isDone: () => boolean,
  mostMs: number,
  clock: Clock,
): Promise<boolean> {
  const endMs = clock.monotonicMs() + mostMs;
  while (!isDone()) {
    if (clock.monotonicMs() >= endMs) return false;
    await new Promise<void>((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
  return true;
}

/** Resolves when the promise does, or after a time. */
export async function atMost(work: Promise<unknown>, mostMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, mostMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
