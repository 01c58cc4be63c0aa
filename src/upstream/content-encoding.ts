/** We ask for plain bytes; a proxy in front of a backend may compress all the same, and the tap must still read. */
import { pipeline } from 'node:stream';
import type { Readable, Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';

function decoderFor(encoding: string): Transform | null {
  switch (encoding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      return null;
  }
}

/** The body in plain bytes, or null for an encoding that needs no decoding or that we do not know. */
export function decoded(body: Readable, encoding: string): Readable | null {
  const decoder = decoderFor(encoding);
  if (!decoder) return null;
  // Errors of either side reach the reader through the decoder; without a listener they would end the process.
  decoder.on('error', () => {});
  pipeline(body, decoder, () => {});
  return decoder;
}
