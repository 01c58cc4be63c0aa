/** Output items of a response as they grow in a stream: each opens, says its deltas, and closes with all that it holds. */
import type { JsonObject } from '../../../core/request.ts';
import {
  callItem,
  messageItem,
  reasoningItem,
  refusalPart,
  textPart,
  type ItemStatus,
  type ResponseFrame,
} from './document.ts';

/** What an item keeps of its text for its last events; a model that writes more has gone mad. */
const MAX_TEXT_CHARS = 8 * 1024 * 1024;
const MAX_LOGPROBS = 100_000;

/** Where an item stands, and how it is heard. */
interface Place {
  readonly frame: ResponseFrame;
  /** Index in `output`. */
  readonly at: number;
  readonly say: (type: string, members: JsonObject) => void;
}

function grown(text: string, piece: string): string {
  return text.length < MAX_TEXT_CHARS ? text + piece : text;
}

export abstract class OpenItem {
  readonly place: Place;
  #status: ItemStatus = 'in_progress';
  #id: unknown;

  constructor(place: Place) {
    this.place = place;
  }

  get status(): ItemStatus {
    return this.#status;
  }

  get isClosed(): boolean {
    return this.#status !== 'in_progress';
  }

  open(): void {
    this.say('output_item.added', { output_index: this.place.at, item: this.document() });
  }

  /** Says the last events of the item, once. */
  close(status: ItemStatus): void {
    if (this.isClosed) return;
    this.#status = status;
    this.sayDone();
    this.say('output_item.done', { output_index: this.place.at, item: this.document() });
  }

  /** The item as it is now. */
  abstract document(): JsonObject;

  /** Says what it holds, before it is said as a whole. */
  protected abstract sayDone(): void;

  protected say(event: string, members: JsonObject): void {
    this.place.say(`response.${event}`, members);
  }

  /** Names the item in an event. */
  protected get own(): JsonObject {
    this.#id ??= this.document()['id'];
    return { item_id: this.#id, output_index: this.place.at };
  }
}

/** What the model thought, told as a summary: the API has no other words for reasoning that is open to read. */
export class ReasoningItem extends OpenItem {
  #text = '';

  add(piece: string): void {
    if (this.#text === '') {
      const part = { type: 'summary_text', text: '' };
      this.say('reasoning_summary_part.added', { ...this.own, summary_index: 0, part });
    }
    this.#text = grown(this.#text, piece);
    this.say('reasoning_summary_text.delta', { ...this.own, summary_index: 0, delta: piece });
  }

  document(): JsonObject {
    return reasoningItem(this.place.frame, this.place.at, this.#text);
  }

  protected sayDone(): void {
    const text = this.#text;
    const place = { ...this.own, summary_index: 0 };
    this.say('reasoning_summary_text.done', { ...place, text });
    this.say('reasoning_summary_part.done', { ...place, part: { type: 'summary_text', text } });
  }
}

interface Part {
  readonly kind: 'output_text' | 'refusal';
  text: string;
  readonly logprobs: JsonObject[];
}

function partDocument({ kind, text, logprobs }: Part): JsonObject {
  return kind === 'refusal' ? refusalPart(text) : textPart(text, logprobs);
}

/** What the model says: text, and at most a refusal after it. */
export class MessageItem extends OpenItem {
  readonly #parts: Part[] = [];

  addText(piece: string, logprobs: readonly JsonObject[]): void {
    const [part, index] = this.#part('output_text');
    part.text = grown(part.text, piece);
    if (part.logprobs.length < MAX_LOGPROBS) part.logprobs.push(...logprobs);
    if (piece === '') return;
    const said = { content_index: index, delta: piece, logprobs };
    this.say('output_text.delta', { ...this.own, ...said });
  }

  addRefusal(piece: string): void {
    const [part, index] = this.#part('refusal');
    part.text = grown(part.text, piece);
    this.say('refusal.delta', { ...this.own, content_index: index, delta: piece });
  }

  document(): JsonObject {
    const { frame, at } = this.place;
    return messageItem(frame, at, this.status, this.#parts.map(partDocument));
  }

  protected sayDone(): void {
    for (const [index, part] of this.#parts.entries()) {
      const place = { ...this.own, content_index: index };
      const { kind, text, logprobs } = part;
      if (kind === 'refusal') this.say('refusal.done', { ...place, refusal: text });
      else this.say('output_text.done', { ...place, text, logprobs });
      this.say('content_part.done', { ...place, part: partDocument(part) });
    }
  }

  /** The last part when it is of this kind, else a new one. */
  #part(kind: Part['kind']): readonly [Part, number] {
    const last = this.#parts.at(-1);
    if (last?.kind === kind) return [last, this.#parts.length - 1];
    const part: Part = { kind, text: '', logprobs: [] };
    const index = this.#parts.length;
    this.say('content_part.added', {
      ...this.own,
      content_index: index,
      part: partDocument(part),
    });
    this.#parts.push(part);
    return [part, index];
  }
}

export class CallItem extends OpenItem {
  readonly #callId: string;
  readonly #name: string;
  #arguments = '';

  constructor(place: Place, callId: string, name: string) {
    super(place);
    this.#callId = callId;
    this.#name = name;
  }

  add(piece: string): void {
    this.#arguments = grown(this.#arguments, piece);
    this.say('function_call_arguments.delta', { ...this.own, delta: piece });
  }

  document(): JsonObject {
    const { frame, at } = this.place;
    const call = { callId: this.#callId, name: this.#name, arguments: this.#arguments };
    return callItem(frame, at, this.status, call);
  }

  protected sayDone(): void {
    const text = this.#arguments;
    this.say('function_call_arguments.done', { ...this.own, name: this.#name, arguments: text });
  }
}
