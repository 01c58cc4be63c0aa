import type { Clock } from '../core/clock.ts';

/** The longest delay of Node's timers; a longer one would fire after 1 ms. */
const LONGEST_HOP_MS = 2 ** 31 - 1;

interface Timer {
  current: NodeJS.Timeout;
}

/**
 * Real time. Delays of any length are waited for in hops of at most `longestHopMs`; timers never keep the process
 * alive.
 */
export function createSystemClock(longestHopMs: number = LONGEST_HOP_MS): Clock {
  const arm = (callback: () => void, delayMs: number): Timer => {
    const timer: Timer = { current: hop(delayMs) };
    function hop(remainingMs: number): NodeJS.Timeout {
      const hopMs = Math.min(remainingMs, longestHopMs);
      const next = (): void => {
        if (remainingMs > hopMs) timer.current = hop(remainingMs - hopMs);
        else callback();
      };
      return setTimeout(next, hopMs).unref();
    }
    return timer;
  };
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    setTimeout: arm,
    clearTimeout: (handle) => {
      // XState clears handles that it never armed.
      if (handle) clearTimeout((handle as Timer).current);
    },
  };
}
