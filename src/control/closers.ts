/** Closers run in the opposite order of their opening; one that fails does not keep the others from running. */
export class Closers {
  readonly #closers: (() => Promise<void> | void)[] = [];

  add(closer: () => Promise<void> | void): void {
    this.#closers.push(closer);
  }

  /** Rejects with the first failure, when all have run. */
  async run(): Promise<void> {
    const errors: unknown[] = [];
    for (const closer of this.#closers.splice(0).toReversed()) {
      try {
        await closer();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
