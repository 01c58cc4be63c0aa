/** The raw bytes of an answer, kept up to a bound, so that its text can be counted when no usage came. */

/** The most text that is made up for bytes that were not kept: beyond it a count is far above any hold. */
const MAX_EXTRAPOLATED_CHARS = 8 * 1024 * 1024;

export class KeptBytes {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #keptBytes = 0;
  #omittedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Buffer): void {
    if (this.#keptBytes + chunk.length > this.#maxBytes) {
      this.#omittedBytes += chunk.length;
      return;
    }
    this.#chunks.push(chunk);
    this.#keptBytes += chunk.length;
  }

  bytes(): Buffer {
    const [first] = this.#chunks;
    return first && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
  }

  get isWhole(): boolean {
    return this.#omittedBytes === 0;
  }

  /** Lengthens the text of the kept bytes in the proportion of what was not kept. */
  extrapolate(text: string): string {
    if (this.#omittedBytes === 0 || text === '') return text;
    const missing = Math.ceil((text.length * this.#omittedBytes) / Math.max(1, this.#keptBytes));
    const bounded = Math.min(missing, MAX_EXTRAPOLATED_CHARS);
    return text + text.repeat(Math.ceil(bounded / text.length)).slice(0, bounded);
  }
}
