/**
 * A stream of chat chunks as a stream of the Anthropic Messages API: an answer is a row of blocks there, each of which
 * begins and ends before the next one.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { AnswerReader, UpstreamAttempt } from '../../../core/upstream.ts';
import { NO_USAGE } from '../../../core/usage.ts';
import { dataOf, EventSplitter } from '../../event-stream.ts';
import { isJsonObject, objectAt, objectsAt, parseJsonObject, stringAt } from '../../json-values.ts';
import {
  ChatTeller,
  messageId,
  reasoningIn,
  stopReason,
  textIn,
  toMessagesUsage,
} from './answers.ts';
import { fromOpenAiError, messagesErrorEvent } from './errors.ts';

const EMPTY = Buffer.alloc(0);
/** Arguments of calls that wait for their turn; what is more is not held without bound. */
const MAX_WAITING_CHARS = 8 * 1024 * 1024;
/** The status of an API error that came after a status of 200. */
const SERVER_ERROR = 500;

function event(document: { readonly type: string; readonly [key: string]: unknown }): string {
  return `event: ${document.type}\ndata: ${JSON.stringify(document)}\n\n`;
}

/** A call of a tool. While it is open its arguments stream; one that began beside it waits. */
interface Call {
  /** Its place among the calls of the chat answer; null where the backend names none. */
  readonly place: unknown;
  readonly id: string;
  readonly name: string;
  waiting: string;
}

type ProseType = 'text' | 'thinking';

interface Prose {
  readonly type: ProseType;
  readonly text: string;
}

/** Writes blocks one after another. */
class BlockRow {
  #index = -1;
  #open: ProseType | Call | null = null;
  readonly #calls: Call[] = [];
  /** What was said beside a call that is open. */
  #waitingProse: Prose[] = [];
  #waitingChars = 0;

  get hasCalls(): boolean {
    return this.#calls.length > 0;
  }

  prose({ type, text }: Prose): string {
    if (text === '') return '';
    if (this.#isCallOpen()) {
      if (this.#mayWait(text)) this.#waitingProse.push({ type, text });
      return '';
    }
    const delta =
      type === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text };
    if (this.#open === type) return this.#delta(delta);
    const block = type === 'text' ? { type, text: '' } : { type, thinking: '', signature: '' };
    return this.close() + this.#start(type, block) + this.#delta(delta);
  }

  call(piece: JsonObject): string {
    const called = objectAt(piece, 'function');
    const text = stringAt(called, 'arguments');
    const known = this.#find(piece);
    if (known) return this.#more(known, text);
    const call: Call = {
      place: piece['index'],
      id: stringAt(piece, 'id') || `toolu_${this.#calls.length}`,
      name: stringAt(called, 'name'),
      waiting: '',
    };
    this.#calls.push(call);
    // The open call may still get arguments: which of them are its last, only the end of the answer tells.
    if (this.#isCallOpen()) return this.#more(call, text);
    return this.close() + this.#startCall(call) + this.#more(call, text);
  }

  /** Ends the open block, and writes what waited for it. */
  close(): string {
    const open = this.#open;
    if (open === null) return '';
    let said = this.#stop();
    if (typeof open === 'string') return said;
    for (const call of this.#calls.slice(this.#calls.indexOf(open) + 1)) {
      said += this.#startCall(call) + this.#more(call, call.waiting) + this.#stop();
    }
    for (const prose of this.#waitingProse.splice(0)) said += this.prose(prose);
    return said + this.close();
  }

  #isCallOpen(): boolean {
    return typeof this.#open === 'object' && this.#open !== null;
  }

  #mayWait(text: string): boolean {
    this.#waitingChars += text.length;
    return this.#waitingChars <= MAX_WAITING_CHARS;
  }

  /**
   * The call to which a piece belongs. Some servers name no place, some give several calls the same one, and some name
   * no call: then each name begins another.
   */
  #find(piece: JsonObject): Call | undefined {
    const { index: place } = piece;
    const last = this.#calls.findLast((call) => place === undefined || call.place === place);
    const id = stringAt(piece, 'id');
    const isNew =
      id === '' ? stringAt(objectAt(piece, 'function'), 'name') !== '' : id !== last?.id;
    return isNew ? undefined : last;
  }

