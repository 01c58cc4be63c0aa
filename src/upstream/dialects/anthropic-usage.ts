/**
 * Usage as the Anthropic Messages API reports it. `input_tokens` leaves out what was read from or written to a cache;
 * the gateway's `input` is the sum. In a stream the input comes with `message_start` and the output, cumulative, with
 * `message_delta`, which may repeat the input.
 */
import type { JsonObject } from '../../core/request.ts';
import type { TokenUsage } from '../../core/usage.ts';
import { NO_USAGE } from '../../core/usage.ts';
import { isJsonObject, objectAt } from '../json-values.ts';
import { partFigure, tokenFigure } from '../usage-values.ts';

/** The usage of a whole answer, or null when it is not credible. */
export function readAnthropicUsage(value: unknown): TokenUsage | null {
  if (!isJsonObject(value)) return null;
  const fresh = tokenFigure(value['input_tokens']);
  const output = tokenFigure(value['output_tokens']);
  if (fresh === null || output === null) return null;
  const cachedInput = tokenFigure(value['cache_read_input_tokens']) ?? 0;
  const written = tokenFigure(value['cache_creation_input_tokens']) ?? 0;
  const cacheWrite1h = partFigure(
    objectAt(value, 'cache_creation')['ephemeral_1h_input_tokens'],
    written,
  );
  return {
    ...NO_USAGE,
    input: fresh + cachedInput + written,
    cachedInput,
    cacheWrite: written - cacheWrite1h,
    cacheWrite1h,
    output,
  };
}

/** `message_start` with what `message_delta` says later; figures that it leaves out or sets to null stay. */
export function mergeAnthropicUsage(start: JsonObject, later: JsonObject): JsonObject {
  const said = Object.entries(later).filter(
    ([, figure]) => figure !== null && figure !== undefined,
  );
  return { ...start, ...Object.fromEntries(said) };
}

/** The same usage in the words of the OpenAI API. */
export function toOpenAiUsage(usage: TokenUsage): JsonObject {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: {
      cached_tokens: usage.cachedInput,
      cache_write_tokens: usage.cacheWrite + usage.cacheWrite1h,
    },
  };
}
