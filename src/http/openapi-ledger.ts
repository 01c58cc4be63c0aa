/** The ledger's part of the OpenAPI document. */
import { TOKEN_NAMES } from '../core/usage-names.ts';

type Json = Readonly<Record<string, unknown>>;

const usd = (description: string): Json => ({ type: 'string', description: `${description}, USD` });
const text: Json = { type: 'string' };
const count: Json = { type: 'integer', minimum: 0 };
const orNull = (schema: Json, description: string): Json => ({
  ...schema,
  type: [schema['type'], 'null'],
  description,
});

const USAGE: Json = {
  type: ['object', 'null'],
  description: 'Tokens by kind; the other kinds are parts of input_tokens and output_tokens',
  properties: {
    ...Object.fromEntries(TOKEN_NAMES.map(([, name]) => [name, count])),
    reported_cost_usd: orNull(text, 'What the provider said the call cost; it then is the charge'),
  },
};

const ENTRY: Json = {
  type: 'object',
  properties: {
    seq: count,
    kind: { type: 'string', enum: ['hold', 'void', 'charge', 'suspend', 'resolve', 'adjust'] },
    time: { type: 'string', format: 'date-time' },
    billing_month: text,
    hold_id: text,
    request_id: text,
    attempt: count,
    route: orNull(text, 'Route of the request; null in entries of an older format'),
    backend: text,
    backend_type: { type: 'string', enum: ['local', 'cloud'] },
    model: text,
    held_usd: usd('Change of what is held'),
    suspense_usd: usd('Change of what is in suspense'),
    settled_usd: usd('Change of what is settled'),
    excess_usd: usd('Part of settled_usd for which nothing was held'),
    basis: orNull(
      { type: 'string', enum: ['provider', 'metered', 'assumed', null] },
      "Of a charge: the provider's usage, tokens counted as they passed, or the whole hold",
    ),
    exact_pico_usd: orNull(text, 'Exact cost of a charge in pico-USD, before it was rounded up'),
    exact_cost_usd: orNull(text, 'The same in USD, up to 12 decimals'),
    usage: USAGE,
    price_version: { ...text, description: 'Names the price list or file' },
    price_id: orNull(text, 'Names the exact rates, see /v1/ledger/prices; null in old entries'),
    note: orNull(text, 'Why, in a few words'),
  },
};

const PRICE: Json = {
  type: 'object',
  description: 'A price as it was when it was used. Never changed, never removed',
  properties: {
    id: text,
    model: text,
    source: { type: 'string', enum: ['config', 'list', 'conservative', 'free'] },
    version: text,
    per_request: { ...count, description: 'Nano-USD for each call' },
    tiers: {
      type: 'array',
      description:
        'Rates in pico-USD per token, which is micro-USD per million tokens. The last tier whose above_input_tokens the input passes prices the whole request',
      items: { type: 'object', additionalProperties: count },
    },
  },
};

/** Schemas of the answers of `/v1/ledger` and `/v1/ledger/prices`. */
export const LEDGER_SCHEMAS: Json = {
  Ledger: {
    type: 'object',
    properties: {
      data: { type: 'array', items: ENTRY },
      has_more: { type: 'boolean' },
      next: { type: 'object', description: 'The query of the next page: before or after' },
    },
  },
  LedgerPrices: {
    type: 'object',
    properties: {
      units: { type: 'object', additionalProperties: text },
      data: { type: 'array', items: PRICE },
    },
  },
};
