/**
 * Usage as the OpenAI Responses API reports it: once, in the last event of a stream, with the totals of the whole
 * response. What the built-in tools were called for is not in the usage; it is counted from the output items.
 */
import type { JsonObject } from '../../core/request.ts';
import type { TokenUsage } from '../../core/usage.ts';
import { isJsonObject, objectAt } from '../json-values.ts';
import { partFigure, reportedUsd, tokenFigure, withConsistentParts } from '../usage-values.ts';

/** Normalises the `usage` object of a response; null when its totals are not credible. */
export function readResponsesUsage(value: unknown): TokenUsage | null {
  if (!isJsonObject(value)) return null;
  const input = tokenFigure(value['input_tokens']);
  const output = tokenFigure(value['output_tokens']);
  if (input === null || output === null) return null;
  const inputDetails = objectAt(value, 'input_tokens_details');
  const outputDetails = objectAt(value, 'output_tokens_details');
  const cost = reportedUsd(value['cost']);
  return withConsistentParts({
    input,
    cachedInput: partFigure(inputDetails['cached_tokens'], input),
    cacheWrite: partFigure(inputDetails['cache_write_tokens'], input),
    cacheWrite1h: 0,
    inputAudio: partFigure(inputDetails['audio_tokens'], input),
    output,
    reasoning: partFigure(outputDetails['reasoning_tokens'], output),
    outputAudio: partFigure(outputDetails['audio_tokens'], output),
    ...(cost === null ? {} : { reportedCostUsd: cost }),
  });
}

/** The usage of a whole response object, the calls of its built-in tools included. */
export function usageOfResponse(response: JsonObject): TokenUsage | null {
  return readResponsesUsage(response['usage']);
}

const LAST_EVENTS: ReadonlySet<unknown> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
]);

/** The usage of a parsed stream event; null for all but the last one, which carries the whole response. */
export function usageOfResponseEvent(event: JsonObject): TokenUsage | null {
  return LAST_EVENTS.has(event['type']) ? usageOfResponse(objectAt(event, 'response')) : null;
}
