/**
 * Usage as backends of the OpenAI dialect report it. Their variations:
 * - DeepSeek: `prompt_cache_hit_tokens` beside the totals; Moonshot: `cached_tokens`.
 * - Groq: the whole object under `x_groq`, by now beside an ordinary one.
 * - OpenRouter, xAI and Perplexity say what the call cost.
 * - xAI and Gemini leave reasoning out of `completion_tokens`, but not out of `total_tokens`.
 * - Gemini and vLLM (continuous usage) repeat a growing figure on many chunks: the last one is the whole.
 * - Ollama, vLLM, llama.cpp and Mistral send the plain totals.
 * - Some servers take the words of the Responses API, or forget `usage` for words of their own.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { objectAt } from '../../json-values.ts';
import { readGeminiUsage, readLlamaCppTimings, readOllamaUsage } from '../usage/native-usage.ts';
import { readResponsesUsage } from '../responses/usage.ts';
import { serviceOfTier } from '../usage/served-as.ts';
import { readUsageIn, type UsageWords } from '../usage/usage-words.ts';

const CHAT_WORDS: UsageWords = {
  input: 'prompt_tokens',
  output: 'completion_tokens',
  inputDetails: 'prompt_tokens_details',
  outputDetails: 'completion_tokens_details',
};

/** Normalises a `usage` object; null when its totals are not credible. */
export function readOpenAiUsage(value: unknown): TokenUsage | null {
  return readUsageIn(CHAT_WORDS, value);
}

/** The usage of a whole answer or of one chunk. */
export function usageOfDocument(document: JsonObject): TokenUsage | null {
  const usage =
    readOpenAiUsage(document['usage']) ??
    readOpenAiUsage(objectAt(document, 'x_groq')['usage']) ??
    readResponsesUsage(document['usage']);
  return usage && { ...usage, ...serviceOfTier(document['service_tier']) };
}

/** The names of the members that `nativeUsageOf` reads, as they stand in the bytes. */
export const NATIVE_USAGE_KEYS = {
  google: '"usageMetadata"',
  llamacpp: '"timings"',
  ollama: '"eval_count"',
} as const;

/** What a server tells in words of its own. Only where it tells nothing else: `usage` is the better word. */
export function nativeUsageOf(document: JsonObject): TokenUsage | null {
  return (
    readGeminiUsage(document['usageMetadata']) ??
    readLlamaCppTimings(document) ??
    readOllamaUsage(document)
  );
}
