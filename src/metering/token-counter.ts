/**
 * The token counter: short texts at once on the event loop, long ones in a thread, known ones from memory.
 *
 * What a count means, by tier. `exact`: `tokens` is what the vendor's own rule gives, and `bound` is the same for text;
 * tools, schemas and images of an unknown size add an allowance to the bound only. `approximation`: both are the nearest
 * encoding's count times the family's factors. `heuristic`: characters / 4 x 1.15; the bound is the same for ASCII and
 * a token for each byte of the rest. A text for which there was no time is `heuristic` too, with a token for each byte
 * as its bound.
 */
import type { Log } from '../core/log.ts';
import type { ModelRequest } from '../core/request.ts';
import type { TokenCounter } from '../core/tokens.ts';
import type { ScalableCount, TokenCount } from '../core/usage.ts';
import { countInPieces } from './count-in-pieces.ts';
import { CountingPool } from './counting-pool.ts';
import { EncodingShelf } from './encoding-shelf.ts';
import { loadEncoding, type CountTokens, type EncodingName } from './encodings.ts';
import type { Prompt } from './prompt.ts';
import { readPrompt } from './read-prompt.ts';
import { byteBound, heuristicBound, heuristicTokens } from './rough-count.ts';
import { withStoredInput } from './stored-input.ts';
import { TextCountCache } from './text-count-cache.ts';
import { tierOf, tokenizerOf, type BpeTokenizer } from './tokenizers.ts';

export interface TokenCounterOptions {
  readonly log: Log;
  /** The most UTF-8 bytes of unknown text that are counted on the event loop: the worst such text takes about 16 ms. */
  readonly inlineBytes?: number;
  /** For a long prompt, from the call to the answer. */
  readonly timeLimitMs?: number;
  /** Long prompts that may wait; the next one is answered by a bound. */
  readonly maxQueuedJobs?: number;
  /** Memory for counts of known texts, for each encoding. */
  readonly cacheBytes?: number;
  /** How an encoding is loaded; given by tests that count the work. */
  readonly load?: (name: EncodingName) => Promise<CountTokens>;
}

export interface WarmTokenCounter extends TokenCounter {
  /** Loads the encodings of these models ahead of the first request. Each takes up to 250 ms, a few of them in a turn. */
  warmUp(models: readonly string[]): Promise<void>;
}

const INLINE_BYTES = 16_384;
/** A call per text costs about a microsecond, so many tiny texts are as bad as one long one. */
const INLINE_TEXTS = 4096;
const TIME_LIMIT_MS = 2000;
const MAX_QUEUED_JOBS = 32;
const MAX_QUEUED_CHARS = 64_000_000;
const CACHE_BYTES = 16 * 1024 * 1024;
/** Long output text is judged by this many samples of this many characters. */
const SAMPLES = 16;
const SAMPLE_CHARS = 1024;
/** Samples may miss the dense parts of a text. */
const SAMPLE_MARGIN_PERCENT = 110;

/** A count of one or more texts: the estimate, the bound, and whether every text was counted. */
interface TextCount {
  readonly tokens: number;
  readonly bound: number;
  readonly isWhole: boolean;
}

function percentOf(value: number, percent: number): number {
  return Math.ceil((value * percent) / 100);
}

/** What no tokenizer counts, at the most that it can be. */
function boundOfKnown({
  tokenIds,
  statedTokens,
  statedBound,
  mediaTokens,
  mediaBound,
}: Prompt): number {
  return tokenIds + Math.max(statedBound, statedTokens) + Math.max(mediaBound, mediaTokens);
}

/** False where images, documents or results of the provider's own tools make up a part of what is billed. */
function isTextOnly({ tokenIds, mediaTokens, mediaBound, serverTools }: Prompt): boolean {
  return tokenIds === 0 && mediaTokens === 0 && mediaBound === 0 && serverTools === null;
}

