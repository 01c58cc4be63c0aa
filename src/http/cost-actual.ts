/**
 * What a request has cost, for its client: in the head where it is known by then, else behind the body, as a trailer and,
 * where the client asks for it, as the last comment of the stream.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { formatUsdExact } from '../core/money.ts';
import type { ChargeBasis } from '../core/usage.ts';
import type { CallTrace } from './call-context.ts';

const COST = 'X-Nexus-Cost-Actual';
const BASIS = 'X-Nexus-Cost-Basis';

/** The basis of a whole request. `unsettled`: of some attempt nobody knows yet what it cost, and it is not in the sum. */
export type CostBasis = ChargeBasis | 'unsettled';

/** Surest first. */
const CERTAINTY: readonly CostBasis[] = ['provider', 'metered', 'assumed', 'unsettled'];

/** A sum over attempts is as sure as the least sure of them. */
export function lessCertain(a: CostBasis | null, b: CostBasis): CostBasis {
  return a !== null && CERTAINTY.indexOf(a) > CERTAINTY.indexOf(b) ? a : b;
}

/** True when a stream shall end with a comment that says its cost: `X-Nexus-Cost-Event: true`. */
export function asksForCostEvent(headers: IncomingHttpHeaders): boolean {
  return headers['x-nexus-cost-event']?.toString().toLowerCase() === 'true';
}

/** What all attempts together were charged. Nothing where nothing was sent, or where there is neither price nor budget. */
function costFields(trace: CallTrace, hasBudget: boolean): Readonly<Record<string, string>> {
  const { plan, cost, costBasis } = trace;
  const isKnown = hasBudget || cost > 0 || (plan !== null && plan.price.source !== 'free');
  if (plan === null || !isKnown) return {};
  return { [COST]: formatUsdExact(cost), ...(costBasis !== null && { [BASIS]: costBasis }) };
}

/** Into the head of an answer, or of an error, behind which no charge can come any more. */
export function setCostHeaders(
  response: ServerResponse,
  trace: CallTrace,
  hasBudget: boolean,
): void {
  for (const [name, value] of Object.entries(costFields(trace, hasBudget)))
    response.setHeader(name, value);
}

/**
 * Says in the head that the cost will come behind the body. Only chunked bodies have trailers, and HTTP/1.0 has neither;
 * a very long JSON answer therefore goes out in chunks, whatever length the provider gave.
 */
export function announceCost(response: ServerResponse): void {
  const { statusCode, useChunkedEncodingByDefault: hasChunks } = response;
  if (!hasChunks || statusCode === 204) return;
  response.removeHeader('Content-Length');
  response.setHeader('Trailer', `${COST}, ${BASIS}`);
}

/** The trailers of an answer that was settled and is about to end. */
export function addCostTrailers(
  response: ServerResponse,
  trace: CallTrace,
  hasBudget: boolean,
): void {
  if (response.hasHeader('Trailer')) response.addTrailers(costFields(trace, hasBudget));
}

/**
 * The same as a comment, which every reader of a stream skips: `: nexus-cost 0.00123 basis=provider`. It begins with a
 * line end, as the last event of a provider may lack its own.
 */
export function costComment({ cost, costBasis }: CallTrace): Buffer {
  const basis = costBasis === null ? '' : ` basis=${costBasis}`;
  return Buffer.from(`\n: nexus-cost ${formatUsdExact(cost)}${basis}\n\n`);
}
