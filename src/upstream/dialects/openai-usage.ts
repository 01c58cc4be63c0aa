/**
 * Usage as backends of the OpenAI dialect report it. Their variations:
 * - DeepSeek: `prompt_cache_hit_tokens` beside the totals.
 * - Groq: the whole object under `x_groq`.
 * - OpenRouter: `cost` in USD, and `cache_write_tokens` among the prompt details.
 * - xAI and Gemini leave reasoning out of `completion_tokens`, but not out of `total_tokens`.
 * - Gemini and vLLM (continuous usage) repeat a growing figure on many chunks: the last one is the whole.
 * - Ollama, vLLM and llama.cpp send the plain totals.
 */
import type { JsonObject } from '../../core/request.ts';
import type { TokenUsage } from '../../core/usage.ts';
import { isJsonObject, objectAt } from '../json-values.ts';
import { partFigure, reportedUsd, tokenFigure, withConsistentParts } from '../usage-values.ts';

interface Totals {
  readonly input: number;
  readonly output: number;
  /** Output that only `total_tokens` knows of. */
  readonly hiddenOutput: number;
}

function totalsOf(usage: JsonObject): Totals | null {
  const input = tokenFigure(usage['prompt_tokens']);
  const written = usage['completion_tokens'];
  // Embeddings have no output, and some servers leave the field out of the first chunks.
  const output = written === undefined || written === null ? 0 : tokenFigure(written);
  if (input === null || output === null) return null;
  const total = tokenFigure(usage['total_tokens']) ?? 0;
  const hiddenOutput = Math.max(0, total - input - output);
  return { input, output: output + hiddenOutput, hiddenOutput };
}

/** Normalises a `usage` object; null when its totals are not credible. */
export function readOpenAiUsage(value: unknown): TokenUsage | null {
  if (!isJsonObject(value)) return null;
  const totals = totalsOf(value);
  if (!totals) return null;
  const { input, output, hiddenOutput } = totals;
  const inputDetails = objectAt(value, 'prompt_tokens_details');
  const outputDetails = objectAt(value, 'completion_tokens_details');
  const cost = reportedUsd(value['cost']);
  return withConsistentParts({
    input,
    cachedInput: partFigure(
      inputDetails['cached_tokens'] ?? value['prompt_cache_hit_tokens'] ?? value['cached_tokens'],
      input,
    ),
    cacheWrite: partFigure(inputDetails['cache_write_tokens'], input),
    cacheWrite1h: 0,
    inputAudio: partFigure(inputDetails['audio_tokens'], input),
    output,
    reasoning: Math.max(partFigure(outputDetails['reasoning_tokens'], output), hiddenOutput),
    outputAudio: partFigure(outputDetails['audio_tokens'], output),
    ...(cost === null ? {} : { reportedCostUsd: cost }),
  });
}

/** The usage of a whole answer or of one chunk. */
export function usageOfDocument(document: JsonObject): TokenUsage | null {
  return (
    readOpenAiUsage(document['usage']) ?? readOpenAiUsage(objectAt(document, 'x_groq')['usage'])
  );
}
