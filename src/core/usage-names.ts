/** Usage in the words of the wire: of the ledger's route, of exports, and of traffic that is read back. */
import type { TokenUsage } from './usage.ts';

type Kind = keyof TokenUsage;
type TextKind = {
  [K in Kind]-?: TokenUsage[K] extends string | undefined ? K : never;
}[Kind];
type CountKind = Exclude<Kind, TextKind>;

/** All of a usage has a name here, or this does not compile. New ones come last: a column keeps its place. */
const NAMES = {
  input: 'input_tokens',
  cachedInput: 'cached_input_tokens',
  cacheWrite: 'cache_write_tokens',
  cacheWrite1h: 'cache_write_1h_tokens',
  inputAudio: 'input_audio_tokens',
  output: 'output_tokens',
  reasoning: 'reasoning_tokens',
  outputAudio: 'output_audio_tokens',
  reportedCostUsd: 'reported_cost_usd',
} as const satisfies Readonly<Record<Kind, string>>;

/** What of it is no count. */
const TEXTS: Readonly<Record<TextKind, true>> = { reportedCostUsd: true };

/** Each part of a usage with its name. */
export const USAGE_NAMES = Object.entries(NAMES) as readonly (readonly [Kind, string])[];

/** The counts among them. */
export const COUNT_NAMES = USAGE_NAMES.filter(
  (named): named is readonly [CountKind, string] => !Object.hasOwn(TEXTS, named[0]),
);

/** A usage as JSON; null for what the provider does not tell. */
export function usageJson(usage: TokenUsage): Readonly<Record<string, number | string | null>> {
  return Object.fromEntries(USAGE_NAMES.map(([kind, name]) => [name, usage[kind] ?? null]));
}
