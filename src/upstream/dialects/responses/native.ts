/** Readers of answers of the Responses API for a client that asked for them: the bytes pass, the usage is seen on the way. */
import type { AnswerReader } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { dataOf } from '../../event-stream.ts';
import { parseJsonObject } from '../../json-values.ts';
import { errorEvent } from '../openai/errors.ts';
import { PassingEvents, PassingJsonReader, type PassingJson } from '../passing-bytes.ts';
import {
  LAST_EVENTS,
  responsesErrorEvent,
  textOfResponse,
  textOfResponsesEvents,
} from './events.ts';
import { readResponsesUsage, usageOfResponse, usageOfResponseEvent } from './usage.ts';

const EMPTY = Buffer.alloc(0);
/** Inside a string the quotes would be escaped, so that these are never found in what the model says. */
const LAST_TYPES = LAST_EVENTS.map((type) => `"${type}"`);

function usageOf(json: PassingJson): TokenUsage | null {
  const response = json.document();
  return response ? usageOfResponse(response) : readResponsesUsage(json.lastObject('usage'));
}

/** A whole response. */
export class ResponsesJsonReader extends PassingJsonReader {
  constructor() {
    super({ usageOf, textOf: textOfResponse, errorEvent });
  }
}

/** A stream of events. It is whole when one of its last events was seen. */
export class ResponsesStreamReader implements AnswerReader {
  readonly #events = new PassingEvents();
  /** The latest piece, for the number of its last event. */
  #latest: Buffer = EMPTY;
  #usage: TokenUsage | null = null;
  #isComplete = false;

  push(chunk: Buffer): Buffer {
    this.#latest = chunk;
    return this.#events.push(chunk, mayBeLast, this.#read);
  }

  end(): Buffer {
    return this.#events.end(this.#read);
  }

  usage(): TokenUsage | null {
    return this.#usage;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    return this.#events.outputText(textOfResponsesEvents);
  }

  streamError(message: string, code: string): Buffer {
    const event = responsesErrorEvent(message, code, numberOfLast(this.#latest) + 1);
    return this.#events.after(Buffer.from(event));
  }

  readonly #read = (block: Buffer): Buffer => {
    const event = parseJsonObject(dataOf(block) ?? '');
    if (!event || !LAST_EVENTS.some((type) => type === event['type'])) return block;
    this.#isComplete = true;
    this.#usage = usageOfResponseEvent(event) ?? this.#usage;
    return block;
  };
}

function mayBeLast(bytes: Buffer): boolean {
  return LAST_TYPES.some((type) => bytes.includes(type));
}

function numberOfLast(bytes: Buffer): number {
  const numbers = bytes.toString('latin1').matchAll(/"sequence_number":\s*(\d{1,9})\b/g);
  return Number([...numbers].at(-1)?.[1] ?? -1);
}
