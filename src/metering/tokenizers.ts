/**
 * Which tokenizer a model has, and how well we know it.
 *
 * Sources of the encodings: OpenAI's table in tiktoken (`tiktoken/model.py`) and the model data of gpt-tokenizer
 * 4.0.0, read 2026-11. `gpt-4-turbo` is cl100k_base there, although it is often written down as o200k_base.
 *
 * Other vendors publish no tokenizer that could be shipped, so their counts are the nearest encoding times a factor in
 * whole percent. `percent` gives the best estimate, `boundPercent` the figure that holds use. Factors are never below
 * 100: an estimate that is too low is money spent without a hold.
 */
import type { TokenTier } from '../core/usage.ts';
import type { EncodingName } from './encodings.ts';

/** Whose rules for tools, images and audio apply. */
export type TokenizerFamily = 'openai' | 'claude' | 'gemini' | 'other';

export interface BpeTokenizer {
  readonly tier: 'exact' | 'approximation';
  readonly family: TokenizerFamily;
  readonly encoding: EncodingName;
  readonly percent: number;
  readonly boundPercent: number;
}

interface HeuristicTokenizer {
  readonly tier: 'heuristic';
  readonly family: 'other';
}

export type Tokenizer = BpeTokenizer | HeuristicTokenizer;

const HEURISTIC: HeuristicTokenizer = { tier: 'heuristic', family: 'other' };

function exact(encoding: EncodingName): BpeTokenizer {
  return { tier: 'exact', family: 'openai', encoding, percent: 100, boundPercent: 100 };
}

function near(
  family: TokenizerFamily,
  encoding: EncodingName,
  percent: number,
  boundPercent: number,
): BpeTokenizer {
  return { tier: 'approximation', family, encoding, percent, boundPercent };
}

/** Exact names first where a prefix would claim them: gpt-oss is OpenAI's, but its chat template is the runner's. */
const OPENAI: readonly (readonly [RegExp, Tokenizer])[] = [
  // o200k_harmony: the same merges as o200k_base; the runner's template adds a system message that is not in the request.
  [/^gpt-oss/, near('other', 'o200k_base', 105, 115)],
  [/^(gpt-3\.5|gpt-35)/, exact('cl100k_base')],
  [/^gpt-4(-|$)/, exact('cl100k_base')],
  [/^text-embedding-/, exact('cl100k_base')],
  [/^(davinci|babbage)-002/, exact('cl100k_base')],
  [/^gpt-(4o|4\.\d|[5-9]|\d\d)/, exact('o200k_base')],
  [/^o[1-9]\d?(-|$)/, exact('o200k_base')],
  [
    /^(chatgpt-|chat-latest|codex-|computer-use-|gpt-audio|gpt-realtime|gpt-chat)/,
    exact('o200k_base'),
  ],
];

/**
 * Claude: `claude-*` is counted with cl100k_base. Its tokenizers give more tokens than OpenAI's: 18 % more on a sample of
 * code (4,560 against 3,879, measured 2026-11 with the tokenizer that Anthropic published in 2024), up to a quarter on
 * mixed text. From Opus 4.7 and generation 5 on, Anthropic states about 30 % more than its older models for the same
 * text (1.0 to 1.35 times), hence 115 x 1.3 and 140 x 1.35. On a page of prose and one of a table that were billed in
 * 2026-10 (data set "PDF token cost per page"), the older ones gave 1.09 and 1.14 of o200k_base, the newer 1.58 and 1.45.
 */
const CLAUDE_OLD = near('claude', 'cl100k_base', 115, 140);
const CLAUDE_NEW = near('claude', 'cl100k_base', 150, 189);
/** The first Claude with the new tokenizer, as major x 100 + minor. */
const NEW_CLAUDE_VERSION = 407;

/**
 * Vocabularies of 32,000 entries (SentencePiece): Meta states 15 % fewer tokens for Llama 3 than for Llama 2; other
 * scripts fall back to bytes.
 */
const SMALL_VOCABULARY = near('other', 'cl100k_base', 120, 200);
/**
 * Vocabularies built on OpenAI's: Llama 3 (128k), Qwen (151k), Phi 4 and others. Llama 3 was measured at 1.01 of
 * o200k_base on code.
 */
