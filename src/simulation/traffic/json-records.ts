/**
 * JSON as records, piece by piece: JSON lines, values one after the other, or one array of them. Only the value that is
 * being read is in memory.
 */
import { recordOf, type TrafficRecord } from './record.ts';
import { TrafficError } from './traffic-request.ts';

const MAX_VALUE_CHARACTERS = 64 * 1024 * 1024;

const [NEWLINE, QUOTE, BACKSLASH] = [10, 34, 92];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];
const BLANKS: readonly number[] = [9, NEWLINE, 13, 32, 44];

export class JsonRecords {
  readonly #file: string;
  /** From the start of the value that is being read. */
  #text = '';
  #at = 0;
  #line = 1;
  #startLine = 1;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Whether an outer array is open, was never there, or has been closed. */
  #array: 'unseen' | 'open' | 'closed' = 'unseen';

  constructor(file: string) {
    this.#file = file;
  }

  push(text: string): readonly TrafficRecord[] {
    this.#text += text;
    const records: TrafficRecord[] = [];
    let start = this.#depth === 0 ? -1 : 0;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === NEWLINE) this.#line += 1;
      if (this.#isInString) this.#inString(code);
      else if (start === -1) start = this.#between(code);
      else if (this.#closes(code)) {
        records.push(...this.#parse(this.#text.slice(start, this.#at + 1)));
        start = -1;
      }
    }
    this.#text = start === -1 ? '' : this.#text.slice(start);
    this.#at = this.#text.length;
    if (this.#text.length > MAX_VALUE_CHARACTERS) {
      throw this.#fault(
        this.#startLine,
        `one JSON value is longer than ${MAX_VALUE_CHARACTERS / 1024 / 1024} MiB; write one object to a line`,
      );
    }
    return records;
  }

  end(): readonly TrafficRecord[] {
    if (this.#depth > 0)
      throw this.#fault(this.#startLine, 'the JSON value that begins here does not end');
    if (this.#array === 'open') throw this.#fault(this.#line, 'the JSON array does not end');
    return [];
  }

  #inString(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (code === BACKSLASH) this.#isEscaped = true;
    else if (code === QUOTE) this.#isInString = false;
  }

  /** Between values. The place where one begins, or -1. */
  #between(code: number): number {
    if (code === OPEN_OBJECT) {
      this.#depth = 1;
      this.#startLine = this.#line;
      return this.#at;
    }
    if (code === OPEN_ARRAY && this.#array === 'unseen') this.#array = 'open';
    else if (code === CLOSE_ARRAY && this.#array === 'open') this.#array = 'closed';
    else if (!BLANKS.includes(code)) throw this.#fault(this.#line, 'this is no JSON object');
    return -1;
  }

  /** True when this character ends the value. */
  #closes(code: number): boolean {
    if (code === QUOTE) this.#isInString = true;
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) this.#depth += 1;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) this.#depth -= 1;
    return this.#depth === 0;
  }

  #parse(text: string): readonly TrafficRecord[] {
    let value: object;
    try {
      value = JSON.parse(text) as object;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw this.#fault(this.#startLine, `this is no JSON: ${why}`);
    }
    return unwrapped(value, `${this.#file}, line ${this.#startLine}`);
  }

  #fault(line: number, message: string): TrafficError {
    return new TrafficError(`${this.#file}, line ${line}: ${message}`);
  }
}

/** A page of an API (`{"data": [...]}`) is the records in it. */
function unwrapped(value: object, place: string): readonly TrafficRecord[] {
  const record = recordOf(value, place);
  return Array.isArray(record.value('data')) ? record.items('data') : [record];
}
