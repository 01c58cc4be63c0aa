/** Reads JSON that came from a gateway: what is not as documented becomes one clear line, not a crash further on. */
import { CommandFailure } from './failure.ts';

/** A JSON object and where it came from, for the error. */
export class Answer {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new CommandFailure(`${where} is no JSON object; is that a Nexus gateway?`);
    }
    this.#value = value as Readonly<Record<string, unknown>>;
    this.#where = where;
  }

  /** The whole value, for `--json`. */
  get raw(): unknown {
    return this.#value;
  }

  #missing(key: string, what: string): CommandFailure {
    return new CommandFailure(
      `${this.#where} has no ${what} '${key}'; is that a Nexus gateway of this version?`,
    );
  }

  has(key: string): boolean {
    return this.#value[key] !== undefined && this.#value[key] !== null;
  }

  /** The value as it is, for output that does not look into it; null when there is none. */
  field(key: string): unknown {
    return this.#value[key] ?? null;
  }

  text(key: string): string {
    const value = this.#value[key];
    if (typeof value === 'string') return value;
    throw this.#missing(key, 'text');
  }

  /** Text, or `otherwise` where the field is null or absent. */
  textOr(key: string, otherwise: string): string {
    return this.has(key) ? this.text(key) : otherwise;
  }

  number(key: string): number {
    const value = this.#value[key];
    if (typeof value === 'number') return value;
    throw this.#missing(key, 'number');
  }

  numberOr<Otherwise>(key: string, otherwise: Otherwise): number | Otherwise {
    return this.has(key) ? this.number(key) : otherwise;
  }

  object(key: string): Answer {
    return new Answer(this.#value[key], `'${key}' of ${this.#where}`);
  }

  list(key: string): readonly Answer[] {
    return this.#items(key).map((item) => new Answer(item, `'${key}' of ${this.#where}`));
  }

  texts(key: string): readonly string[] {
    return this.#items(key).map(String);
  }

  #items(key: string): readonly unknown[] {
    const value = this.#value[key];
    if (Array.isArray(value)) return value;
    throw this.#missing(key, 'list');
  }
}
