/** Usage in the words of the wire: of the ledger's route, of exports, and of traffic that is read back. */
import type { DearerService, TokenUsage } from './usage.ts';

type Counts = Required<Omit<TokenUsage, 'reportedCostUsd' | keyof DearerService>>;

/** Every kind of tokens and calls has a name here, or this does not compile. New ones come last: a column keeps its place. */
const NAMES = {
  input: 'input_tokens',
  cachedInput: 'cached_input_tokens',
  cacheWrite: 'cache_write_tokens',
  cacheWrite1h: 'cache_write_1h_tokens',
  inputAudio: 'input_audio_tokens',
  output: 'output_tokens',
  reasoning: 'reasoning_tokens',
  outputAudio: 'output_audio_tokens',
  inputImage: 'input_image_tokens',
  outputImage: 'output_image_tokens',
  webSearches: 'web_searches',
  fileSearches: 'file_searches',
  searchSources: 'search_sources',
  webFetches: 'web_fetches',
  codeExecutions: 'code_executions',
} as const satisfies Readonly<Record<keyof Counts, string>>;

/** Each kind with its name. */
export const COUNT_NAMES = Object.entries(NAMES) as readonly (readonly [keyof Counts, string])[];

/** How a call was served. */
export const SERVICE_NAMES = ['speed', 'region'] as const;

/** A usage as JSON. Null is what the provider did not tell, which for images is not the same as 0. */
export function usageJson(usage: TokenUsage): Readonly<Record<string, number | string | null>> {
  return {
    ...Object.fromEntries(COUNT_NAMES.map(([kind, name]) => [name, usage[kind] ?? null])),
    speed: usage.speed ?? null,
    region: usage.region ?? null,
    reported_cost_usd: usage.reportedCostUsd ?? null,
  };
}
