/** A whole chat answer as a response of the Responses API. */
import type { JsonObject } from '../../../core/request.ts';
import type { AnswerReader } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { isJsonObject, objectAt, objectsAt, parseJsonObject, stringAt } from '../../json-values.ts';
import { errorDocument } from '../openai/errors.ts';
import {
  callItem,
  endOf,
  messageItem,
  reasoningItem,
  refusalPart,
  responseDocument,
  textPart,
  type ItemStatus,
  type ResponseFrame,
} from './document.ts';

const EMPTY = Buffer.alloc(0);
/** Far above any answer; what is longer is not held without bound, and answered as an error. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** Content is text, but for servers that answer in parts. */
export function textOfContent(message: JsonObject): string {
  const parts = objectsAt(message, 'content').map((part) => stringAt(part, 'text'));
  return stringAt(message, 'content') + parts.join('');
}

/** What the model thought, under the names that servers have for it. */
export function reasoningOf(message: JsonObject): string {
  return stringAt(message, 'reasoning_content') || stringAt(message, 'reasoning');
}

/** Log probabilities of the text's tokens, in the same words in both formats. */
export function logprobsOf(choice: JsonObject): readonly JsonObject[] {
  return objectsAt(objectAt(choice, 'logprobs'), 'content');
}

function contentOf(choice: JsonObject, hasCalls: boolean): readonly JsonObject[] {
  const message = objectAt(choice, 'message');
  const [text, refusal] = [textOfContent(message), stringAt(message, 'refusal')];
  const refusals = refusal === '' ? [] : [refusalPart(refusal)];
  // An answer without a word is a message all the same, unless its calls are the answer.
  if (text === '' && (hasCalls || refusal !== '')) return refusals;
  return [textPart(text, logprobsOf(choice)), ...refusals];
}

function outputOf(frame: ResponseFrame, choice: JsonObject, status: ItemStatus): JsonObject[] {
  const message = objectAt(choice, 'message');
  const calls = objectsAt(message, 'tool_calls');
  const output: JsonObject[] = [];
  const reasoning = reasoningOf(message);
  if (reasoning !== '') output.push(reasoningItem(frame, 0, reasoning));
  const content = contentOf(choice, calls.length > 0);
  if (content.length > 0) output.push(messageItem(frame, output.length, status, content));
  for (const call of calls) {
    const called = objectAt(call, 'function');
    const item = {
      callId: stringAt(call, 'id'),
      name: stringAt(called, 'name'),
      arguments: stringAt(called, 'arguments'),
    };
    output.push(callItem(frame, output.length, status, item));
  }
  return output;
}

function toResponse(
  frame: ResponseFrame,
  answer: JsonObject,
  choice: JsonObject,
  usage: TokenUsage | null,
): JsonObject {
  const end = endOf(choice['finish_reason']);
  return responseDocument(frame, {
    end,
    model: stringAt(answer, 'model'),
    output: outputOf(frame, choice, end.status),
    usage,
  });
}

/** Holds the answer until its end, because no part of it can be said in the other format before. */
export class ResponsesAnswerReader implements AnswerReader {
  readonly #frame: ResponseFrame;
  readonly #chat: AnswerReader;
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** `chat` reads the backend's answer as one of the chat format. */
  constructor(frame: ResponseFrame, chat: AnswerReader) {
    this.#frame = frame;
    this.#chat = chat;
  }

  push(chunk: Buffer): Buffer {
    this.#keep(this.#chat.push(chunk));
    return EMPTY;
  }

  end(): Buffer {
    this.#keep(this.#chat.end());
    const text = Buffer.concat(this.#chunks).toString('utf8');
    const answer = this.#bytes > MAX_ANSWER_BYTES ? null : parseJsonObject(text);
    const [choice] = answer ? objectsAt(answer, 'choices') : [];
    if (answer && choice) {
      return Buffer.from(
        JSON.stringify(toResponse(this.#frame, answer, choice, this.#chat.usage())),
      );
    }
    // The backend's own words for what went wrong, where it has any.
    if (answer && isJsonObject(answer['error'])) return Buffer.from(text);
    const message = 'the backend answered with something that is no chat completion';
    return Buffer.from(errorDocument({ message, type: 'server_error', code: 'backend_error' }));
  }

  usage(): TokenUsage | null {
    return this.#chat.usage();
  }

  isComplete(): boolean {
    return this.#chat.isComplete();
  }

  outputText(): string {
    return this.#chat.outputText();
  }

  streamError(message: string, code: string): Buffer {
    return this.#chat.streamError(message, code);
  }

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= MAX_ANSWER_BYTES) this.#chunks.push(bytes);
  }
}
