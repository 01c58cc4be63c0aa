/** Bytes to `ModelRequest`, or a 400 that names the field. Unknown fields are left alone: they are the backend's to judge. */
import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import type { ModelRoute } from '../core/policy.ts';
import type { JsonObject, ModelRequest, RequestFeatures } from '../core/request.ts';

const MAX_MODEL_NAME = 256;
const MAX_CHOICES = 128;
const MAX_OUTPUT_TOKENS = 10_000_000;
/** Deeper bodies are refused: recursive readers downstream would otherwise be at the mercy of the client. */
const MAX_DEPTH = 64;
/** One for all requests: to make one costs more than to decode a short body. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string, param?: string): GatewayError {
  return new GatewayError('invalid_request_error', message, param === undefined ? {} : { param });
}

/** Parses a body as a JSON object. Throws a 400 that says what is wrong with it. */
export function parseJsonObject(raw: Buffer): JsonObject {
  if (raw.length === 0) throw invalid('The request has no body; send a JSON object.');
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(raw));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'it is not valid UTF-8';
    throw invalid(
      `The body is not valid JSON: ${reason}. Send a JSON object with content-type application/json.`,
    );
  }
  if (!isObject(value)) throw invalid('The body must be a JSON object.');
  if (isDeeperThan(value, MAX_DEPTH))
    throw invalid(`The body is nested deeper than ${MAX_DEPTH} levels.`);
  return value;
}

/** Walks without recursion, so that a hostile depth costs memory in proportion to the body only. */
function isDeeperThan(root: object, limit: number): boolean {
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    const next: object[] = [];
    for (const node of level) {
      for (const child of Object.values(node))
        if (typeof child === 'object' && child !== null) next.push(child as object);
    }
    level = next;
  }
  return false;
}

function readModel(body: JsonObject): string {
  const model = body['model'];
  if (typeof model !== 'string' || model.length === 0) {
    throw invalid(
      '`model` must be the name of a model, as a non-empty string. GET /v1/models lists the names.',
      'model',
    );
  }
  if (model.length > MAX_MODEL_NAME)
    throw invalid(`\`model\` is longer than ${MAX_MODEL_NAME} characters.`, 'model');
  return model;
}

function readWhole(body: JsonObject, field: string, most: number): number | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(`\`${field}\` must be a whole number from 1 to ${most}.`, field);
  }
  return value;
}

function readFlag(body: JsonObject, field: string): boolean {
  const value = body[field];
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw invalid(`\`${field}\` must be true or false.`, field);
  return value;
}

function checkMessages(body: JsonObject): readonly JsonObject[] {
  const messages = body['messages'];
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('`messages` must be an array with at least one message.', 'messages');
  }
  messages.forEach((message: unknown, index) => {
    if (!isObject(message))
      throw invalid(`\`messages[${index}]\` must be an object.`, `messages[${index}]`);
    if (typeof message['role'] !== 'string') {
      throw invalid(
        `\`messages[${index}].role\` must be a string such as "user".`,
        `messages[${index}].role`,
      );
    }
    const content = message['content'];
    const isContent =
      content === undefined ||
      content === null ||
      typeof content === 'string' ||
      Array.isArray(content);
    if (!isContent) {
      throw invalid(
        `\`messages[${index}].content\` must be a string or an array of parts.`,
        `messages[${index}].content`,
      );
    }
  });
  return messages as readonly JsonObject[];
}

function isTokens(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isInteger);
}

function isTextOrTokens(value: unknown): boolean {
  if (typeof value === 'string') return true;
  if (!Array.isArray(value) || value.length === 0) return false;
  return (
    value.every((item) => typeof item === 'string') || isTokens(value) || value.every(isTokens)
  );
}

/** Checks that each route's own field is there and has its shape. */
function checkInput(route: ModelRoute, body: JsonObject): readonly JsonObject[] {
  if (route === 'chat') return checkMessages(body);
  const field = route === 'completions' ? 'prompt' : 'input';
  if (!isTextOrTokens(body[field])) {
    throw invalid(`\`${field}\` must be a string, an array of strings, or token ids.`, field);
  }
  return [];
}

function readFeatures(body: JsonObject, messages: readonly JsonObject[]): RequestFeatures {
  const tools = body['tools'];
  const format = body['response_format'];
  return {
    vision: messages.some(
      ({ content }) =>
        Array.isArray(content) &&
        content.some((part) => isObject(part) && part['type'] === 'image_url'),
    ),
    tools: Array.isArray(tools) && tools.length > 0,
    jsonMode:
      isObject(format) && (format['type'] === 'json_object' || format['type'] === 'json_schema'),
  };
}

function readMaximum(
  route: ModelRoute,
  body: JsonObject,
): Pick<ModelRequest, 'maxOutputTokens' | 'maxOutputField'> {
  if (route === 'embeddings') return { maxOutputTokens: null, maxOutputField: null };
  const current = readWhole(body, 'max_completion_tokens', MAX_OUTPUT_TOKENS);
  const older = readWhole(body, 'max_tokens', MAX_OUTPUT_TOKENS);
  // OpenAI refuses both together, other backends obey the one or the other: a hold for the smaller could be too small.
  if (current !== null && older !== null && current !== older && route === 'chat') {
    throw invalid(
      '`max_tokens` and `max_completion_tokens` differ, and backends do not agree which one counts. Send one of them.',
      'max_tokens',
    );
  }
  if (current !== null && route === 'chat')
    return { maxOutputTokens: current, maxOutputField: 'max_completion_tokens' };
  // OpenAI's own default for the legacy route is 16 tokens; it is not assumed, since other backends differ.
  return { maxOutputTokens: older, maxOutputField: older === null ? null : 'max_tokens' };
}

/** True when the client forbids every other model than the one it asks for: `X-Nexus-Strict: true`. */
export function isStrict(headers: IncomingHttpHeaders): boolean {
  return headers['x-nexus-strict']?.toString().toLowerCase() === 'true';
}

export interface ReadOptions {
  readonly id: string;
  readonly route: ModelRoute;
  readonly rawBody: Buffer;
  readonly strict: boolean;
  readonly receivedAtMs: number;
}

/** Reads a request. Throws `GatewayError` (400) that names the field and says what is expected. */
export function readModelRequest({
  id,
  route,
  rawBody,
  strict,
  receivedAtMs,
}: ReadOptions): ModelRequest {
  const body = parseJsonObject(rawBody);
  const model = readModel(body);
  const messages = checkInput(route, body);
  const stream = route === 'embeddings' ? false : readFlag(body, 'stream');
  const streamOptions = body['stream_options'];
  if (streamOptions !== undefined && streamOptions !== null && !isObject(streamOptions)) {
    throw invalid('`stream_options` must be an object.', 'stream_options');
  }
  const n = readWhole(body, 'n', MAX_CHOICES) ?? 1;
  const bestOf = route === 'completions' ? (readWhole(body, 'best_of', MAX_CHOICES) ?? 1) : 1;
  const prompts =
    route === 'completions' &&
    Array.isArray(body['prompt']) &&
    typeof body['prompt'][0] !== 'number'
      ? body['prompt'].length
      : 1;
  return {
    id,
    route,
    model,
    body,
    rawBody,
    stream,
    wantsUsageChunk: isObject(streamOptions) && streamOptions['include_usage'] === true,
    ...readMaximum(route, body),
    choices: Math.max(n, bestOf) * prompts,
    features: readFeatures(body, messages),
    strict,
    receivedAtMs,
  };
}
