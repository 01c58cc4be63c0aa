/** Content encodings, true and false, and how a body is cut on its way. */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Chance } from '../prove/chance.ts';
import type { Step } from './exchange.ts';

export interface Encoded {
  readonly body: Buffer;
  readonly headers: readonly string[];
}

type Encoder = readonly [name: string, encode: (body: Buffer) => Buffer];

const ENCODERS: readonly [Encoder, ...Encoder[]] = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
];

let bomb: Buffer | null = null;

/** 64 MiB of blanks in 64 KiB. */
export function gzipBomb(): Buffer {
  bomb ??= gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
  return bomb;
}

function says(value: string): readonly string[] {
  return [`Content-Encoding: ${value}`];
}

/** The body under one of the content encodings, or under a false name. */
export function encoded(body: Buffer, chance: Chance): Encoded {
  if (chance.happens(0.7)) return { body, headers: [] };
  const [name, encode] = chance.pick(ENCODERS);
  const packed = encode(body);
  switch (chance.below(10)) {
    case 0:
      return { body, headers: says(name) };
    case 1:
      return { body: packed.subarray(0, packed.length / 2), headers: says(name) };
    case 2:
      return { body: gzipBomb(), headers: says('gzip') };
    case 3:
      return { body: gzipSync(packed), headers: says(`${name}, gzip`) };
    case 4:
      return { body: packed, headers: [] };
    case 5:
      return { body, headers: says(chance.pick(['identity', 'x-nothing', 'GZIP', '', ','])) };
    case 6:
      return { body: Buffer.concat([packed, Buffer.from('trailing')]), headers: says(name) };
    default:
      return { body: packed, headers: says(name) };
  }
}

export const CONTENT_TYPES: readonly [string, ...string[]] = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=utf-16le',
  'application/json; charset=klingon',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json;'.repeat(20),
  '',
];

const CHUNK_EXTENSIONS: readonly [string, ...string[]] = ['', '', '', ';a=b', ';a="b c"', ';x'];

/** A chunked body in chunks of all sizes. With `isOdd` also with extensions and trailers, which are lawful. */
export function chunked(body: Buffer, chance: Chance, isOdd: boolean): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const size = Math.min(body.length - at, chance.acrossScales(1, Math.max(2, body.length)));
    const extension = isOdd ? chance.pick(CHUNK_EXTENSIONS) : '';
    pieces.push(Buffer.from(`${size.toString(16)}${extension}\r\n`));
    pieces.push(body.subarray(at, at + size), Buffer.from('\r\n'));
    at += size;
  }
  const trailer = isOdd && chance.happens(0.3) ? 'X-Trailer: yes\r\n' : '';
  pieces.push(Buffer.from(`0\r\n${trailer}\r\n`));
  return Buffer.concat(pieces);
}

/** Bytes in one piece, or in several with pauses. */
export function sent(bytes: Buffer, chance: Chance): readonly Step[] {
  if (chance.happens(0.8)) return [{ send: bytes }];
  const steps: Step[] = [];
  const cuts = chance.between(1, 8);
  for (let cut = 0, at = 0; at < bytes.length; cut += 1) {
    const end = cut === cuts ? bytes.length : at + 1 + chance.below(bytes.length - at);
    steps.push({ send: bytes.subarray(at, end) }, { pauseMs: chance.below(15) });
    at = end;
  }
  return steps;
}
