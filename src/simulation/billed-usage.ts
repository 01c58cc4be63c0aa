/** Token counts of traffic, as the request path takes them. */
import type { PremiumRates, TokenCount, TokenUsage } from '../core/usage.ts';

/** Calls of the provider's own tools, where the file has any. What they added to the input is in it already. */
function toolsOf(usage: TokenUsage): Pick<PremiumRates, 'serverTools'> {
  const { webSearches = 0, fileSearches = 0, codeExecutions = 0, searchSources = 0 } = usage;
  if (webSearches + fileSearches + codeExecutions + searchSources === 0) return {};
  return { serverTools: { webSearches, fileSearches, codeExecutions, searchSources, calls: 0 } };
}

/** The tokens of a file are the provider's own count, so nothing has to be estimated. */
export function countOf(usage: TokenUsage): TokenCount {
  const { input, cachedInput, cacheWrite, cacheWrite1h, inputAudio, outputAudio } = usage;
  const { speed, region, inputImage = 0 } = usage;
  const tokens = Math.max(input, cachedInput + cacheWrite + cacheWrite1h, inputAudio + inputImage);
  return {
    tokens,
    bound: tokens,
    tier: 'exact',
    premiums: {
      cacheWrite: cacheWrite + cacheWrite1h > 0,
      audio: inputAudio + outputAudio > 0,
      image: inputImage > 0,
      ...(speed !== undefined && { speed }),
      ...(region !== undefined && { region }),
      ...toolsOf(usage),
    },
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
    ...(usage.outputImage !== undefined && {
      outputImage: Math.min(usage.outputImage, maxOutputTokens),
    }),
  };
}
