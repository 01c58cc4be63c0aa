/** Readers of answers of the Responses API for a client that asked for them: the bytes pass, the usage is seen on the way. */
import type { AnswerReader } from '../../core/upstream.ts';
import type { TokenUsage } from '../../core/usage.ts';
import { dataOf, endsWithBlankLine, EventSplitter } from '../event-stream.ts';
import { findLastMember } from '../json-bytes.ts';
import { parseJsonObject } from '../json-values.ts';
import { KeptBytes } from '../kept-bytes.ts';
import { errorEvent } from './openai-errors.ts';
import {
  LAST_EVENTS,
  responsesErrorEvent,
  textOfResponse,
  textOfResponsesEvents,
} from './responses-events.ts';
import { readResponsesUsage, usageOfResponse, usageOfResponseEvent } from './responses-usage.ts';

const EMPTY = Buffer.alloc(0);
/** As for chat answers: beyond it the end is searched for the usage, and the text is judged. */
const KEPT_OF_JSON_BYTES = 8 * 1024 * 1024;
const KEPT_OF_STREAM_BYTES = 512 * 1024;
/** Enough for any usage object and the client's own metadata, which is said again behind it. */
const TAIL_BYTES = 64 * 1024;
/** Inside a string the quotes would be escaped, so that these are never found in what the model says. */
const LAST_TYPES = LAST_EVENTS.map((type) => `"${type}"`);

/** A whole response. */
export class ResponsesJsonReader implements AnswerReader {
  readonly #kept = new KeptBytes(KEPT_OF_JSON_BYTES);
  #tail: Buffer = EMPTY;
  #isComplete = false;
  #usage: TokenUsage | null = null;

  push(chunk: Buffer): Buffer {
    this.#kept.add(chunk);
    if (!this.#kept.isWhole) {
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
    }
    return chunk;
  }

  end(): Buffer {
    this.#isComplete = true;
    const response = this.#kept.isWhole ? parseJsonObject(this.#keptText()) : null;
    this.#usage = response ? usageOfResponse(response) : usageAtEnd(this.#tail);
    return EMPTY;
  }

  usage(): TokenUsage | null {
    return this.#usage;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    const text = this.#keptText();
    const response = parseJsonObject(text);
    // Half an answer can not be parsed; counting its JSON syntax too errs on the side of the bill.
    return response ? textOfResponse(response) : this.#kept.extrapolate(text);
  }

  streamError(message: string, code: string): Buffer {
    return errorEvent(message, code);
  }

  #keptText(): string {
    return this.#kept.bytes().toString('utf8');
  }
}

function usageAtEnd(bytes: Buffer): TokenUsage | null {
  const member = findLastMember(bytes, 'usage');
  if (!member) return null;
  return readResponsesUsage(
    parseJsonObject(bytes.toString('utf8', member.valueStart, member.valueEnd)),
  );
}

/**
 * A stream of events. It is whole when one of its last events was seen; only whole blocks are given to the client, so
 * that an error event after a sudden end never lands in the middle of a line.
 */
export class ResponsesStreamReader implements AnswerReader {
  readonly #kept = new KeptBytes(KEPT_OF_STREAM_BYTES);
  readonly #splitter = new EventSplitter();
  /** The latest piece, for the number of its last event. */
  #latest: Buffer = EMPTY;
  #usage: TokenUsage | null = null;
  #isComplete = false;
  #endedInBlock = false;
  /** What `outputText` found, until more comes. */
  #text: string | null = null;

  push(chunk: Buffer): Buffer {
    this.#kept.add(chunk);
    this.#text = null;
    this.#latest = chunk;
    // Most pieces are whole events that end nothing: a few searches, no copy.
    if (this.#splitter.isAtBoundary && endsWithBlankLine(chunk) && !mayBeLast(chunk)) return chunk;
    const blocks = this.#splitter.push(chunk);
    for (const block of blocks) this.#read(block);
    const [first = EMPTY] = blocks;
    return blocks.length > 1 ? Buffer.concat(blocks) : first;
  }

  end(): Buffer {
    const rest = this.#splitter.rest();
    this.#endedInBlock = rest.length > 0;
    this.#read(rest);
    return rest;
  }

  usage(): TokenUsage | null {
    return this.#usage;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    this.#text ??= this.#readText();
    return this.#text;
  }

  streamError(message: string, code: string): Buffer {
    const event = responsesErrorEvent(message, code, numberOfLast(this.#latest) + 1);
    return Buffer.from(this.#endedInBlock ? `\n\n${event}` : event);
  }

  #readText(): string {
    const bytes = this.#kept.bytes();
    const text = textOfResponsesEvents(bytes);
    // One event can be longer than what is kept. As for half a JSON answer, its syntax is counted too then.
    const isCutEvent = text === '' && !this.#kept.isWhole;
    return this.#kept.extrapolate(isCutEvent ? bytes.toString('utf8') : text);
  }

  #read(block: Buffer): void {
    if (!mayBeLast(block)) return;
    const event = parseJsonObject(dataOf(block) ?? '');
    if (!event || !LAST_EVENTS.some((type) => type === event['type'])) return;
    this.#isComplete = true;
    this.#usage = usageOfResponseEvent(event) ?? this.#usage;
  }
}

function mayBeLast(bytes: Buffer): boolean {
  return LAST_TYPES.some((type) => bytes.includes(type));
}

function numberOfLast(bytes: Buffer): number {
  const numbers = bytes.toString('latin1').matchAll(/"sequence_number":\s*(\d{1,9})\b/g);
  return Number([...numbers].at(-1)?.[1] ?? -1);
}
