/** Token counts of traffic, as the request path takes them. */
import type { TokenCount, TokenUsage } from '../core/usage.ts';

/** The tokens of a file are the provider's own count, so nothing has to be estimated. */
export function countOf(usage: TokenUsage): TokenCount {
  const { input, cachedInput, cacheWrite, cacheWrite1h, inputAudio, outputAudio } = usage;
  const tokens = Math.max(input, cachedInput + cacheWrite + cacheWrite1h, inputAudio);
  return {
    tokens,
    bound: tokens,
    tier: 'exact',
    premiums: { cacheWrite: cacheWrite + cacheWrite1h > 0, audio: inputAudio + outputAudio > 0 },
  };
}

/** An answer that ends where `max_tokens` ends it. The same usage where it was shorter anyway. */
export function shortened(usage: TokenUsage, maxOutputTokens: number): TokenUsage {
  if (usage.output <= maxOutputTokens) return usage;
  return {
    ...usage,
    output: maxOutputTokens,
    reasoning: Math.min(usage.reasoning, maxOutputTokens),
    outputAudio: Math.min(usage.outputAudio, maxOutputTokens),
  };
}
