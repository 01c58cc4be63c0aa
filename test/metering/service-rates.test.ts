import { describe, expect, it } from '@jest/globals';
import type { Price } from '../../src/core/prices.ts';
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';
import { costOf } from '../../src/metering/cost.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { recordingLog } from '../support/recording-log.ts';
import { aBackend } from '../support/upstream-attempts.ts';

const USAGE: TokenUsage = { ...NO_USAGE, input: 1000, output: 100 };

function priceOf(): Price {
  const book = createPriceBook({
    backends: [aBackend({ name: 'openai', type: 'openai' })],
    unknownPrice: 'deny',
    log: recordingLog(),
  });
  const price = book.priceOf('openai', 'gpt-5', Date.parse('2026-11-29T00:00:00Z'));
  if (price === null) throw new Error('the list knows gpt-5');
  return price;
}

describe('what a provider multiplies its rates by', () => {
  it('is part of the price, so that a charge is made again as it was when the figure has changed', () => {
    const price = priceOf();
    const plain = costOf(price, USAGE);
    expect(costOf(price, { ...USAGE, speed: 'priority' })).toBe(2n * plain);
    const { servicePercents } = price;
    if (servicePercents === undefined)
      throw new Error('a listed price says how services are billed');
    const before: Price = { ...price, servicePercents: { ...servicePercents, priority: 300 } };
    expect(costOf(before, { ...USAGE, speed: 'priority' })).toBe(3n * plain);
  });

  it('is what is known today for a price that was kept without it', () => {
    const { servicePercents: _dropped, ...kept } = priceOf();
    const plain = costOf(kept, USAGE);
    expect(costOf(kept, { ...USAGE, speed: 'fast', region: 'us' })).toBe((plain * 660n) / 100n);
  });
});