/** Counts by characters, for a model without a known tokenizer. */
function countRoughly(prompt: Prompt): TokenCount {
  let chars = 0;
  let isAscii = true;
  for (const text of prompt.texts) {
    chars += text.length;
    isAscii &&= Buffer.byteLength(text) === text.length;
  }
  const known = prompt.tokenIds + prompt.statedTokens + prompt.mediaTokens;
  const tokens = heuristicTokens(chars);
  let bound = tokens;
  if (!isAscii) {
    bound = 0;
    for (const text of prompt.texts) bound += heuristicBound(text);
  }
  return {
    tokens: tokens + known,
    bound: Math.max(bound, tokens) + boundOfKnown(prompt),
    tier: 'heuristic',
    premiums: prompt.premiums(),
    scalable: {
      tokens,
      others: known,
      // Another script costs up to a token for each byte, which no ratio of ASCII tells: what it adds stays.
      othersBound: Math.max(0, bound - tokens) + boundOfKnown(prompt),
      isTextOnly: isAscii && known === 0 && isTextOnly(prompt),
    },
  };
}

function combine(
  tokenizer: BpeTokenizer,
  prompt: Prompt,
  sure: TextCount,
  doubtful: TextCount,
): TokenCount {
  const counted = sure.tokens + prompt.overhead;
  const most = sure.bound + prompt.overhead + doubtful.bound + prompt.doubtfulOverhead;
  const { statedTokens, tokenIds, mediaTokens } = prompt;
  const text = percentOf(counted, tokenizer.percent) + statedTokens;
  const others = tokenIds + mediaTokens;
  const bound = percentOf(most, tokenizer.boundPercent) + boundOfKnown(prompt);
  const isWhole = sure.isWhole && doubtful.isWhole;
  const allowance = percentOf(doubtful.bound + prompt.doubtfulOverhead, tokenizer.boundPercent);
  const scalable: ScalableCount = {
    tokens: text,
    others,
    othersBound: allowance + boundOfKnown(prompt) - statedTokens,
    isTextOnly: isTextOnly(prompt),
  };
  return {
    tokens: text + others,
    bound: Math.max(bound, text + others),
    tier: isWhole ? tokenizer.tier : 'heuristic',
    premiums: prompt.premiums(),
    ...(isWhole && tokenizer.tier === 'approximation' && { scalable }),
  };
}

/** What is known of texts without counting them. */
function countUncounted(texts: readonly string[]): TextCount {
  let chars = 0;
  let bound = 0;
  for (const text of texts) {
    chars += text.length;
    bound += byteBound(text);
  }
  return { tokens: heuristicTokens(chars), bound, isWhole: false };
}

/** The estimate for a long text from samples spread evenly over it, never more than its bytes. */
function countBySamples(count: CountTokens, text: string): number {
  const step = Math.floor(text.length / SAMPLES);
  let tokens = 0;
  for (let at = 0; at < SAMPLES; at += 1)
    tokens += countInPieces(count, text.slice(at * step, at * step + SAMPLE_CHARS)).tokens;
  const whole = Math.ceil((tokens * text.length) / (SAMPLES * SAMPLE_CHARS));
  return Math.min(percentOf(whole, SAMPLE_MARGIN_PERCENT), byteBound(text));
}

class BpeTokenCounter implements WarmTokenCounter {
  readonly #inlineBytes: number;
  readonly #cacheBytes: number;
  readonly #shelf: EncodingShelf;
  readonly #pool: CountingPool;
  readonly #caches = new Map<EncodingName, TextCountCache>();
  readonly #log: Log;

