/**
 * The tokens of an encoding, read from the data file of gpt-tokenizer. Importing its module of the same tokens would
 * parse a program of 200,000 literals: 25 MB that stay with the process, and up to 200 ms in which nothing else runs.
 */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../core/assert.ts';

/** By rank: the text of a token, or its bytes where they are no text of their own. */
export type Ranks = (string | readonly number[])[];

const SPACE = 32;
const LINE_BREAK = 10;
const PADDING = 61;
const ASCII_END = 128;
/** More than any token has. */
const MOST_TOKEN_BYTES = 4096;
/** Lines of one turn of the event loop: about 4 ms. */
const LINES_A_TURN = 8192;
/** A rank, the space before it and the line break after it, with room to spare. */
const MOST_RANK_BYTES = 16;
const BYTE_ORDER_MARK = '\ufeff';

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** The six bits of each letter. */
const SIX_BITS = new Uint8Array(ASCII_END);
for (let bits = 0; bits < BASE64.length; bits += 1) SIX_BITS[BASE64.charCodeAt(bits)] = bits;

/** Reads lines of a token in base64, a space and its rank; the ranks are in order, without gaps. */
class RankReader {
  readonly ranks: Ranks = [];
  readonly #file: Buffer;
  readonly #token = Buffer.alloc(MOST_TOKEN_BYTES);
  #at = 0;

  constructor(file: Buffer) {
    this.#file = file;
  }

  /** Reads so many lines; false at the end of the file. */
  read(lines: number): boolean {
    for (let line = 0; line < lines && this.#at < this.#file.length; line += 1) {
      this.ranks.push(this.#nextToken());
      const end = this.#file.indexOf(LINE_BREAK, this.#at);
      this.#at = end < 0 ? this.#file.length : end + 1;
    }
    return this.#at < this.#file.length;
  }

  /** By hand: a call of a decoder for each of 200,000 tokens takes twice the time of all of this. */
  #nextToken(): string | readonly number[] {
    const file = this.#file;
    const token = this.#token;
    let length = 0;
    let allBits = 0;
    let at = this.#at;
    for (; at < file.length && file[at] !== SPACE; at += 4) {
      const bits =
        (sixBits(file[at]) << 18) |
        (sixBits(file[at + 1]) << 12) |
        (sixBits(file[at + 2]) << 6) |
        sixBits(file[at + 3]);
      const padding = Number(file[at + 2] === PADDING) + Number(file[at + 3] === PADDING);
      for (let shift = 16; shift >= 8 * padding; shift -= 8) {
        const byte = (bits >>> shift) & 0xff;
        allBits |= byte;
        token[length] = byte;
        length += 1;
      }
    }
    this.#at = at;
    return allBits < ASCII_END
      ? token.toString('latin1', 0, length)
      : textOrBytes(token.subarray(0, length));
  }
}

function sixBits(letter: number | undefined): number {
  return SIX_BITS[letter ?? PADDING] ?? 0;
}

/** The tokenizer looks for a leading byte order mark among the bytes, as its own decoder drops it. */
function textOrBytes(token: Buffer): string | readonly number[] {
  const text = token.toString();
  return isUtf8(token) && !text.startsWith(BYTE_ORDER_MARK) ? text : [...token];
}

/** Reads the ranks of an encoding, a few milliseconds of each turn of the event loop. */
export async function readRanks(name: string): Promise<Ranks> {
  const path = createRequire(import.meta.url).resolve(`gpt-tokenizer/data/${name}.tiktoken`);
  const file = await readFile(path);
  const reader = new RankReader(file);
  while (reader.read(LINES_A_TURN)) await nextTurn();
  // A file that lost a part would count wrongly, and nobody would see it.
  const last = reader.ranks.length - 1;
  assert(
    file.subarray(-MOST_RANK_BYTES).toString().trimEnd().endsWith(` ${last}`),
    `${path} is damaged`,
  );
  return reader.ranks;
}
