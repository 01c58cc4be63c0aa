/** A stream of chat chunks as a stream of events of the Responses API. */
import type { JsonObject } from '../../../core/request.ts';
import type { AnswerReader } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { dataOf, EventSplitter } from '../../event-stream.ts';
import { isJsonObject, objectAt, objectsAt, parseJsonObject, stringAt } from '../../json-values.ts';
import { logprobsOf, reasoningOf, textOfContent } from './answers.ts';
import { endOf, IN_PROGRESS, responseDocument, type ResponseFrame } from './document.ts';
import { responsesErrorEvent, responsesEvent } from './events.ts';
import { CallItem, MessageItem, ReasoningItem, type OpenItem } from './items.ts';

const EMPTY = Buffer.alloc(0);
const END_MARKER = '[DONE]';
/** Far above any answer: a backend that opens more items than this has gone mad, and would be remembered without bound. */
const MAX_ITEMS = 1000;

export class ResponsesChatStreamReader implements AnswerReader {
  readonly #frame: ResponseFrame;
  readonly #chat: AnswerReader;
  readonly #splitter = new EventSplitter();
  /** All items of the output, in order. */
  readonly #items: OpenItem[] = [];
  /** Calls by their place among the calls of the chat: parallel ones may come in turns. */
  readonly #calls = new Map<unknown, CallItem>();
  #model = '';
  #finish: unknown = null;
  #nextNumber = 0;
  #hasBegun = false;
  #hasFailed = false;
  /** What the bytes in hand have become so far. */
  #said = '';

  /** `chat` reads the backend's stream as one of the chat format, its usage chunk included. */
  constructor(frame: ResponseFrame, chat: AnswerReader) {
    this.#frame = frame;
    this.#chat = chat;
  }

  push(chunk: Buffer): Buffer {
    return this.#translate(this.#splitter.push(this.#chat.push(chunk)));
  }

  end(): Buffer {
    const blocks = this.#splitter.push(this.#chat.end());
    return this.#translate([...blocks, this.#splitter.rest()]);
  }

  usage(): TokenUsage | null {
    return this.#chat.usage();
  }

  startedUsage(): TokenUsage | null {
    return this.#chat.startedUsage?.() ?? null;
  }

  isComplete(): boolean {
    return this.#chat.isComplete();
  }

  outputText(): string {
    return this.#chat.outputText();
  }

  /** Nothing where the backend's own error has been told already: an SDK throws on the first. */
  streamError(message: string, code: string): Buffer {
    if (this.#hasFailed) return EMPTY;
    return Buffer.from(responsesErrorEvent(message, code, this.#nextNumber));
  }

  #translate(blocks: readonly Buffer[]): Buffer {
    this.#said = '';
    for (const block of blocks) this.#read(block);
    return Buffer.from(this.#said);
  }

  #read(block: Buffer): void {
    if (this.#hasFailed) return;
    const data = dataOf(block);
    if (data === null) {
      // A comment that keeps the connection alive does so for the client too.
      if (block.length > 0 && block[0] === 0x3a) this.#said += ': ping\n\n';
      return;
    }
    if (data.trim() === END_MARKER) return this.#finishAll();
    const chunk = parseJsonObject(data);
    if (!chunk) return;
    if (isJsonObject(chunk['error'])) return this.#fail(chunk['error']);
    this.#model ||= stringAt(chunk, 'model');
    const [choice] = objectsAt(chunk, 'choices');
    if (choice) this.#readChoice(choice);
    if (this.#items.length > MAX_ITEMS) {
      this.#fail({ message: 'The backend sent an answer without end.', code: 'backend_error' });
    }
  }

  #readChoice(choice: JsonObject): void {
    this.#begin();
    const delta = objectAt(choice, 'delta');
    const reasoning = reasoningOf(delta);
    if (reasoning !== '') this.#last(ReasoningItem).add(reasoning);
    const text = textOfContent(delta);
    if (text !== '') this.#last(MessageItem).addText(text, logprobsOf(choice));
    const refusal = stringAt(delta, 'refusal');
    if (refusal !== '') this.#last(MessageItem).addRefusal(refusal);
    for (const [at, call] of objectsAt(delta, 'tool_calls').entries()) this.#readCall(call, at);
    this.#finish = choice['finish_reason'] ?? this.#finish;
  }

  /** Servers that send a call whole may leave its index out, and name each by an id of its own. */
  #readCall(call: JsonObject, at: number): void {
    const key = call['index'] ?? (stringAt(call, 'id') || at);
    const called = objectAt(call, 'function');
    let item = this.#calls.get(key);
    if (item === undefined) {
      item = new CallItem(this.#place(), stringAt(call, 'id'), stringAt(called, 'name'));
      this.#calls.set(key, item);
      this.#open(item);
    }
    const text = stringAt(called, 'arguments');
    if (text !== '') item.add(text);
  }

  /** The last item when it is of this kind and still open, else a new one. */
  #last<T extends OpenItem>(Kind: new (place: OpenItem['place']) => T): T {
    const last = this.#items.at(-1);
    if (last instanceof Kind && !last.isClosed) return last;
    const item = new Kind(this.#place());
    this.#open(item);
    return item;
  }

  #place(): OpenItem['place'] {
    return {
      frame: this.#frame,
      at: this.#items.length,
      say: (type, members) => this.#say(type, members),
    };
  }

  /** Text and reasoning end where something else begins; a call may go on until the end. */
  #open(item: OpenItem): void {
    const last = this.#items.at(-1);
    if (last && !(last instanceof CallItem)) last.close('completed');
    this.#items.push(item);
    item.open();
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const response = this.#response(IN_PROGRESS, null);
    this.#say('response.created', { response });
    this.#say('response.in_progress', { response });
  }

  #finishAll(): void {
    this.#begin();
    const end = endOf(this.#finish);
    // An answer without a word is a message all the same.
    if (this.#items.length === 0) this.#last(MessageItem).addText('', []);
    for (const item of this.#items) item.close(end.status);
    this.#say(`response.${end.status}`, { response: this.#response(end, this.#chat.usage()) });
  }

  #response(end: ReturnType<typeof endOf>, usage: TokenUsage | null): JsonObject {
    const output = this.#items.map((item) => item.document());
    return responseDocument(this.#frame, { end, model: this.#model, output, usage });
  }

  #fail(error: JsonObject): void {
    this.#hasFailed = true;
    const { code } = error;
    const message = stringAt(error, 'message') || 'the backend gave no reason';
    const named = typeof code === 'string' ? code : stringAt(error, 'type') || null;
    this.#said += responsesErrorEvent(message, named, this.#nextNumber);
  }

  #say(type: string, members: JsonObject): void {
    this.#said += responsesEvent(type, { sequence_number: this.#nextNumber, ...members });
    this.#nextNumber += 1;
  }
}
