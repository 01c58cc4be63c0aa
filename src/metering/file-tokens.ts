/** What audio and documents cost in input tokens, from their bytes. */
import type { MediaTokens } from './image-tokens.ts';
import type { TokenizerFamily } from './tokenizers.ts';

/** OpenAI bills a token for 100 ms of audio that is heard; Google states 32 tokens for a second. */
const AUDIO_TOKENS_PER_SECOND: Record<TokenizerFamily, number> = {
  openai: 10,
  claude: 32,
  gemini: 32,
  other: 32,
};
/** Bytes in a second: as it usually is, and the least, which makes the longest audio of a size. */
const WAV_BYTES_PER_SECOND = { usual: 32_000, least: 8000 };
const COMPRESSED_BYTES_PER_SECOND = { usual: 16_000, least: 1000 };

/**
 * A document whose size is unknown (a file id, a remote address): Anthropic states up to 3,000 tokens for a page and
 * 100 pages for a request.
 */
const UNKNOWN_FILE: MediaTokens = { tokens: 10_000, bound: 300_000 };
/** A page of a PDF takes 30 to 100 kB and 1,500 to 3,000 tokens, so about 20 bytes make a token. */
const FILE_BYTES_PER_TOKEN = 20;
const FILE_LEAST_BOUND = 3000;

/** Bytes that a base64 text stands for. */
export function base64Bytes(base64: string): number {
  return Math.floor((base64.length * 3) / 4);
}

/** Tokens of audio by its bytes and format; anything but wav and raw PCM is taken for compressed. */
export function audioTokens(
  family: TokenizerFamily,
  bytes: number,
  format: string | null,
): MediaTokens {
  const perSecond = AUDIO_TOKENS_PER_SECOND[family];
  const rate =
    format === 'wav' || format === 'pcm16' ? WAV_BYTES_PER_SECOND : COMPRESSED_BYTES_PER_SECOND;
  return {
    tokens: Math.ceil((bytes * perSecond) / rate.usual),
    bound: Math.ceil((bytes * perSecond) / rate.least),
  };
}

/** Tokens of a document by its bytes, null when they are not in the request. The bound is a token for each byte. */
export function fileTokens(bytes: number | null): MediaTokens {
  if (bytes === null) return UNKNOWN_FILE;
  return {
    tokens: Math.ceil(bytes / FILE_BYTES_PER_TOKEN),
    bound: Math.max(bytes, FILE_LEAST_BOUND),
  };
}
