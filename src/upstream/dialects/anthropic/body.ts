/**
 * The bytes of a Messages request for a backend that speaks the Messages API: the client's own, but for `model` and
 * `max_tokens` where these had to change, and for a thinking budget that would no longer be allowed beside them.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { UpstreamAttempt } from '../../../core/upstream.ts';
import { withMembers } from '../../json-splice.ts';
import { isJsonObject } from '../../json-values.ts';

/** The least that the API takes for `thinking.budget_tokens`, which must also stay below `max_tokens`. */
const MIN_THINKING_TOKENS = 1024;
/** With this beta the budget spans a turn of several requests, and may be larger than `max_tokens`. */
const INTERLEAVED = 'interleaved-thinking';

function headerOf({ clientRequest }: UpstreamAttempt, name: string): string {
  const value = clientRequest.headers[name];
  return typeof value === 'string' ? value : '';
}

/**
 * Thinking that fits a lowered maximum: as many tokens are left for the answer as the client left for it, as far as
 * the least budget allows. Where not even that fits, the model answers without thinking: the budget of the month has
 * room for a short answer and no more, which `X-Nexus-Max-Tokens` tells the client. Null where nothing must change.
 */
function fittedThinking(attempt: UpstreamAttempt, maximum: number): JsonObject | null {
  const { body, maxOutputTokens } = attempt.request;
  const { thinking } = body;
  if (!isJsonObject(thinking) || thinking['type'] !== 'enabled') return null;
  const budget = thinking['budget_tokens'];
  if (typeof budget !== 'number' || budget < maximum) return null;
  if (headerOf(attempt, 'anthropic-beta').includes(INTERLEAVED)) return null;
  if (maximum <= MIN_THINKING_TOKENS) return { type: 'disabled' };
  const forAnswer = Math.max(1, (maxOutputTokens ?? maximum) - budget);
  return { ...thinking, budget_tokens: Math.max(MIN_THINKING_TOKENS, maximum - forAnswer) };
}

/** The changed members of the client's body; none where its very bytes can go out. */
function changesFor(attempt: UpstreamAttempt): JsonObject {
  const { request, model, maxOutputTokens: maximum } = attempt;
  const thinking = maximum === null ? null : fittedThinking(attempt, maximum);
  return {
    ...(request.body['model'] === model ? {} : { model }),
    ...(maximum === null ? {} : { max_tokens: maximum }),
    ...(thinking === null ? {} : { thinking }),
  };
}

/** The body of an attempt. See above. */
export function messagesBody(attempt: UpstreamAttempt): Buffer {
  const changes = changesFor(attempt);
  const { rawBody } = attempt.request;
  return Object.keys(changes).length === 0 ? rawBody : withMembers(rawBody, changes);
}

/** Path of a Messages request, with the one query that the API knows: SDKs add `?beta=true` to calls of their betas. */
export function messagesPath({ clientRequest }: UpstreamAttempt, path: string): string {
  const query = (clientRequest.url ?? '').split('?')[1] ?? '';
  return new URLSearchParams(query).get('beta') === 'true' ? `${path}?beta=true` : path;
}
