/**
 * Counting that takes linear time for any text. The tokenizer's time grows with the square of a run of letters, of
 * spaces or of signs: 100 kB of one letter takes 11 seconds. Runs are therefore cut, which changes the count of a
 * hostile text by less than half a percent and of an ordinary text not at all.
 */
import type { CountTokens } from './encodings.ts';

/** Characters in one run. No word of an ordinary text is as long. */
const RUN_CHARS = 128;
/** Characters between two looks at the clock. */
const CHUNK_CHARS = 32_768;
/** How far behind a chunk's end a place is sought where a cut changes nothing. */
const SEAM_SEARCH_CHARS = 512;

/**
 * Runs that one piece of the encodings' own split could swallow: letters with their marks, or anything that is neither
 * letter nor digit (signs, white space and their mixtures such as `/\n/\n`). Digits are split in threes already. The
 * look-behinds keep the search linear: without them each letter of a 127-letter word would start a search of its own.
 */
const LONG_RUN = new RegExp(
  [
    String.raw`(?<![\p{L}\p{M}])[\p{L}\p{M}]{${RUN_CHARS},}`,
    String.raw`(?<![^\p{L}\p{N}])[^\p{L}\p{N}]{${RUN_CHARS},}`,
  ].join('|'),
  'gu',
);

/** A letter, then a space, then a letter: no piece of the encodings' split reaches across the place before the space. */
const SEAM = /(?<=\p{L}) (?=\p{L})/u;

export interface PieceCount {
  readonly tokens: number;
  /** Characters from the start that are in `tokens`; the text's length when all of it was counted. */
  readonly countedChars: number;
}

function avoidSplitPair(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff ? at + 1 : at;
}

function chunkEnd(text: string, start: number): number {
  const end = start + CHUNK_CHARS;
  if (end >= text.length) return text.length;
  const seam = text.slice(end, end + SEAM_SEARCH_CHARS).search(SEAM);
  return avoidSplitPair(text, seam < 0 ? end : end + seam);
}

/** A letter, a digit, anything else in ASCII; null for what only Unicode's tables can tell. */
function kindOf(unit: number): 'letter' | 'digit' | 'other' | null {
  if (unit > 0x7f) return null;
  const lower = unit | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return 'letter';
  return unit >= 0x30 && unit <= 0x39 ? 'digit' : 'other';
}

/**
 * False when there is certainly no long run. Any run of `RUN_CHARS` covers one of the places that are that far apart, so
 * in ordinary text one word in twenty is looked at; to search all of it takes as long as to count its tokens.
 */
function mayHaveLongRun(chunk: string): boolean {
  for (let place = RUN_CHARS - 1; place < chunk.length; place += RUN_CHARS) {
    const kind = kindOf(chunk.charCodeAt(place));
    if (kind === 'digit') continue;
    let from = place;
    while (from > 0 && kindOf(chunk.charCodeAt(from - 1)) === kind) from -= 1;
    let to = place + 1;
    while (to < chunk.length && kindOf(chunk.charCodeAt(to)) === kind) to += 1;
    const isCertain =
      kind !== null && isAsciiAt(chunk, from - 1) && isAsciiAt(chunk, to) && to - from < RUN_CHARS;
    if (!isCertain) return true;
  }
  return false;
}

/** True beyond the ends, too. */
function isAsciiAt(text: string, at: number): boolean {
  return at < 0 || at >= text.length || text.charCodeAt(at) <= 0x7f;
}

function countChunk(count: CountTokens, chunk: string): number {
  if (!mayHaveLongRun(chunk)) return count(chunk);
  let tokens = 0;
  let start = 0;
  for (const run of chunk.matchAll(LONG_RUN)) {
    const runEnd = run.index + run[0].length;
    for (let cut = run.index + RUN_CHARS; cut < runEnd; cut += RUN_CHARS) {
      const end = avoidSplitPair(chunk, cut);
      tokens += count(chunk.slice(start, end));
      start = end;
    }
  }
  return start < chunk.length ? tokens + count(start === 0 ? chunk : chunk.slice(start)) : tokens;
}

/** Counts the tokens of any text. Stops between two chunks when `isTimeUp` says so, and tells how far it came. */
export function countInPieces(
  count: CountTokens,
  text: string,
  isTimeUp: () => boolean = () => false,
): PieceCount {
  let tokens = 0;
  let start = 0;
  while (start < text.length && !isTimeUp()) {
    const end = chunkEnd(text, start);
    tokens += countChunk(count, start === 0 && end === text.length ? text : text.slice(start, end));
    start = end;
  }
  return { tokens, countedChars: start };
}
