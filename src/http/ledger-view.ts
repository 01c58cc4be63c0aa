/** `GET /v1/ledger`: entries as JSON, money as exact decimal strings. */
import type { RequestHandler } from 'express';
import { GatewayError } from '../core/errors.ts';
import type { EntryKind, EntryQuery, LedgerEntry } from '../core/ledger.ts';
import { formatPicoUsd, formatUsdExact } from '../core/money.ts';
import { usageJson } from '../core/usage-names.ts';
import type { Services } from './services.ts';

const KINDS: readonly EntryKind[] = ['hold', 'void', 'charge', 'suspend', 'resolve', 'adjust'];
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** Null also for what is no number: a file that was tampered with can still be read. */
function exactUsd(exactPico: string | null): string | null {
  return exactPico !== null && /^\d+$/.test(exactPico) ? formatPicoUsd(BigInt(exactPico)) : null;
}

/** One entry in the names of the wire. */
function entryJson(entry: LedgerEntry): object {
  const { usage } = entry;
  return {
    seq: entry.seq,
    kind: entry.kind,
    time: new Date(entry.atMs).toISOString(),
    billing_month: entry.month,
    hold_id: entry.holdId,
    request_id: entry.requestId,
    attempt: entry.attempt,
    route: entry.route,
    backend: entry.backend,
    backend_type: entry.backendKind,
    model: entry.model,
    held_usd: formatUsdExact(entry.heldChange),
    suspense_usd: formatUsdExact(entry.suspenseChange),
    settled_usd: formatUsdExact(entry.settledChange),
    excess_usd: formatUsdExact(entry.excessChange),
    basis: entry.basis,
    exact_pico_usd: entry.exactPico,
    exact_cost_usd: exactUsd(entry.exactPico),
    usage: usage === null ? null : usageJson(usage),
    estimated_input_tokens: entry.estimatedInput ?? null,
    price_version: entry.priceVersion,
    price_id: entry.priceId,
    note: entry.note,
  };
}

function text(value: unknown, name: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length > 0 && value.length <= 256) return value;
  throw new GatewayError('invalid_request_error', `\`${name}\` must be given once, as text.`, {
    param: name,
  });
}

function whole(value: unknown, name: string, most: number): number | undefined {
  const given = text(value, name);
  if (given === undefined) return undefined;
  const number = Number(given);
  if (Number.isSafeInteger(number) && number >= 0 && number <= most) return number;
  throw new GatewayError(
    'invalid_request_error',
    `\`${name}\` must be a whole number from 0 to ${most}.`,
    { param: name },
  );
}

function readQuery(query: Readonly<Record<string, unknown>>): EntryQuery {
  const kind = text(query['kind'], 'kind');
  if (kind !== undefined && !KINDS.some((known) => known === kind)) {
    throw new GatewayError(
      'invalid_request_error',
      `\`kind\` must be one of ${KINDS.join(', ')}.`,
      { param: 'kind' },
    );
  }
  const found = {
    month: text(query['month'], 'month'),
    kind: KINDS.find((known) => known === kind),
    model: text(query['model'], 'model'),
    backend: text(query['backend'], 'backend'),
    requestId: text(query['request_id'], 'request_id'),
    beforeSeq: whole(query['before'], 'before', Number.MAX_SAFE_INTEGER),
    afterSeq: whole(query['after'], 'after', Number.MAX_SAFE_INTEGER),
  };
  const given = Object.fromEntries(
    Object.entries(found).filter(([, value]) => value !== undefined),
  );
  return {
    ...given,
    limit: Math.max(1, whole(query['limit'], 'limit', MAX_LIMIT) ?? DEFAULT_LIMIT),
  };
}

/** Newest first with `before` for the next page; oldest first when `after` is given. */
export function handleLedger({ ledger }: Services): RequestHandler {
  return async function ledgerEntries(request, response) {
    const query = readQuery(request.query);
    // What was made but not stored yet belongs to the answer; an unstorable batch must not hide the stored ones.
    await ledger.committed().catch(() => undefined);
    const entries = ledger.entries(query);
    const last = entries.at(-1);
    const pageBy = query.afterSeq === undefined ? 'before' : 'after';
    response.json({
      object: 'list',
      data: entries.map(entryJson),
      has_more: entries.length === query.limit,
      ...(last !== undefined && entries.length === query.limit
        ? { next: { [pageBy]: last.seq } }
        : {}),
    });
  };
}
