/** Prices as the ledger keeps them: each once, under a digest of everything that is in it. */
import { hash } from 'node:crypto';
import type { KeptPrice } from '../core/ledger.ts';
import type { Price } from '../core/prices.ts';

/** 96 bits: no two prices will ever share them, and an entry that names its price stays small. */
const ID_LENGTH = 16;

/** One text for one price, whatever the order in which its parts were put together. */
export function canonicalPrice(price: Price): string {
  return JSON.stringify(price, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** The digest of a canonical text: also of what a file has under an id, to see whether it is still the same. */
export function priceIdOf(canonical: string): string {
  return hash('sha256', canonical, 'base64url').slice(0, ID_LENGTH);
}

/**
 * Names prices, and hands each on to be stored the first time that this process meets it. The price book gives the same
 * frozen object again and again, so a hold costs one look at a table.
 */
export class KeptPrices {
  readonly #ids = new WeakMap<Price, string>();
  readonly #handedOn = new Set<string>();
  readonly #keep: (price: KeptPrice) => void;

  constructor(keep: (price: KeptPrice) => void) {
    this.#keep = keep;
  }

  idOf(price: Price): string {
    const known = this.#ids.get(price);
    if (known !== undefined) return known;
    const id = priceIdOf(canonicalPrice(price));
    this.#ids.set(price, id);
    if (!this.#handedOn.has(id)) {
      this.#handedOn.add(id);
      this.#keep({ id, price });
    }
    return id;
  }
}
