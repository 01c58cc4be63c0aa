/**
 * Prices without what they say of the longest answer: traffic shows how long its answers were, and a hold that believes
 * otherwise would be too small for them.
 */
import type { Price, PriceBook } from '../core/prices.ts';

export function unboundedPrices(book: PriceBook): PriceBook {
  const known = new WeakMap<Price, Price>();
  return {
    listVersion: book.listVersion,
    costOf: (price, usage) => book.costOf(price, usage),
    worstCase: (...of) => book.worstCase(...of),
    affordableOutput: (...of) => book.affordableOutput(...of),
    priceOf(backend, model, atMs) {
      const price = book.priceOf(backend, model, atMs);
      if (price === null) return null;
      let unbounded = known.get(price);
      if (unbounded === undefined) {
        unbounded = { ...price, maxOutputKnown: false };
        known.set(price, unbounded);
      }
      return unbounded;
    },
  };
}
