/** Simulated answers in the OpenAI wire format. */
import type { JsonObject } from '../../core/request.ts';
import type { SimulatedAnswer } from './answers.ts';

/** What every answer and chunk of one request carries. */
export interface Envelope {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: 'simulated';
}

export function usageDocument(input: number, output: number): JsonObject {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}

function messageOf({ tokens, call }: SimulatedAnswer): JsonObject {
  if (!call) return { role: 'assistant', content: tokens.join(''), refusal: null };
  const called = { name: call.name, arguments: call.arguments };
  return {
    role: 'assistant',
    content: null,
    refusal: null,
    tool_calls: [{ id: call.id, type: 'function', function: called }],
  };
}

export function chatDocument(
  envelope: Envelope,
  answers: readonly SimulatedAnswer[],
  usage: JsonObject,
): JsonObject {
  const choices = answers.map((answer, index) => ({
    index,
    message: messageOf(answer),
    logprobs: null,
    finish_reason: answer.finishReason,
  }));
  return { ...envelope, object: 'chat.completion', choices, usage };
}

export function completionDocument(
  envelope: Envelope,
  answers: readonly SimulatedAnswer[],
  usage: JsonObject,
): JsonObject {
  const choices = answers.map((answer, index) => ({
    index,
    text: answer.tokens.join(''),
    logprobs: null,
    finish_reason: answer.finishReason,
  }));
  return { ...envelope, object: 'text_completion', choices, usage };
}

interface ChunkChoice {
  readonly index: number;
  readonly delta: JsonObject;
  readonly text: string;
  readonly finish_reason: string | null;
}

/** Deltas of one answer: for chat a role first, then one for each token, then the reason of the end. */
function* chunkChoices(answer: SimulatedAnswer, index: number): Generator<ChunkChoice> {
  const { call, tokens } = answer;
  const first = call
    ? {
        role: 'assistant',
        content: null,
        tool_calls: [
          { index: 0, id: call.id, type: 'function', function: { name: call.name, arguments: '' } },
        ],
      }
    : { role: 'assistant', content: '', refusal: null };
  yield { index, delta: first, text: '', finish_reason: null };
  for (const token of tokens) {
    const delta = call
      ? { tool_calls: [{ index: 0, function: { arguments: token } }] }
      : { content: token };
    yield { index, delta, text: token, finish_reason: null };
  }
  yield { index, delta: {}, text: '', finish_reason: answer.finishReason };
}

export interface StreamOptions {
  readonly isChat: boolean;
  readonly includeUsage: boolean;
  readonly usage: JsonObject;
}

/** The events of a stream, its end marker included. With usage asked for, every other chunk says `"usage":null`. */
export function* streamEvents(
  envelope: Envelope,
  answers: readonly SimulatedAnswer[],
  { isChat, includeUsage, usage }: StreamOptions,
): Generator<string> {
  const object = isChat ? 'chat.completion.chunk' : 'text_completion';
  const none = includeUsage ? { usage: null } : {};
  for (const [index, answer] of answers.entries()) {
    for (const { delta, text, finish_reason: finishReason } of chunkChoices(answer, index)) {
      const said = isChat ? { delta } : { text };
      const choice = { index, ...said, logprobs: null, finish_reason: finishReason };
      yield event({ ...envelope, object, choices: [choice], ...none });
    }
  }
  if (includeUsage) yield event({ ...envelope, object, choices: [], usage });
  yield 'data: [DONE]\n\n';
}

function event(document: JsonObject): string {
  return `data: ${JSON.stringify(document)}\n\n`;
}

/** The official SDKs ask for base64 when the caller names no format. */
export function embeddingsDocument(
  model: string,
  vectors: readonly Float32Array[],
  format: unknown,
  inputTokens: number,
): JsonObject {
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: format === 'base64' ? base64Of(vector) : Array.from(vector),
  }));
  const usage = { prompt_tokens: inputTokens, total_tokens: inputTokens };
  return { object: 'list', data, model, usage };
}

function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

export function modelsDocument(backend: string, models: readonly string[]): JsonObject {
  const data = models.map((id) => ({
    id,
    object: 'model',
    created: 0,
    owned_by: `simulated:${backend}`,
    context_length: 128_000,
    capabilities: { vision: true, function_calling: true },
  }));
  return { object: 'list', data };
}

export function errorDocumentOf(message: string, type: string, code: string): JsonObject {
  return { error: { message, type, param: null, code } };
}
