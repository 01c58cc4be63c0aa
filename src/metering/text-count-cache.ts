/**
 * Remembers the token counts of texts, so that the next turn of a chat costs only its new message. Looking a known
 * message up must be far cheaper than counting it, so a text is found by its length and some of its characters and
 * then compared as a whole, which runs at memory speed; hashing all of it would cost a third of counting it.
 */
import { hash } from 'node:crypto';

/** Texts up to this length are sampled whole; of longer ones at least as many characters, spread evenly. */
const SAMPLES = 32;
/**
 * Different texts with the same samples that are kept. Filled-in templates collide by nature; texts that were made to
 * collide cost no more than this many comparisons.
 */
const BUCKET_TEXTS = 16;
/** Longer texts are kept as a digest, so that a few of them do not push everything else out. */
const DIGEST_ABOVE_CHARS = 16_384;
const ENTRY_BYTES = 96;

interface Entry {
  /** The text, or the digest of a long one. */
  readonly key: string;
  /** Length of the text: keeps a short text that spells a digest apart from the long text with that digest. */
  readonly chars: number;
  readonly tokens: number;
}

type Buckets = Map<number, Entry[]>;

function sampleHash(text: string): number {
  let value = text.length;
  const step = Math.max(1, Math.floor(text.length / SAMPLES));
  for (let at = 0; at < text.length; at += step)
    value = (Math.imul(value, 31) + text.charCodeAt(at)) | 0;
  return value;
}

function find(
  entries: readonly Entry[] | undefined,
  key: string,
  chars: number,
): Entry | undefined {
  return entries?.find((entry) => entry.chars === chars && entry.key === key);
}

function keyOf(text: string): string {
  return text.length > DIGEST_ABOVE_CHARS ? hash('sha256', text, 'base64') : text;
}

/**
 * Bounded by bytes with two generations: when the young one is full it becomes the old one and the former old one is
 * dropped; what is found in the old one moves to the young one. No bookkeeping per hit.
 */
export class TextCountCache {
  readonly #generationBytes: number;
  #young: Buckets = new Map();
  #old: Buckets = new Map();
  #youngBytes = 0;

  /** `maxBytes`: the most memory that both generations take together, about. */
  constructor(maxBytes: number) {
    this.#generationBytes = maxBytes / 2;
  }

  /** The remembered count, or undefined. */
  get(text: string): number | undefined {
    const bucket = sampleHash(text);
    const key = keyOf(text);
    const young = find(this.#young.get(bucket), key, text.length);
    if (young !== undefined) return young.tokens;
    const old = find(this.#old.get(bucket), key, text.length);
    if (old !== undefined) this.#add(bucket, old);
    return old?.tokens;
  }

  set(text: string, tokens: number): void {
    this.#add(sampleHash(text), { key: keyOf(text), chars: text.length, tokens });
  }

  #add(bucket: number, entry: Entry): void {
    if (this.#youngBytes > this.#generationBytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    const entries = this.#young.get(bucket);
    if (entries === undefined) this.#young.set(bucket, [entry]);
    else {
      if (entries.length >= BUCKET_TEXTS) entries.shift();
      entries.push(entry);
    }
    this.#youngBytes += ENTRY_BYTES + 2 * entry.key.length;
  }
}
