/** One record of a file: its fields by name, read as what they should be, with errors that name the place. */
import { TOKEN_NAMES } from '../../core/usage-names.ts';
import { NO_USAGE, type TokenUsage } from '../../core/usage.ts';
import { parseInstant } from './instants.ts';
import { TrafficError } from './traffic-request.ts';

/** Where the fields of a record come from. */
interface Fields {
  /** The value of a field, whatever it is; undefined when there is none. */
  look(name: string): unknown;
  names(): readonly string[];
}

/** More than any model reads or writes; beyond it a figure is a mistake. */
const MAX_TOKENS = 1_000_000_000;
const MAX_NAME_LENGTH = 256;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

export class TrafficRecord {
  /** File and place, such as `traffic.csv, line 17`. */
  readonly place: string;
  readonly #fields: Fields;

  constructor(place: string, fields: Fields) {
    this.place = place;
    this.#fields = fields;
  }

  names(): readonly string[] {
    return this.#fields.names();
  }

  fault(message: string): TrafficError {
    return new TrafficError(`${this.place}: ${message}`);
  }

  /** True when the file has such a field, with or without a value in it. */
  knows(name: string): boolean {
    return this.#fields.look(name) !== undefined;
  }

  /** An empty cell of a CSV is as good as none. */
  value(name: string): unknown {
    const value = this.#fields.look(name);
    return value === null || value === '' ? undefined : value;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  text(name: string): string {
    const value = this.value(name);
    if (value === undefined) throw this.fault(`${name} is missing`);
    if (typeof value !== 'string') throw this.fault(`${name} must be text, not ${shown(value)}`);
    return value;
  }

  model(): string {
    const model = this.text('model');
    if (model.length > MAX_NAME_LENGTH)
      throw this.fault(`model has ${model.length} characters, which no model's name has`);
    return model;
  }

  /** A whole number of tokens; `otherwise` where the field is missing. */
  tokens(name: string, otherwise?: number): number {
    const value = this.value(name);
    if (value === undefined && otherwise !== undefined) return otherwise;
    if (value === undefined) throw this.fault(`${name} is missing`);
    const number = typeof value === 'number' ? value : wholeOf(value);
    if (Number.isInteger(number) && number >= 0 && number <= MAX_TOKENS) return number + 0;
    throw this.fault(
      `${name} must be a whole number of tokens from 0 to ${MAX_TOKENS}, not ${shown(value)}`,
    );
  }

  /** An instant in RFC 3339. `zone` stands in for a missing one. */
  instant(name: string, zone?: 'Z'): number {
    const text = this.text(name).trim();
    const atMs = parseInstant(text, zone);
    if (atMs !== null) return atMs;
    const lacksZone = zone === undefined && parseInstant(text, 'Z') !== null;
    throw this.fault(
      lacksZone
        ? `${name} has no time zone: write ${text.replace(' ', 'T')}Z for UTC, or an offset such as +01:00, not ${shown(text)}`
        : `${name} must be an instant in RFC 3339 such as 2026-11-02T09:00:00Z, not ${shown(text)}`,
    );
  }

  /** A record inside this one; null when there is none. */
  inner(name: string): TrafficRecord | null {
    const value = this.value(name);
    return typeof value === 'object' && value !== null
      ? recordOf(value, `${this.place}, ${name}`)
      : null;
  }

  /** The records of a list inside this one. */
  items(name: string): readonly TrafficRecord[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw this.fault(`${name} must be a list, not ${shown(value)}`);
    return value.map((item: unknown, at) => {
      const place = `${this.place}, ${name}[${at}]`;
      if (typeof item !== 'object' || item === null)
        throw new TrafficError(`${place}: this is no JSON object`);
      return recordOf(item, place);
    });
  }

  /** Usage in the names of Nexus's own exports. Only input and output have to be there. */
  usage(): TokenUsage {
    const kinds = TOKEN_NAMES.map(([kind, name]) => {
      const isTotal = kind === 'input' || kind === 'output';
      return [kind, this.tokens(name, isTotal ? undefined : 0)];
    });
    return { ...NO_USAGE, ...Object.fromEntries(kinds) };
  }
}

/** Digits, with a `.0` that spreadsheets and data frames add to whole numbers. */
function wholeOf(value: unknown): number {
  return typeof value === 'string' && /^\s*\d+(?:\.0+)?\s*$/.test(value)
    ? Number(value)
    : Number.NaN;
}

/** A JSON object as a record. */
export function recordOf(value: object, place: string): TrafficRecord {
  const fields = value as Readonly<Record<string, unknown>>;
  return new TrafficRecord(place, {
    look: (name) => (Object.hasOwn(fields, name) ? fields[name] : undefined),
    names: () => Object.keys(fields),
  });
}

/** Usage of which only totals and the usual parts are known. */
export function usageOf(known: Partial<TokenUsage>): TokenUsage {
  return { ...NO_USAGE, ...known };
}
