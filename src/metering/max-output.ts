/**
 * The most output tokens that one answer of a model can have. Bounds the hold of a request that names no maximum.
 *
 * Sources, read 2026-11: OpenAI's model pages as packaged in gpt-tokenizer 4.0.0 (`max_output_tokens`), and for GPT-5.6
 * and 6 those pages themselves; Anthropic's models overview and the pages of single models; Google's Gemini model pages.
 */
import { plainModelName } from './tokenizers.ts';

/** For models that no table knows. The caller has to send it as `max_tokens`, since nothing else bounds the answer. */
const UNKNOWN_MAX_OUTPUT = 32_768;

/** The first match counts, so exceptions stand above their families. */
const MAX_OUTPUT: readonly (readonly [RegExp, number])[] = [
  [/embed|^bge-|^e5-|rerank|moderation|^voyage-/, 0],
  [/^gpt-oss/, 131_072],
  [/^(gpt-3\.5|gpt-35)/, 4096],
  [/^gpt-4-32k/, 32_768],
  [/^gpt-4(-\d{4})?$/, 8192],
  [/^gpt-4-/, 4096],
  [/^gpt-4o-2024-05-13/, 4096],
  [/^gpt-4o.*realtime/, 4096],
  [/^(gpt-4o|chatgpt-4o|gpt-4\.5|gpt-audio)/, 16_384],
  [/^gpt-4\.1/, 32_768],
  [/^gpt-5-pro/, 272_000],
  [/^gpt-5(\.\d)?-chat/, 16_384],
  [/^(gpt-[56]|gpt-chat-latest|chat-latest)/, 128_000],
  [/^gpt-realtime-2/, 32_000],
  [/^gpt-realtime/, 4096],
  [/^o1-preview/, 32_768],
  [/^o1-mini/, 65_536],
  [/^(o[134](-|$)|codex-mini)/, 100_000],
  [/^computer-use/, 1024],
  [/^(davinci|babbage)-002/, 16_384],
  [/^claude-(2|instant|v1|3-(opus|sonnet|haiku))/, 4096],
  [/^claude-3[-.]5/, 8192],
  [/^claude-(3[-.]7-sonnet|sonnet-3[-.]7)/, 64_000],
  [/^claude-(opus-4[-.]1|opus-4(-0|-2|@|$)|4-opus)/, 32_000],
  [/^claude-(sonnet-4(-0|-2|@|$)|4-sonnet|(sonnet|haiku|opus)-4[-.]5|4[-.]5-)/, 64_000],
  [/^claude-((opus|sonnet)-4[-.][678]|4[-.][678]-)/, 128_000],
  [/^claude-((opus|sonnet|haiku|fable|mythos)-5|5)/, 128_000],
  [/^gemini-(1|pro|flash)/, 8192],
  [/^gemini-2\.0-flash-thinking/, 65_536],
  [/^gemini-2\.0/, 8192],
  [/^gemini-.*image/, 32_768],
  [/^gemini-(2\.5|3)/, 65_536],
];

export interface MaxOutput {
  readonly tokens: number;
  /** False for the default. */
  readonly isKnown: boolean;
}

export function maxOutputOf(model: string): MaxOutput {
  const name = plainModelName(model);
  const known = MAX_OUTPUT.find(([pattern]) => pattern.test(name));
  return known === undefined
    ? { tokens: UNKNOWN_MAX_OUTPUT, isKnown: false }
    : { tokens: known[1], isKnown: true };
}
