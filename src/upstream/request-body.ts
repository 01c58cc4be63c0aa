/** The body that goes out: the client's own bytes where nothing had to change. */
import type { JsonObject } from '../core/request.ts';
import type { UpstreamAttempt } from '../core/upstream.ts';
import { isJsonObject } from './json-values.ts';

/** OpenAI's reasoning models refuse `max_tokens`; the name may carry a vendor or a fine-tune in front. */
const TAKES_MAX_COMPLETION_TOKENS = /(?:^|[/:])(?:o\d|gpt-(?:[5-9]|\d\d))/;

/** True when `stream_options.include_usage` must be added, and what it causes taken out of the answer again. */
export function injectsUsage({ request }: Pick<UpstreamAttempt, 'request'>): boolean {
  return request.stream && request.route !== 'embeddings' && !request.wantsUsageChunk;
}

function withMaximum(body: JsonObject, attempt: UpstreamAttempt, maximum: number): JsonObject {
  const { request, model } = attempt;
  if (request.route === 'responses') return { ...body, max_output_tokens: maximum };
  const fields = ['max_tokens', 'max_completion_tokens'].filter(
    (field) => typeof body[field] === 'number' || field === request.maxOutputField,
  );
  // Each field that the client used is lowered: which of two a backend obeys is its own affair.
  if (fields.length === 0) {
    const isNewName = request.route === 'chat' && TAKES_MAX_COMPLETION_TOKENS.test(model);
    fields.push(isNewName ? 'max_completion_tokens' : 'max_tokens');
  }
  return { ...body, ...Object.fromEntries(fields.map((field) => [field, maximum])) };
}

/**
 * Bytes of an attempt for a backend of the client's dialect. Only `model`, the maximum of output tokens and
 * `stream_options.include_usage` can differ from what the client sent; without a difference these are its very bytes.
 */
export function bodyFor(attempt: UpstreamAttempt): Buffer {
  const { request } = attempt;
  let body: JsonObject = request.body;
  if (body['model'] !== attempt.model) body = { ...body, model: attempt.model };
  if (attempt.maxOutputTokens !== null && request.route !== 'embeddings') {
    body = withMaximum(body, attempt, attempt.maxOutputTokens);
  }
  if (injectsUsage(attempt)) {
    const options = isJsonObject(body['stream_options']) ? body['stream_options'] : {};
    body = { ...body, stream_options: { ...options, include_usage: true } };
  }
  return body === request.body ? request.rawBody : Buffer.from(JSON.stringify(body));
}
