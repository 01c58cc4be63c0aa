import { performance } from 'node:perf_hooks';
import type { Clock } from '../core/clock.ts';

/** Real time, for when no clock is injected. Deadlines of this room are far below the 24.8 days of a Node timer. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};