  #more(call: Call, text: string): string {
    if (text === '') return '';
    if (call === this.#open) return this.#delta({ type: 'input_json_delta', partial_json: text });
    if (this.#mayWait(text)) call.waiting += text;
    return '';
  }

  #startCall(call: Call): string {
    const { id, name } = call;
    return this.#start(call, { type: 'tool_use', id, name, input: {} });
  }

  #start(open: ProseType | Call, block: JsonObject): string {
    this.#open = open;
    this.#index += 1;
    return event({ type: 'content_block_start', index: this.#index, content_block: block });
  }

  #delta(delta: JsonObject): string {
    return event({ type: 'content_block_delta', index: this.#index, delta });
  }

  #stop(): string {
    this.#open = null;
    return event({ type: 'content_block_stop', index: this.#index });
  }
}

export class MessageStreamTeller extends ChatTeller {
  readonly #attempt: UpstreamAttempt;
  readonly #splitter = new EventSplitter();
  readonly #blocks = new BlockRow();
  #hasStarted = false;
  #hasEnded = false;
  #finish: unknown = null;

  constructor(chat: AnswerReader, attempt: UpstreamAttempt) {
    super(chat);
    this.#attempt = attempt;
  }

  push(chunk: Buffer): Buffer {
    return this.#tell(this.#splitter.push(this.chat.push(chunk)));
  }

  end(): Buffer {
    const blocks = [...this.#splitter.push(this.chat.end()), this.#splitter.rest()];
    return this.#tell(blocks);
  }

  /** The backend's own words stand where it said itself that the stream failed. */
  override streamError(message: string, code: string): Buffer {
    return this.#hasEnded ? EMPTY : super.streamError(message, code);
  }

  #tell(blocks: readonly Buffer[]): Buffer {
    let said = '';
    let isAlive = false;
    for (const block of blocks) {
      const data = dataOf(block);
      const document = parseJsonObject(data ?? '');
      if (document) said += this.#chunk(document);
      else if (data === null && block.length > 0) isAlive = true;
    }
    if (this.chat.isComplete()) said += this.#stop();
    // A comment that keeps the connection alive.
    else if (said === '' && isAlive && this.#hasStarted) said = event({ type: 'ping' });
    return said === '' ? EMPTY : Buffer.from(said);
  }

  #chunk(chunk: JsonObject): string {
    if (this.#hasEnded) return '';
    if (isJsonObject(chunk['error'])) {
      this.#hasEnded = true;
      return messagesErrorEvent(fromOpenAiError(objectAt(chunk, 'error'), SERVER_ERROR));
    }
    const [choice] = objectsAt(chunk, 'choices');
    return this.#start(chunk) + (choice ? this.#choice(choice) : '');
  }

  #start(chunk: JsonObject): string {
    if (this.#hasStarted) return '';
    this.#hasStarted = true;
    const { request, model, inputTokens = 0 } = this.#attempt;
    const message = {
      id: messageId(stringAt(chunk, 'id'), request.id),
      type: 'message',
      role: 'assistant',
      model: stringAt(chunk, 'model') || model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // A chat stream tells its usage at its end, and `message_delta` then. Some clients never look at the input there.
      usage: toMessagesUsage({ ...NO_USAGE, input: inputTokens }),
    };
    return event({ type: 'message_start', message }) + event({ type: 'ping' });
  }

  #choice(choice: JsonObject): string {
    const delta = objectAt(choice, 'delta');
    this.#finish = choice['finish_reason'] ?? this.#finish;
    let said = this.#blocks.prose({ type: 'thinking', text: reasoningIn(delta) });
    said += this.#blocks.prose({ type: 'text', text: textIn(delta) });
    for (const piece of objectsAt(delta, 'tool_calls')) said += this.#blocks.call(piece);
    return said;
  }

  #stop(): string {
    if (this.#hasEnded) return '';
    const said = this.#start({});
    this.#hasEnded = true;
    const delta = {
      stop_reason: stopReason(this.#finish, this.#blocks.hasCalls),
      stop_sequence: null,
    };
    const usage = toMessagesUsage(this.chat.usage());
    return (
      said +
      this.#blocks.close() +
      event({ type: 'message_delta', delta, usage }) +
      event({ type: 'message_stop' })
    );
  }
}
