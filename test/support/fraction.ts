/** Exact rational numbers, for tests that compute money once more without a line of the code that charged it. */
export class Fraction {
  readonly #over: bigint;
  readonly #under: bigint;

  constructor(over: bigint, under = 1n) {
    this.#over = over;
    this.#under = under;
  }

  /** Of a plain decimal such as `0.0012`, or `-1.5`. */
  static of(decimal: string): Fraction {
    const [whole = '0', decimals = ''] = decimal.split('.');
    return new Fraction(BigInt(whole + decimals), 10n ** BigInt(decimals.length));
  }

  plus(other: Fraction): Fraction {
    return new Fraction(
      this.#over * other.#under + other.#over * this.#under,
      this.#under * other.#under,
    );
  }

  times(other: Fraction): Fraction {
    return new Fraction(this.#over * other.#over, this.#under * other.#under);
  }

  isAbove(other: Fraction): boolean {
    return this.#over * other.#under > other.#over * this.#under;
  }

  equals(other: Fraction): boolean {
    return this.#over * other.#under === other.#over * this.#under;
  }

  /** The least multiple of `step` that is not below; of numbers from 0 on. */
  upTo(step: Fraction): Fraction {
    const [over, under] = [this.#over * step.#under, this.#under * step.#over];
    return new Fraction((over + under - 1n) / under).times(step);
  }
}
