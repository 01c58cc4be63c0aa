/** A whole chat answer in the format of the Anthropic Messages API. */
import type { JsonObject } from '../../../core/request.ts';
import type { AnswerReader } from '../../../core/upstream.ts';
import { NO_USAGE, type TokenUsage } from '../../../core/usage.ts';
import { objectAt, objectsAt, parseJsonObject, stringAt } from '../../json-values.ts';
import { fromOpenAiErrorBody, messagesErrorEvent } from './errors.ts';

const EMPTY = Buffer.alloc(0);
/** Far above any answer; what is longer is not held without bound. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const STOP_REASONS: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
};

/** Some servers end an answer that calls tools with a plain `stop`. */
export function stopReason(finishReason: unknown, hasCalls: boolean): string {
  const reason = (typeof finishReason === 'string' && STOP_REASONS[finishReason]) || 'end_turn';
  return reason === 'end_turn' && hasCalls ? 'tool_use' : reason;
}

/** `input_tokens` leaves out what was read from or written to a cache. Zeros where the backend told nothing. */
export function toMessagesUsage(usage: TokenUsage | null): JsonObject {
  const { input, cachedInput, cacheWrite, cacheWrite1h, output } = usage ?? NO_USAGE;
  return {
    input_tokens: Math.max(0, input - cachedInput - cacheWrite - cacheWrite1h),
    cache_creation_input_tokens: cacheWrite + cacheWrite1h,
    cache_read_input_tokens: cachedInput,
    output_tokens: output,
  };
}

/** An id in the API's own form. */
export function messageId(chatId: string, requestId: string): string {
  const id = (chatId || requestId).replace(/^(?:chatcmpl|req)[-_]/, '');
  return `msg_${id.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 100)}`;
}

/** Reasoning, under the name of DeepSeek and vLLM or of Ollama and OpenRouter. */
export function reasoningIn(message: JsonObject): string {
  return stringAt(message, 'reasoning_content') || stringAt(message, 'reasoning');
}

/** What was said, in a refusal too: the stop reason tells which it was. */
export function textIn(message: JsonObject): string {
  const parts = objectsAt(message, 'content').map((part) => stringAt(part, 'text'));
  return stringAt(message, 'content') + parts.join('') + stringAt(message, 'refusal');
}

/** Arguments of a call; what a model wrote that is no JSON object is shown to the tool, which will say so. */
function inputOf(text: string): JsonObject {
  if (text.trim() === '') return {};
  return parseJsonObject(text) ?? { arguments: text };
}

function contentOf(message: JsonObject): readonly JsonObject[] {
  const thinking = reasoningIn(message);
  const text = textIn(message);
  const calls = objectsAt(message, 'tool_calls').map((call, index) => {
    const called = objectAt(call, 'function');
    return {
      type: 'tool_use',
      id: stringAt(call, 'id') || `toolu_${index}`,
      name: stringAt(called, 'name'),
      input: inputOf(stringAt(called, 'arguments')),
    };
  });
  return [
    ...(thinking === '' ? [] : [{ type: 'thinking', thinking, signature: '' }]),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...calls,
  ];
}

/** Null for what is no chat completion. */
function toMessage(
  completion: JsonObject,
  usage: TokenUsage | null,
  requestId: string,
): JsonObject | null {
  const [choice] = objectsAt(completion, 'choices');
  if (!choice) return null;
  const content = contentOf(objectAt(choice, 'message'));
  const hasCalls = content.some(({ type }) => type === 'tool_use');
  return {
    id: messageId(stringAt(completion, 'id'), requestId),
    type: 'message',
    role: 'assistant',
    model: stringAt(completion, 'model'),
    content,
    stop_reason: stopReason(choice['finish_reason'], hasCalls),
    stop_sequence: null,
    usage: toMessagesUsage(usage),
  };
}

/** What every reader of this format shares: usage and text are those of the chat answer. */
export abstract class ChatTeller implements AnswerReader {
  protected readonly chat: AnswerReader;

  constructor(chat: AnswerReader) {
    this.chat = chat;
  }

  abstract push(chunk: Buffer): Buffer;
  abstract end(): Buffer;

  usage(): TokenUsage | null {
    return this.chat.usage();
  }

  isComplete(): boolean {
    return this.chat.isComplete();
  }

  outputText(): string {
    return this.chat.outputText();
  }

  streamError(message: string, code: string): Buffer {
    return Buffer.from(messagesErrorEvent({ type: 'api_error', message, code }));
  }
}

/** Holds the answer until its end, because no part of it can be said in the other format before. */
abstract class WholeTeller extends ChatTeller {
  #chunks: Buffer[] = [];
  #bytes = 0;

  push(chunk: Buffer): Buffer {
    this.#keep(this.chat.push(chunk));
    return EMPTY;
  }

  end(): Buffer {
    this.#keep(this.chat.end());
    const text = Buffer.concat(this.#chunks).toString('utf8');
    this.#chunks = [];
    return Buffer.from(this.told(text));
  }

  /** The whole answer in this format, from the text of the whole chat answer. */
  protected abstract told(text: string): string;

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= MAX_ANSWER_BYTES) this.#chunks.push(bytes);
  }
}

export class MessageTeller extends WholeTeller {
  readonly #requestId: string;
  #isMessage = false;

  constructor(chat: AnswerReader, requestId: string) {
    super(chat);
    this.#requestId = requestId;
  }

  /** An answer that is none is never complete, so that another backend is asked, or the client gets an error. */
  override isComplete(): boolean {
    return this.#isMessage;
  }

  protected override told(text: string): string {
    const completion = parseJsonObject(text);
    const message = completion && toMessage(completion, this.chat.usage(), this.#requestId);
    this.#isMessage = message !== null;
    return message === null ? '' : JSON.stringify(message);
  }
}

/** An error answer. */
export class ErrorTeller extends WholeTeller {
  readonly #status: number;

  constructor(chat: AnswerReader, status: number) {
    super(chat);
    this.#status = status;
  }

  protected override told(text: string): string {
    return fromOpenAiErrorBody(text, this.#status);
  }
}
