/** Counts that need no tokenizer: for models that nobody knows, and where counting itself would take too long. */

/**
 * The contract's figure for unknown models: characters / 4, rounded up, times 1.15, rounded up. English prose has four
 * to five characters in a token; 1.15 covers code and names.
 */
export function heuristicTokens(chars: number): number {
  return Math.ceil((Math.ceil(chars / 4) * 115) / 100);
}

/**
 * Upper bound for an unknown tokenizer: the same figure for ASCII, and one token for each byte of everything else. A
 * Chinese character is one to three tokens, so characters / 4 would hold a tenth of what is billed.
 */
export function heuristicBound(text: string): number {
  const extra = Buffer.byteLength(text) - text.length;
  if (extra === 0) return heuristicTokens(text.length);
  // A character of 2, 3 or 4 bytes adds 1, 2 or 2 to `extra`: twice that is never less than its bytes.
  const wideBytes = Math.min(2 * extra, Buffer.byteLength(text));
  const asciiChars = Math.max(text.length - extra, 0);
  return Math.max(heuristicTokens(text.length), heuristicTokens(asciiChars) + wideBytes);
}

/**
 * Upper bound that holds for every byte-level encoding, whatever the text: a token covers at least one byte. About
 * four times too high for prose, so it is used only where there was no time to count.
 */
export function byteBound(text: string): number {
  return Buffer.byteLength(text);
}