  constructor(options: TokenCounterOptions) {
    this.#log = options.log;
    this.#inlineBytes = options.inlineBytes ?? INLINE_BYTES;
    this.#cacheBytes = options.cacheBytes ?? CACHE_BYTES;
    this.#shelf = new EncodingShelf(options.load ?? loadEncoding);
    this.#pool = new CountingPool({
      timeLimitMs: options.timeLimitMs ?? TIME_LIMIT_MS,
      maxQueuedJobs: options.maxQueuedJobs ?? MAX_QUEUED_JOBS,
      maxQueuedChars: MAX_QUEUED_CHARS,
      log: options.log,
    });
  }

  async count(request: Pick<ModelRequest, 'route' | 'body'>, model: string): Promise<TokenCount> {
    return withStoredInput(await this.#countShown(request, model), request, model);
  }

  /** Counts what is in the request. */
  async #countShown(
    request: Pick<ModelRequest, 'route' | 'body'>,
    model: string,
  ): Promise<TokenCount> {
    const tokenizer = tokenizerOf(model);
    const prompt = readPrompt(request, model);
    if (tokenizer.tier === 'heuristic') return countRoughly(prompt);
    const { texts, doubtfulTexts } = prompt;
    const sure = await this.#countTexts(tokenizer.encoding, texts);
    const doubtful =
      doubtfulTexts.length === 0
        ? NOTHING
        : await this.#countTexts(tokenizer.encoding, doubtfulTexts);
    return combine(tokenizer, prompt, sure, doubtful);
  }

  countText(text: string, model: string): number {
    if (text.length === 0) return 0;
    const tokenizer = tokenizerOf(model);
    if (tokenizer.tier === 'heuristic') return heuristicTokens(text.length);
    const count = this.#shelf.ready(tokenizer.encoding);
    if (count === undefined) {
      void this.#loaded(tokenizer.encoding);
      return heuristicTokens(text.length);
    }
    const isShort = byteBound(text) <= this.#inlineBytes;
    return percentOf(
      isShort ? countInPieces(count, text).tokens : countBySamples(count, text),
      tokenizer.percent,
    );
  }

  readonly tierOf = tierOf;

  async warmUp(models: readonly string[]): Promise<void> {
    for (const model of models) {
      const tokenizer = tokenizerOf(model);
      // One after the other, so that the event loop breathes between two encodings.
      // oxlint-disable-next-line no-await-in-loop
      if (tokenizer.tier !== 'heuristic') await this.#shelf.get(tokenizer.encoding);
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** The encoding, or null when it can not be loaded: counting goes on by bounds. */
  async #loaded(encoding: EncodingName): Promise<CountTokens | null> {
    try {
      return await this.#shelf.get(encoding);
    } catch (error) {
      this.#log.error('a token encoding could not be loaded; a bound is used instead', {
        encoding,
        error: error as Error,
      });
      return null;
    }
  }

  #cache(encoding: EncodingName): TextCountCache {
    const cache = this.#caches.get(encoding) ?? new TextCountCache(this.#cacheBytes);
    this.#caches.set(encoding, cache);
    return cache;
  }

  async #countTexts(encoding: EncodingName, texts: readonly string[]): Promise<TextCount> {
    const cache = this.#cache(encoding);
    const unknown: string[] = [];
    let tokens = 0;
    let bytes = 0;
    for (const text of texts) {
      const known = cache.get(text);
      if (known === undefined) {
        unknown.push(text);
        bytes += byteBound(text);
      } else tokens += known;
    }
    if (unknown.length === 0) return { tokens, bound: tokens, isWhole: true };
    const isShort = bytes <= this.#inlineBytes && unknown.length <= INLINE_TEXTS;
    const fresh = isShort
      ? await this.#countHere(encoding, cache, unknown)
      : await this.#countInThread(encoding, cache, unknown);
    return { tokens: tokens + fresh.tokens, bound: tokens + fresh.bound, isWhole: fresh.isWhole };
  }

  async #countHere(
    encoding: EncodingName,
    cache: TextCountCache,
    texts: readonly string[],
  ): Promise<TextCount> {
    const count = this.#shelf.ready(encoding) ?? (await this.#loaded(encoding));
    if (count === null) return countUncounted(texts);
    let tokens = 0;
    for (const text of texts) {
      const own = countInPieces(count, text).tokens;
      cache.set(text, own);
      tokens += own;
    }
    return { tokens, bound: tokens, isWhole: true };
  }

  async #countInThread(
    encoding: EncodingName,
    cache: TextCountCache,
    texts: readonly string[],
  ): Promise<TextCount> {
    const answer = await this.#pool.count(encoding, texts);
    let tokens = 0;
    let bound = 0;
    let isWhole = true;
    for (const [at, text] of texts.entries()) {
      const counted = answer?.[at] ?? { tokens: 0, countedChars: 0 };
      const rest = counted.countedChars === text.length ? '' : text.slice(counted.countedChars);
      tokens += counted.tokens + heuristicTokens(rest.length);
      bound += counted.tokens + byteBound(rest);
      if (rest === '') cache.set(text, counted.tokens);
      else isWhole = false;
    }
    return { tokens, bound, isWhole };
  }
}

const NOTHING: TextCount = { tokens: 0, bound: 0, isWhole: true };

/** Makes the token counter of a gateway. Nothing is loaded and no thread is started before it is needed. */
export function createTokenCounter(options: TokenCounterOptions): WarmTokenCounter {
  return new BpeTokenCounter(options);
}
