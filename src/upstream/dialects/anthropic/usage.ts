/**
 * Usage as the Anthropic Messages API reports it. `input_tokens` leaves out what was read from or written to a cache;
 * the gateway's `input` is the sum. In a stream the input comes with `message_start` and the output, cumulative, with
 * `message_delta`, which may repeat the input: larger, where tools of the server put more before the model.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { NO_USAGE } from '../../../core/usage.ts';
import { isJsonObject, objectAt, objectsAt } from '../../json-values.ts';
import { partFigure, tokenFigure } from '../../usage-values.ts';
import { serviceOfAnthropic } from '../usage/served-as.ts';
import { serverToolCalls } from '../usage/server-tool-calls.ts';

/** What was written to the cache, by its life. Some servers give only the parts, some only the sum. */
function cacheWrites(usage: JsonObject): Pick<TokenUsage, 'cacheWrite' | 'cacheWrite1h'> {
  const parts = objectAt(usage, 'cache_creation');
  const fiveMinutes = tokenFigure(parts['ephemeral_5m_input_tokens']) ?? 0;
  const hour = tokenFigure(parts['ephemeral_1h_input_tokens']) ?? 0;
  const written = tokenFigure(usage['cache_creation_input_tokens']);
  if (written === null) return { cacheWrite: fiveMinutes, cacheWrite1h: hour };
  const cacheWrite1h = partFigure(hour, written);
  return { cacheWrite: written - cacheWrite1h, cacheWrite1h };
}

/** The tokens of one sampling, or of all that the top level of a usage sums up. */
function readTokens(usage: JsonObject): TokenUsage | null {
  const fresh = tokenFigure(usage['input_tokens']);
  const output = tokenFigure(usage['output_tokens']);
  if (fresh === null || output === null) return null;
  const cachedInput = tokenFigure(usage['cache_read_input_tokens']) ?? 0;
  const { cacheWrite, cacheWrite1h } = cacheWrites(usage);
  return {
    ...NO_USAGE,
    input: fresh + cachedInput + cacheWrite + cacheWrite1h,
    cachedInput,
    cacheWrite,
    cacheWrite1h,
    output,
    reasoning: partFigure(objectAt(usage, 'output_tokens_details')['thinking_tokens'], output),
  };
}

/**
 * Samplings that are billed but left out of the top level: the summary of a conversation that grew too long, and the
 * advice of another model (which is billed at that model's rates; here it is counted at those of the one that was asked).
 */
const BESIDE_THE_TOTAL: ReadonlySet<unknown> = new Set(['compaction', 'advisor_message']);

function plus(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    ...a,
    input: a.input + b.input,
    cachedInput: a.cachedInput + b.cachedInput,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    cacheWrite1h: a.cacheWrite1h + b.cacheWrite1h,
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
  };
}

/** The usage of a whole answer, or null when it is not credible. */
export function readAnthropicUsage(value: unknown): TokenUsage | null {
  if (!isJsonObject(value)) return null;
  const top = readTokens(value);
  if (top === null) return null;
  const total = objectsAt(value, 'iterations')
    .filter((iteration) => BESIDE_THE_TOTAL.has(iteration['type']))
    .map(readTokens)
    .filter((tokens) => tokens !== null)
    .reduce(plus, top);
  return { ...total, ...serverToolCalls(value), ...serviceOfAnthropic(value) };
}

/**
 * `message_start` with what `message_delta` says later. Figures that it leaves out or sets to null stay; and since they
 * are cumulative, one that falls to zero was not counted again and stays too.
 */
export function mergeAnthropicUsage(start: JsonObject, later: JsonObject): JsonObject {
  const said = Object.entries(later).filter(
    ([key, figure]) =>
      figure !== null && figure !== undefined && !(figure === 0 && typeof start[key] === 'number'),
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
    ...(usage.reasoning > 0 && {
      completion_tokens_details: { reasoning_tokens: usage.reasoning },
    }),
  };
}
