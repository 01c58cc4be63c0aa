/** Counting as a gateway runs it: the counter, and what earlier bills taught about its counts. */
import type { Log } from '../core/log.ts';
import type { RememberedCharges, TokenCalibration } from '../core/tokens.ts';
import { createTokenCalibration } from './token-calibration.ts';
import { createTokenCounter, type WarmTokenCounter } from './token-counter.ts';

export interface Counting {
  readonly tokens: WarmTokenCounter;
  readonly calibration: TokenCalibration;
}

/** Starts with what the charges of the ledger show. The counter is to be closed. */
export function startCounting(log: Log, ledger: RememberedCharges): Counting {
  const tokens = createTokenCounter({ log });
  const calibration = createTokenCalibration({ tierOf: (model) => tokens.tierOf(model) });
  calibration.recall(ledger);
  return { tokens, calibration };
}
