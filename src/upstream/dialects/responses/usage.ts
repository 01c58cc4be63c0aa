/**
 * Usage as the OpenAI Responses API reports it: once, in the last event of a stream, with the totals of the whole
 * response. What its built-in tools were called for is not in the usage; it is counted from the output items.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { objectAt } from '../../json-values.ts';
import { serviceOfTier } from '../usage/served-as.ts';
import { outputToolCalls } from '../usage/server-tool-calls.ts';
import { readUsageIn, type UsageWords } from '../usage/usage-words.ts';

const RESPONSES_WORDS: UsageWords = {
  input: 'input_tokens',
  output: 'output_tokens',
  inputDetails: 'input_tokens_details',
  outputDetails: 'output_tokens_details',
};

/** Normalises the `usage` object of a response; null when its totals are not credible. */
export function readResponsesUsage(value: unknown): TokenUsage | null {
  return readUsageIn(RESPONSES_WORDS, value);
}

/** The usage of a whole response object, the calls of its built-in tools included. */
export function usageOfResponse(response: JsonObject): TokenUsage | null {
  const usage = readResponsesUsage(response['usage']);
  // Where the usage itself tells the calls (xAI), it knows them better than a count of items.
  return (
    usage && {
      ...outputToolCalls(response),
      ...usage,
      ...serviceOfTier(response['service_tier']),
    }
  );
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
