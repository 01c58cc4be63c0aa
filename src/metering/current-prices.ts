/**
 * The price book in force. It is handed out once and stays; the book behind it is one reference, so that prices change
 * between two requests and never within a decision. A price that a hold was made by is an object of its own and is not
 * touched: an attempt in flight is charged by what it was held by.
 */
import type { PriceBook } from '../core/prices.ts';
import type { BackendSettings } from '../core/settings.ts';
import { createPriceBook, type PriceBookOptions } from './price-book.ts';

export interface CurrentPrices extends PriceBook {
  /** Prices of these backends from now on. A new book has looked nothing up yet, so nothing of the old one is remembered. */
  swap(backends: readonly BackendSettings[]): void;
}

/** Throws `GlobError` for a price pattern that can not be read; so does `swap`, which then changes nothing. */
export function createCurrentPrices({ backends, ...options }: PriceBookOptions): CurrentPrices {
  let book = createPriceBook({ backends, ...options });
  return {
    listVersion: book.listVersion,
    priceOf: (...of) => book.priceOf(...of),
    costOf: (...of) => book.costOf(...of),
    worstCase: (...of) => book.worstCase(...of),
    affordableOutput: (...of) => book.affordableOutput(...of),
    swap(next) {
      book = createPriceBook({ backends: next, ...options });
    },
  };
}
