/** Usage in the words of the wire: of the ledger's route, of exports, and of traffic that is read back. */
import type { TokenUsage } from './usage.ts';

type Tokens = Omit<TokenUsage, 'reportedCostUsd'>;

/** Every kind of tokens has a name here, or this does not compile. New ones come last: a column keeps its place. */
const NAMES = {
  input: 'input_tokens',
  cachedInput: 'cached_input_tokens',
  cacheWrite: 'cache_write_tokens',
  cacheWrite1h: 'cache_write_1h_tokens',
  inputAudio: 'input_audio_tokens',
  output: 'output_tokens',
  reasoning: 'reasoning_tokens',
  outputAudio: 'output_audio_tokens',
} as const satisfies Readonly<Record<keyof Tokens, string>>;

/** Each kind with its name. */
export const TOKEN_NAMES = Object.entries(NAMES) as readonly (readonly [keyof Tokens, string])[];

/** A usage as JSON. A kind that was not known yet when an entry was made is 0 in it. */
export function usageJson(usage: TokenUsage): Readonly<Record<string, number | string | null>> {
  return {
    ...Object.fromEntries(TOKEN_NAMES.map(([kind, name]) => [name, usage[kind] ?? 0])),
    reported_cost_usd: usage.reportedCostUsd ?? null,
  };
}
