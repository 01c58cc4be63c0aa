/** Readers of answers for clients of the Messages API itself: the bytes pass, the usage is seen on the way. */
import type { JsonObject } from '../../core/request.ts';
import type { AnswerReader } from '../../core/upstream.ts';
import type { TokenUsage } from '../../core/usage.ts';
import { dataOf, endsWithBlankLine, EventSplitter } from '../event-stream.ts';
import { findLastMember } from '../json-bytes.ts';
import { objectAt, parseJsonObject } from '../json-values.ts';
import { KeptBytes } from '../kept-bytes.ts';
import { StreamedUsage } from './anthropic-streamed-usage.ts';
import { textOfMessage, textOfMessageEvents } from './anthropic-text.ts';
import { readAnthropicUsage } from './anthropic-usage.ts';
import { messagesErrorEvent } from './messages-errors.ts';

const EMPTY = Buffer.alloc(0);
/** A whole answer is parsed in one go; beyond this its end is searched for the usage, and its text is judged. */
const KEPT_OF_JSON_BYTES = 8 * 1024 * 1024;
/** A stream is thousands of small texts of JSON: to read a megabyte of them takes a tenth of a second. */
const KEPT_OF_STREAM_BYTES = 512 * 1024;
/** Enough for any usage object and what the provider writes after it. */
const TAIL_BYTES = 16 * 1024;

function errorEvent(message: string, code: string): Buffer {
  return Buffer.from(messagesErrorEvent({ type: 'api_error', message, code }));
}

/** A whole answer. */
export class PassingMessageReader implements AnswerReader {
  readonly #kept = new KeptBytes(KEPT_OF_JSON_BYTES);
  #tail: Buffer = EMPTY;
  #isComplete = false;
  #answer: JsonObject | null = null;

  push(chunk: Buffer): Buffer {
    this.#kept.add(chunk);
    if (!this.#kept.isWhole) {
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
    }
    return chunk;
  }

  end(): Buffer {
    this.#isComplete = true;
    if (this.#kept.isWhole) this.#answer = parseJsonObject(this.#kept.bytes().toString('utf8'));
    return EMPTY;
  }

  usage(): TokenUsage | null {
    return readAnthropicUsage(this.#answer ? this.#answer['usage'] : this.#usageAtEnd());
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  /** Half an answer can not be parsed; counting its JSON syntax too errs on the side of the bill. */
  outputText(): string {
    if (this.#answer) return textOfMessage(this.#answer);
    return this.#kept.extrapolate(this.#kept.bytes().toString('utf8'));
  }

  streamError(message: string, code: string): Buffer {
    return errorEvent(message, code);
  }

  #usageAtEnd(): JsonObject | null {
    const tail = this.#tail;
    const member = findLastMember(tail, 'usage');
    return member && parseJsonObject(tail.toString('utf8', member.valueStart, member.valueEnd));
  }
}

/** True for bytes with an event that says something of the usage, of the end, or of a failure. */
function isOfInterest(bytes: Buffer): boolean {
  return bytes.includes('message_') || bytes.includes('error');
}

/**
 * An event stream. Only whole events are given to the client, so that an error after a sudden end never lands in the
 * middle of one; every byte passes as it came.
 */
export class PassingMessageStreamReader implements AnswerReader {
  readonly #kept = new KeptBytes(KEPT_OF_STREAM_BYTES);
  readonly #splitter = new EventSplitter();
  readonly #usage = new StreamedUsage();
  #isComplete = false;
  #hasFailed = false;
  #endedInBlock = false;
  /** What `outputText` found, until more comes. */
  #text: string | null = null;

  push(chunk: Buffer): Buffer {
    this.#kept.add(chunk);
    this.#text = null;
    // Most pieces are whole events of text alone: three searches, no copy.
    if (this.#splitter.isAtBoundary && endsWithBlankLine(chunk) && !isOfInterest(chunk)) {
      return chunk;
    }
    const blocks = this.#splitter.push(chunk);
    for (const block of blocks) this.#read(block);
    return blocks.length === 1 && blocks[0] ? blocks[0] : Buffer.concat(blocks);
  }

  end(): Buffer {
    const rest = this.#splitter.rest();
    this.#endedInBlock = rest.length > 0;
    this.#read(rest);
    return rest;
  }

  usage(): TokenUsage | null {
    return this.#usage.final();
  }

  startedUsage(): TokenUsage | null {
    return this.#usage.started();
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    this.#text ??= this.#readText();
    return this.#text;
  }

  /** The provider's own words stand where it said itself that the stream failed. */
  streamError(message: string, code: string): Buffer {
    if (this.#hasFailed) return EMPTY;
    const event = errorEvent(message, code);
    return this.#endedInBlock ? Buffer.concat([Buffer.from('\n\n'), event]) : event;
  }

  #readText(): string {
    const bytes = this.#kept.bytes();
    const text = textOfMessageEvents(bytes);
    // One event can be longer than what is kept. As for half a JSON answer, its syntax is counted too then.
    const isCutEvent = text === '' && !this.#kept.isWhole;
    return this.#kept.extrapolate(isCutEvent ? bytes.toString('utf8') : text);
  }

  #read(block: Buffer): void {
    if (!isOfInterest(block)) return;
    const event = parseJsonObject(dataOf(block) ?? '');
    switch (event?.['type']) {
      case 'message_start':
        return this.#usage.start(objectAt(objectAt(event, 'message'), 'usage'));
      case 'message_delta':
        return this.#usage.add(objectAt(event, 'usage'));
      case 'message_stop':
        this.#isComplete = true;
        return;
      case 'error':
        this.#hasFailed = true;
    }
  }
}