const TIKTOKEN_LIKE = near('other', 'cl100k_base', 105, 120);
/** Large vocabularies (128k to 260k) of other make. */
const LARGE_VOCABULARY = near('other', 'o200k_base', 110, 135);

/** Order matters: a distilled `deepseek-r1-distill-llama` and `codellama` are named after two families. */
const OTHERS: readonly (readonly [RegExp, Tokenizer])[] = [
  // Google states about 4 characters in a token for English, where o200k_base has 4.4: 110.
  [/^(gemini|learnlm)/, near('gemini', 'o200k_base', 110, 135)],
  // DeepSeek states 0.3 tokens for an English character, 0.6 for a Chinese one: within 110 of o200k_base.
  [/deepseek/, LARGE_VOCABULARY],
  [
    /(codellama|code-llama|tinyllama|llama-?2|vicuna|wizardlm|orca|alpaca|stable-?lm|zephyr|solar)/,
    SMALL_VOCABULARY,
  ],
  [/(mixtral|mistral|ministral|codestral|devstral|magistral|pixtral)/, SMALL_VOCABULARY],
  [/(llama|hermes|dolphin)/, TIKTOKEN_LIKE],
  [/(qwen|qwq|qvq)/, TIKTOKEN_LIKE],
  [/phi-?4/, TIKTOKEN_LIKE],
  [/(^|[-_])phi-?\d/, SMALL_VOCABULARY],
  [/gemma/, LARGE_VOCABULARY],
  [/(command-(r|a)|c4ai|aya-)/, LARGE_VOCABULARY],
  [/(^grok|^glm-|^kimi-|moonshot|^minimax)/, LARGE_VOCABULARY],
  [/(^|[-_])yi[-:]/, near('other', 'cl100k_base', 120, 170)],
  [
    /(starcoder|granite|smollm|falcon|olmo|exaone|nemotron)/,
    near('other', 'cl100k_base', 120, 170),
  ],
  [/(nomic-embed|mxbai-embed|all-minilm|snowflake-arctic-embed|^bge-|^e5-)/, SMALL_VOCABULARY],
];

/** Lower case, without a vendor's prefix (`openai/`, `meta-llama/`), a fine-tune's `ft:`, or Bedrock's `anthropic.`. */
export function plainModelName(model: string): string {
  const name = model.toLowerCase().trim();
  const base = name.slice(name.lastIndexOf('/') + 1).replace(/^ft:/, '');
  return base.replace(/^((us|eu|apac|global)\.)?anthropic\./, '');
}

/** Version of a Claude model as major x 100 + minor, from either naming order; null when the name has none. */
export function claudeVersion(name: string): number | null {
  const match = /^claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(name);
  return match === null ? null : Number(match[1]) * 100 + Number(match[2] ?? 0);
}

function tokenizerFor(model: string): Tokenizer {
  const name = plainModelName(model);
  if (name.startsWith('claude')) {
    // A name without a version (`claude-latest`) is taken for the newest, which has the most tokens.
    return (claudeVersion(name) ?? NEW_CLAUDE_VERSION) >= NEW_CLAUDE_VERSION
      ? CLAUDE_NEW
      : CLAUDE_OLD;
  }
  for (const [pattern, tokenizer] of OPENAI) if (pattern.test(name)) return tokenizer;
  for (const [pattern, tokenizer] of OTHERS) if (pattern.test(name)) return tokenizer;
  return HEURISTIC;
}

/** Names come from clients, so what is remembered is bounded. */
const MEMORY_NAMES = 500;
const remembered = new Map<string, Tokenizer>();

/** The tokenizer of a model, by name alone. Never throws; a name that nobody knows is counted by the heuristic. */
export function tokenizerOf(model: string): Tokenizer {
  const known = remembered.get(model);
  if (known !== undefined) return known;
  const tokenizer = tokenizerFor(model);
  if (remembered.size >= MEMORY_NAMES) remembered.clear();
  remembered.set(model, tokenizer);
  return tokenizer;
}

export function tierOf(model: string): TokenTier {
  return tokenizerOf(model).tier;
}
