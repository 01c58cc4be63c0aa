/**
 * The two byte-pair encodings that are in use, loaded on first need: each costs 100 to 250 ms and 20 to 45 MB, which a
 * gateway that serves only local models should not pay.
 */
import { readRanks } from './encoding-ranks.ts';

export type EncodingName = 'cl100k_base' | 'o200k_base';

/** Counts tokens of a text that has no run longer than `countInPieces` allows; longer runs cost quadratic time. */
export type CountTokens = (text: string) => number;

/**
 * Without this the tokenizer throws when a user writes `<|endoftext|>`. Such text is ordinary text: a provider never
 * reads it as a control token, and neither do we.
 */
const ORDINARY_TEXT = { disallowedSpecial: new Set<string>() };

/**
 * Entries of the tokenizer's own memory of merged words. A hostile entry can take 4 kB, so its default of 100,000 would
 * let strangers fill the heap.
 */
const MERGE_CACHE_ENTRIES = 4000;

/** Loads an encoding. What can not be cut into turns blocks the event loop for about 30 ms. */
export async function loadEncoding(name: EncodingName): Promise<CountTokens> {
  const { GptEncoding } = await import('gpt-tokenizer/GptEncoding');
  const ranks = await readRanks(name);
  const encoding = GptEncoding.getEncodingApi(name, () => ranks);
  encoding.setMergeCacheSize(MERGE_CACHE_ENTRIES);
  return (text) => encoding.countTokens(text, ORDINARY_TEXT);
}
