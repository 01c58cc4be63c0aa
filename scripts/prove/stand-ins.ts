/** Stand-ins for the rooms that the budget engine only asks: they answer from what the world knows. */
import type { Log } from '../../src/core/log.ts';
import type { TokenCounter } from '../../src/core/tokens.ts';
import type { TokenCount } from '../../src/core/usage.ts';
import type { Services } from '../../src/http/services.ts';
import type { Question } from './question.ts';

/** Log lines of the engine that no fault of the world excuses. */
const FAULTS = new Set(['request failed', 'a listener for the totals threw']);

function ignore(): void {
  // Lines about faults that the world makes itself say nothing new.
}

/** A log that hears of the engine's own faults and of nothing else. */
export function faultLog(onFault: (what: string) => void): Log {
  return {
    error(message, { error } = {}) {
      if (!FAULTS.has(message)) return;
      onFault(`${message}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    },
    warn: ignore,
    info: ignore,
    debug: ignore,
  };
}

/** Counts what the question says. A slow count ends when its function in `counting` is called. */
export function questionCounter(counting: (() => void)[]): TokenCounter {
  return {
    count({ body }) {
      const { tokens, bound, isCountSlow } = body['counted'] as Question;
      const premiums = { cacheWrite: false, audio: false };
      const count: TokenCount = { tokens, bound, tier: 'exact', premiums };
      if (!isCountSlow) return Promise.resolve(count);
      return new Promise((resolve) => {
        counting.push(() => resolve(count));
      });
    },
    countText: Number,
    tierOf: () => 'exact',
    close: () => Promise.resolve(),
  };
}

export const NO_VIEWS: Services['views'] = {
  stats: () => ({}),
  budget: () => null,
  metrics: () => Promise.resolve(''),
};
