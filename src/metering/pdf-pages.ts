/**
 * The number of pages of a PDF, from its bytes. No reader of PDF: it looks for the page objects, in the open and inside
 * packed object streams, and for the counts that page trees carry. Linear in the bytes for any file, and bounded: some
 * 10 ms of work at the most.
 */
import { constants, inflateSync } from 'node:zlib';

/** Raw bytes that are looked at, and bytes that are unpacked in all. */
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_UNPACKED = 2 * 1024 * 1024;
/** Objects with a type that are looked at; a book of 1,000 pages has some 5,000. */
const MOST_TYPES = 20_000;
/** Trees and packed streams among them; a book of 1,000 pages has some 50 of each. */
const MOST_TREES = 1000;
const MOST_STREAMS = 200;
/** A dictionary's own bytes around its type, in which its count is sought. */
const DICTIONARY_BYTES = 256;
/** No vendor takes longer documents; a file that claims more pages has them counted as this many. */
const MOST_PAGES = 5000;

export interface PdfPages {
  readonly pages: number;
  /** False when parts of the file could not be looked at. */
  readonly isSure: boolean;
}

interface Look {
  pages: number;
  /** The largest count of a page tree, which is that of its root. */
  treeCount: number;
  /** Objects with a type, and trees, that may still be looked at. */
  types: number;
  trees: number;
  /** Where packed object streams begin. */
  readonly packedAt: number[];
}

const SLASH = 0x2f;
/** First letters of the names that count: `Page` and `Pages`, and `ObjStm`. */
const INITIALS: ReadonlySet<number | undefined> = new Set([0x50, 0x4f]);

/** Name of the type behind `/Type` at `at` where it is one that counts: `Page`, `Pages` or `ObjStm`. */
function typeNameAt(bytes: Buffer, at: number): string | undefined {
  let start = at + '/Type'.length;
  while (start < at + 16 && bytes.readUInt8(Math.min(start, bytes.length - 1)) <= 0x20) start += 1;
  // By bytes first: most types are fonts and the like, and a string of each takes ten times as long.
  if (bytes[start] !== SLASH || !INITIALS.has(bytes[start + 1])) return undefined;
  return /^(Pages?|ObjStm)(?![A-Za-z])/.exec(bytes.toString('latin1', start + 1, start + 10))?.[1];
}

function treeCountAt(bytes: Buffer, at: number): number {
  const from = Math.max(0, at - DICTIONARY_BYTES);
  const around = bytes.toString('latin1', from, at + DICTIONARY_BYTES);
  const start = around.lastIndexOf('<<', at - from);
  const end = around.indexOf('>>', at - from);
  const own = around.slice(Math.max(0, start), end < 0 ? undefined : end);
  return Number(/\/Count\s{1,8}(\d{1,6})/.exec(own)?.[1] ?? 0);
}

function lookAt(bytes: Buffer, look: Look): void {
  let at = bytes.indexOf('/Type');
  while (at >= 0 && look.types > 0) {
    look.types -= 1;
    const name = typeNameAt(bytes, at);
    if (name === 'Page') look.pages += 1;
    else if (name === 'Pages' && look.trees > 0) {
      look.trees -= 1;
      look.treeCount = Math.max(look.treeCount, treeCountAt(bytes, at));
    }
    if (name === 'ObjStm') look.packedAt.push(at);
    at = bytes.indexOf('/Type', at + 1);
  }
}

/** Looks into every packed object stream; false when one of them could not be unpacked. */
function lookInside(bytes: Buffer, look: Look): boolean {
  let room = MOST_UNPACKED;
  let end = 0;
  if (look.packedAt.length > MOST_STREAMS) return false;
  for (const at of look.packedAt.splice(0)) {
    // Inside the stream before: not a stream of its own. Skipping it keeps the search linear for any file.
    if (at < end) continue;
    const start = bytes.indexOf('stream', at) + 'stream'.length;
    const from = start + (bytes[start] === 0x0d ? 2 : 1);
    end = bytes.indexOf('endstream', from);
    if (start < at || end < 0 || room <= 0) return false;
    try {
      const unpacked = inflateSync(bytes.subarray(from, end), {
        maxOutputLength: room,
        // White space before `endstream` is no part of the data.
        finishFlush: constants.Z_SYNC_FLUSH,
      });
      room -= unpacked.length;
      lookAt(unpacked, look);
    } catch {
      return false;
    }
  }
  return true;
}

/** Pages of a PDF that is given as base64; null for what is no PDF, or shows none of its pages. */
export function pdfPages(base64: string): PdfPages | null {
  const most = Math.ceil(MOST_BYTES / 3) * 4;
  const isWhole = base64.length <= most;
  const bytes = Buffer.from(isWhole ? base64 : base64.slice(0, most), 'base64');
  if (!bytes.toString('latin1', 0, 1024).includes('%PDF-')) return null;
  const look: Look = { pages: 0, treeCount: 0, types: MOST_TYPES, trees: MOST_TREES, packedAt: [] };
  lookAt(bytes, look);
  const isUnpacked = lookInside(bytes, look);
  // What was not looked at is taken to have as many pages as what was.
  const seen = isWhole ? look.pages : Math.ceil((look.pages * base64.length) / most);
  const pages = Math.min(MOST_PAGES, Math.max(seen, look.treeCount));
  return pages === 0 ? null : { pages, isSure: isWhole && isUnpacked && look.types > 0 };
}
