/** All chance of a simulation: one stream of numbers from a seed, the same on every machine. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  /** `stream` tells apart the many worlds that one seed stands for. */
  constructor(seed: number, stream: number) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 2 ** 32) >>> 0;
    this.#c = stream >>> 0;
    for (let round = 0; round < 16; round += 1) this.next();
  }

  /** At least 0, less than 1. The generator is Chris Doty-Humphrey's sfc32. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 on, less than `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** As `between`, but each order of magnitude is as likely as the next. `least` is 1 or more. */
  acrossScales(least: number, most: number): number {
    return Math.floor(least * (most / least) ** this.next());
  }

  /** True in a share of the cases, 0 to 1. */
  happens(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}
