/** `GET /v1/ledger/prices`: the prices behind the ledger's charges, as they were at the time. */
import type { RequestHandler } from 'express';
import type { KeptPrice } from '../core/ledger.ts';
import type { Services } from './services.ts';

/** `cacheWrite1h` to `cache_write_1h`. */
function wireName(name: string): string {
  return name.replace(/[A-Z]|\d+/g, (part) => `_${part.toLowerCase()}`);
}

/** Everything in a price, whatever a later version adds to it, in the names of the wire. */
function wireJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wireJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [wireName(name), wireJson(part)]),
  );
}

function priceJson({ id, price }: KeptPrice): object {
  return { id, ...(wireJson(price) as object) };
}

export function handleLedgerPrices({ ledger }: Services): RequestHandler {
  return async function ledgerPrices(_request, response) {
    await ledger.committed().catch(() => undefined);
    response.json({
      object: 'list',
      units: { rates: 'pico-USD per token', per_request: 'nano-USD' },
      data: ledger.prices().map(priceJson),
    });
  };
}
