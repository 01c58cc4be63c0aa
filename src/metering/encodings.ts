/**
 * The two byte-pair encodings that are in use, loaded on first need: each costs 50 to 180 ms and 36 to 58 MB, which a
 * gateway that serves only local models should not pay.
 */
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

/** Loads an encoding, and blocks the thread that long: call it before the first request or in a worker. */
export async function loadEncoding(name: EncodingName): Promise<CountTokens> {
  const encoding =
    name === 'o200k_base'
      ? await import('gpt-tokenizer/encoding/o200k_base')
      : await import('gpt-tokenizer/encoding/cl100k_base');
  encoding.setMergeCacheSize(MERGE_CACHE_ENTRIES);
  return (text) => encoding.countTokens(text, ORDINARY_TEXT);
}
