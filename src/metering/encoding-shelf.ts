/** Encodings that were asked for: each is loaded once, also when several requests ask for it at the same time. */
import type { CountTokens, EncodingName } from './encodings.ts';

export class EncodingShelf {
  readonly #load: (name: EncodingName) => Promise<CountTokens>;
  readonly #ready = new Map<EncodingName, CountTokens>();
  readonly #loading = new Map<EncodingName, Promise<CountTokens>>();

  constructor(load: (name: EncodingName) => Promise<CountTokens>) {
    this.#load = load;
  }

  /** The encoding when it is loaded already. */
  ready(name: EncodingName): CountTokens | undefined {
    return this.#ready.get(name);
  }

  /** The encoding; rejects when it can not be loaded, and tries again on the next call. */
  async get(name: EncodingName): Promise<CountTokens> {
    const ready = this.#ready.get(name);
    if (ready !== undefined) return ready;
    const loading = this.#loading.get(name) ?? this.#load(name);
    this.#loading.set(name, loading);
    try {
      const count = await loading;
      this.#ready.set(name, count);
      return count;
    } finally {
      this.#loading.delete(name);
    }
  }
}
