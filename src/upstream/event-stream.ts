/**
 * Cuts a server-sent event stream into its blocks without changing a byte: the blocks and the rest, put together, are
 * what came in. A block ends with its blank line; lines end with LF, CRLF or CR (WHATWG HTML, section 9.2).
 */
const LF = 0x0a;
const CR = 0x0d;
const EMPTY = Buffer.alloc(0);
/** A block beyond this is passed on in pieces and not read. */
const MAX_BLOCK_BYTES = 8 * 1024 * 1024;

export class EventSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #atLineStart = true;
  #afterCr = false;
  /** A blank line ended with CR: its LF may still come. */
  #blockEndsHere = false;

  /** True between two blocks. */
  get isAtBoundary(): boolean {
    return this.#pendingBytes === 0;
  }

  /** The blocks that this piece completes, in order. */
  push(chunk: Buffer): readonly Buffer[] {
    const blocks: Buffer[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (this.#blockEndsHere) {
        this.#blockEndsHere = false;
        const end = byte === LF ? at + 1 : at;
        blocks.push(this.#take(chunk.subarray(start, end)));
        start = end;
        this.#atLineStart = true;
        this.#afterCr = false;
        if (byte === LF) continue;
      }
      if (byte === LF) {
        const endsCrLf = this.#afterCr;
        this.#afterCr = false;
        if (endsCrLf) continue;
        if (this.#atLineStart) {
          blocks.push(this.#take(chunk.subarray(start, at + 1)));
          start = at + 1;
        }
        this.#atLineStart = true;
      } else if (byte === CR) {
        this.#blockEndsHere = this.#atLineStart;
        this.#afterCr = true;
        this.#atLineStart = true;
      } else {
        this.#atLineStart = false;
        this.#afterCr = false;
      }
    }
    this.#keep(chunk.subarray(start));
    if (this.#pendingBytes > MAX_BLOCK_BYTES) blocks.push(this.#take(EMPTY));
    return blocks;
  }

  /** What came after the last blank line. */
  rest(): Buffer {
    return this.#take(EMPTY);
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
  }

  #take(last: Buffer): Buffer {
    if (this.#pendingBytes === 0) return last;
    this.#keep(last);
    const block = Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    return block;
  }
}

/** True when a piece that began at a boundary also ends at one. May say no where it does. */
export function endsWithBlankLine(chunk: Buffer): boolean {
  const last = chunk.length - 1;
  return last > 0 && chunk[last] === LF && chunk[last - 1] === LF;
}

/** `data` and its blank line. */
const SHORTEST_DATA = 6;

/** The `data` of one block, or null for a block without any, such as a comment. */
export function dataOf(block: Buffer): string | null {
  // Comments that keep a connection alive, and the blank lines of a backend that has gone mad, are told at a glance.
  if (block.length < SHORTEST_DATA || !block.includes('data')) return null;
  const lines = block
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/);
  const data: string[] = [];
  for (const line of lines) {
    if (line === 'data') data.push('');
    else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
  }
  return data.length === 0 ? null : data.join('\n');
}
