/** Readers of answers for clients of the Messages API itself: the bytes pass, the usage is seen on the way. */
import type { AnswerReader } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { dataOf } from '../../event-stream.ts';
import { objectAt, parseJsonObject } from '../../json-values.ts';
import { StreamedUsage } from './streamed-usage.ts';
import { textOfMessage, textOfMessageEvents } from './text.ts';
import { readAnthropicUsage } from './usage.ts';
import { messagesErrorEvent } from '../messages/errors.ts';
import { PassingEvents, PassingJsonReader, type PassingJson } from '../passing-bytes.ts';

const EMPTY = Buffer.alloc(0);

function errorEvent(message: string, code: string): Buffer {
  return Buffer.from(messagesErrorEvent({ type: 'api_error', message, code }));
}

function usageOf(json: PassingJson): TokenUsage | null {
  const answer = json.document();
  return readAnthropicUsage(answer ? answer['usage'] : json.lastObject('usage'));
}

/** A whole answer. */
export class PassingMessageReader extends PassingJsonReader {
  constructor() {
    super({ usageOf, textOf: textOfMessage, errorEvent });
  }
}

/** True for bytes with an event that says something of the usage, of the end, or of a failure. */
function isOfInterest(bytes: Buffer): boolean {
  return bytes.includes('message_') || bytes.includes('error');
}

/** An event stream; every byte passes as it came. */
export class PassingMessageStreamReader implements AnswerReader {
  readonly #events = new PassingEvents();
  readonly #usage = new StreamedUsage();
  #isComplete = false;
  #hasFailed = false;

  push(chunk: Buffer): Buffer {
    return this.#events.push(chunk, isOfInterest, this.#read);
  }

  end(): Buffer {
    return this.#events.end(this.#read);
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
    return this.#events.outputText(textOfMessageEvents);
  }

  /** The provider's own words stand where it said itself that the stream failed. */
  streamError(message: string, code: string): Buffer {
    return this.#hasFailed ? EMPTY : this.#events.after(errorEvent(message, code));
  }

  readonly #read = (block: Buffer): Buffer => {
    const event = parseJsonObject(dataOf(block) ?? '');
    switch (event?.['type']) {
      case 'message_start':
        this.#usage.start(objectAt(objectAt(event, 'message'), 'usage'));
        break;
      case 'message_delta':
        this.#usage.add(objectAt(event, 'usage'));
        break;
      case 'message_stop':
        this.#isComplete = true;
        break;
      case 'error':
        this.#hasFailed = true;
        break;
      default:
    }
    return block;
  };
}
