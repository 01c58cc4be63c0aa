/** A whole answer of the Anthropic Messages API in the OpenAI format. */
import type { JsonObject } from '../../../core/request.ts';
import type { AnswerReader } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { isJsonObject, objectAt, objectsAt, parseJsonObject, stringAt } from '../../json-values.ts';
import { errorDocument, errorEvent } from '../openai/errors.ts';
import { readAnthropicUsage, toOpenAiUsage } from './usage.ts';

const EMPTY = Buffer.alloc(0);
/** Far above any answer; what is longer is not held without bound, and answered as an error. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const FINISH_REASONS: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
  // The provider's own tools took a break; nothing of the client's is waited for.
  pause_turn: 'stop',
};

/** Reasons that the API may add later read as an ordinary end. */
export function finishReason(stopReason: unknown): string {
  return (typeof stopReason === 'string' && FINISH_REASONS[stopReason]) || 'stop';
}

const ERROR_TYPES: Readonly<Record<string, string>> = {
  invalid_request_error: 'invalid_request_error',
  request_too_large: 'invalid_request_error',
  not_found_error: 'invalid_request_error',
  authentication_error: 'authentication_error',
  permission_error: 'permission_error',
  billing_error: 'insufficient_quota',
  rate_limit_error: 'rate_limit_error',
};

/** The provider's own type stays readable as the code. */
export function translateError(error: JsonObject): {
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
} {
  const type = stringAt(error, 'type');
  return {
    message: stringAt(error, 'message') || 'the backend gave no reason',
    type: ERROR_TYPES[type] ?? 'server_error',
    code: type || null,
  };
}

/** An error body in the OpenAI shape; a text that is none of Anthropic's errors becomes its message. */
export function translateErrorBody(body: string): string {
  const document = parseJsonObject(body);
  const error = document && objectAt(document, 'error');
  if (error && isJsonObject(document['error'])) return errorDocument(translateError(error));
  const message = body.trim().slice(0, 1000) || 'the backend gave no reason';
  return errorDocument({ message, type: 'server_error', code: null });
}

function messageOf(blocks: readonly JsonObject[]): JsonObject {
  const textOf = (type: string, field: string): string =>
    blocks
      .filter((block) => block['type'] === type)
      .map((block) => stringAt(block, field))
      .join('');
  const content = textOf('text', 'text');
  const reasoning = textOf('thinking', 'thinking');
  const calls = blocks
    .filter((block) => block['type'] === 'tool_use')
    .map((block) => ({
      id: stringAt(block, 'id'),
      type: 'function',
      function: {
        name: stringAt(block, 'name'),
        arguments: JSON.stringify(objectAt(block, 'input')),
      },
    }));
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** `createdAtS`: Unix seconds, which the Messages API does not tell. */
function toChatCompletion(
  answer: JsonObject,
  usage: TokenUsage | null,
  createdAtS: number,
): JsonObject {
  return {
    id: stringAt(answer, 'id'),
    object: 'chat.completion',
    created: createdAtS,
    model: stringAt(answer, 'model'),
    choices: [
      {
        index: 0,
        message: messageOf(objectsAt(answer, 'content')),
        logprobs: null,
        finish_reason: finishReason(answer['stop_reason']),
      },
    ],
    ...(usage ? { usage: toOpenAiUsage(usage) } : {}),
  };
}

/** Holds the answer until its end, because no part of it can be said in the other format before. */
export class AnthropicJsonReader implements AnswerReader {
  readonly #createdAtS: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isComplete = false;
  #answer: JsonObject | null = null;

  constructor(createdAtS: number) {
    this.#createdAtS = createdAtS;
  }

  push(chunk: Buffer): Buffer {
    this.#bytes += chunk.length;
    if (this.#bytes <= MAX_ANSWER_BYTES) this.#chunks.push(chunk);
    return EMPTY;
  }

  end(): Buffer {
    this.#isComplete = true;
    this.#answer = parseJsonObject(this.#text());
    if (this.#answer?.['type'] !== 'message') {
      const message = 'the backend answered with something that is no message of its API';
      return Buffer.from(errorDocument({ message, type: 'server_error', code: 'backend_error' }));
    }
    return Buffer.from(
      JSON.stringify(toChatCompletion(this.#answer, this.usage(), this.#createdAtS)),
    );
  }

  usage(): TokenUsage | null {
    return this.#answer && readAnthropicUsage(this.#answer['usage']);
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  /** While the answer is in pieces, its raw text: counting the JSON syntax too errs on the side of the bill. */
  outputText(): string {
    if (!this.#answer) return this.#text();
    const message = messageOf(objectsAt(this.#answer, 'content'));
    const calls = objectsAt(message, 'tool_calls').map((call) => objectAt(call, 'function'));
    return [
      stringAt(message, 'reasoning_content'),
      stringAt(message, 'content'),
      ...calls.map((call) => stringAt(call, 'name') + stringAt(call, 'arguments')),
    ].join('');
  }

  streamError(message: string, code: string): Buffer {
    return errorEvent(message, code);
  }

  #text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
