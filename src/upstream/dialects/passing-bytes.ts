/** What readers of answers have in common whose bytes pass: they are kept in bounds, so that usage and text can be read. */
import type { JsonObject } from '../../core/request.ts';
import type { AnswerReader } from '../../core/upstream.ts';
import type { TokenUsage } from '../../core/usage.ts';
import { dataOf, endsWithBlankLine, EventSplitter } from '../event-stream.ts';
import { findLastMember } from '../json-bytes.ts';
import { parseJsonObject } from '../json-values.ts';
import { KeptBytes } from '../kept-bytes.ts';

const EMPTY = Buffer.alloc(0);
/** A JSON answer is parsed in one go, which is fast; beyond this its end is searched for the usage, and its text is judged. */
const KEPT_OF_JSON_BYTES = 8 * 1024 * 1024;
/** A stream is thousands of small texts of JSON: to read a megabyte of them takes a tenth of a second. */
const KEPT_OF_STREAM_BYTES = 512 * 1024;
/** `data:[DONE]`. A backend that has gone mad sends a hundred thousand blank lines a second, and none is looked at. */
const SHORTEST_EVENT = 11;
/** Bytes that are cut into events at a time: an event can be a single byte, and each becomes an object. */
const SLICE_BYTES = 64 * 1024;
/** Enough for any usage object and what providers write after it, such as the client's own metadata. */
const TAIL_BYTES = 64 * 1024;

/** A JSON answer as far as it is kept: whole, or its beginning and its end. */
export class PassingJson {
  readonly #kept = new KeptBytes(KEPT_OF_JSON_BYTES);
  #tail: Buffer = EMPTY;

  add(chunk: Buffer): void {
    this.#kept.add(chunk);
    if (!this.#kept.isWhole) this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
  }

  /** The whole answer; null for one that is too long, cut, or no JSON object. */
  document(): JsonObject | null {
    return this.#kept.isWhole ? parseJsonObject(this.#text()) : null;
  }

  /** The object under the last `name` in the answer, found from its end. */
  lastObject(name: string): JsonObject | null {
    const bytes = this.searchable();
    const member = findLastMember(bytes, name);
    return member && parseJsonObject(bytes.toString('utf8', member.valueStart, member.valueEnd));
  }

  /** All of the answer, or the end of one that is too long. */
  searchable(): Buffer {
    return this.#kept.isWhole ? this.#kept.bytes() : this.#tail;
  }

  /** Half an answer can not be parsed; counting its JSON syntax too errs on the side of the bill. */
  outputText(textOf: (document: JsonObject) => string): string {
    const document = this.document();
    return document ? textOf(document) : this.#kept.extrapolate(this.#text());
  }

  #text(): string {
    return this.#kept.bytes().toString('utf8');
  }
}

/** What tells one API's whole answers from another's. */
interface AnswerWords {
  readonly usageOf: (json: PassingJson) => TokenUsage | null;
  /** Null: what it answers is no text. */
  readonly textOf: ((document: JsonObject) => string) | null;
  readonly errorEvent: (message: string, code: string) => Buffer;
}

/** Reads a whole answer whose bytes pass as they are. */
export class PassingJsonReader implements AnswerReader {
  readonly #words: AnswerWords;
  readonly #json = new PassingJson();
  #isComplete = false;
  #usage: TokenUsage | null = null;

  constructor(words: AnswerWords) {
    this.#words = words;
  }

  push(chunk: Buffer): Buffer {
    this.#json.add(chunk);
    return chunk;
  }

  end(): Buffer {
    this.#isComplete = true;
    this.#usage = this.#words.usageOf(this.#json);
    return EMPTY;
  }

  usage(): TokenUsage | null {
    return this.#usage;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    const { textOf } = this.#words;
    return textOf === null ? '' : this.#json.outputText(textOf);
  }

  streamError(message: string, code: string): Buffer {
    return this.#words.errorEvent(message, code);
  }
}

/** The events in raw stream bytes; what is no JSON event is left out. */
export function* eventsIn(bytes: Buffer): Iterable<JsonObject> {
  const splitter = new EventSplitter();
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    for (const block of splitter.push(bytes.subarray(at, at + SLICE_BYTES))) {
      const event = parseJsonObject(dataOf(block) ?? '');
      if (event) yield event;
    }
  }
  const last = parseJsonObject(dataOf(splitter.rest()) ?? '');
  if (last) yield last;
}

/**
 * A stream of events as far as it is kept. Only whole events are given to the client, so that an error after a sudden end
 * never lands in the middle of one.
 */
export class PassingEvents {
  readonly #kept = new KeptBytes(KEPT_OF_STREAM_BYTES);
  readonly #splitter = new EventSplitter();
  #endedInBlock = false;
  /** What `outputText` found, until more comes. */
  #text: string | null = null;

  /** Client bytes of a piece. `read` gives those of one event; it is not asked for what is not `isOfInterest`. */
  push(
    chunk: Buffer,
    isOfInterest: (bytes: Buffer) => boolean,
    read: (block: Buffer) => Buffer,
  ): Buffer {
    this.#kept.add(chunk);
    this.#text = null;
    const isPlain = this.#splitter.isAtBoundary && !isOfInterest(chunk);
    // Most pieces are whole events of text alone: a few searches, no copy.
    if (isPlain && endsWithBlankLine(chunk)) return chunk;
    const blocks = this.#splitter.push(chunk);
    const pieces = isPlain
      ? blocks
      : blocks.map((block) =>
          block.length >= SHORTEST_EVENT && isOfInterest(block) ? read(block) : block,
        );
    const [first = EMPTY] = pieces;
    return pieces.length > 1 ? Buffer.concat(pieces) : first;
  }

  /** Client bytes of what came after the last whole event. */
  end(read: (block: Buffer) => Buffer): Buffer {
    const rest = this.#splitter.rest();
    this.#endedInBlock = rest.length > 0;
    return rest.length > 0 ? read(rest) : rest;
  }

  /** An event after everything that came: at the beginning of a line. */
  after(event: Buffer): Buffer {
    return this.#endedInBlock ? Buffer.concat([Buffer.from('\n\n'), event]) : event;
  }

  outputText(textOf: (bytes: Buffer) => string): string {
    this.#text ??= this.#readText(textOf);
    return this.#text;
  }

  #readText(textOf: (bytes: Buffer) => string): string {
    const bytes = this.#kept.bytes();
    const text = textOf(bytes);
    // One event can be longer than what is kept. As for half a JSON answer, its syntax is counted too then.
    const isCutEvent = text === '' && !this.#kept.isWhole;
    return this.#kept.extrapolate(isCutEvent ? bytes.toString('utf8') : text);
  }
}
