/**
 * Usage in the native words of backends that are spoken to in the OpenAI dialect, for servers of theirs that answer in
 * it but forget the `usage`: an old llama.cpp has only its `timings`, Ollama only its own counts, Gemini its
 * `usageMetadata`. Also on many chunks: the figures grow, and the last one is the whole.
 */
import type { JsonObject } from '../../../core/request.ts';
import { NO_USAGE, type TokenUsage } from '../../../core/usage.ts';
import { isJsonObject, objectAt, objectsAt } from '../../json-values.ts';
import { partFigure, tokenFigure } from '../../usage-values.ts';

/** Tokens of one modality in one of Gemini's lists; null where there is no such list. */
function modality(usage: JsonObject, list: string, name: string, total: number): number | null {
  if (!Array.isArray(usage[list])) return null;
  const entry = objectsAt(usage, list).find((part) => part['modality'] === name);
  return entry === undefined ? 0 : partFigure(entry['tokenCount'], total);
}

/**
 * Gemini's `usageMetadata`. `promptTokenCount` holds the cached part; what tools put before the model and what it
 * thought are beside the two totals.
 */
export function readGeminiUsage(value: unknown): TokenUsage | null {
  if (!isJsonObject(value)) return null;
  const prompt = tokenFigure(value['promptTokenCount']);
  const candidates = tokenFigure(value['candidatesTokenCount'] ?? 0);
  if (prompt === null || candidates === null) return null;
  const reasoning = tokenFigure(value['thoughtsTokenCount']) ?? 0;
  const input = prompt + (tokenFigure(value['toolUsePromptTokenCount']) ?? 0);
  const inputImage = modality(value, 'promptTokensDetails', 'IMAGE', prompt);
  const outputImage = modality(value, 'candidatesTokensDetails', 'IMAGE', candidates);
  return {
    ...NO_USAGE,
    input,
    cachedInput: partFigure(value['cachedContentTokenCount'], prompt),
    inputAudio: modality(value, 'promptTokensDetails', 'AUDIO', prompt) ?? 0,
    output: candidates + reasoning,
    reasoning,
    outputAudio: modality(value, 'candidatesTokensDetails', 'AUDIO', candidates) ?? 0,
    ...(inputImage !== null && { inputImage }),
    ...(outputImage !== null && { outputImage }),
  };
}

/** Ollama's native counts; `prompt_eval_count` is left out where the whole prompt was cached. */
export function readOllamaUsage(document: JsonObject): TokenUsage | null {
  const output = tokenFigure(document['eval_count']);
  const input = tokenFigure(document['prompt_eval_count'] ?? 0);
  return output === null || input === null ? null : { ...NO_USAGE, input, output };
}

/** The `timings` of llama.cpp: `prompt_n` tokens were read, `cache_n` more were in its cache, `predicted_n` were written. */
export function readLlamaCppTimings(document: JsonObject): TokenUsage | null {
  const timings = objectAt(document, 'timings');
  const read = tokenFigure(timings['prompt_n']);
  const output = tokenFigure(timings['predicted_n']);
  if (read === null || output === null) return null;
  const cachedInput = tokenFigure(timings['cache_n']) ?? 0;
  return { ...NO_USAGE, input: read + cachedInput, cachedInput, output };
}
