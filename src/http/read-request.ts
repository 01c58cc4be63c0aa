/** Bytes to `ModelRequest`, or a 400 that names the field. Unknown fields are left alone: they are the backend's to judge. */
import type { IncomingHttpHeaders } from 'node:http';
import type { ModelRoute } from '../core/policy.ts';
import type { JsonObject, ModelRequest } from '../core/request.ts';
import { invalid, isObject } from './body-fields.ts';
import { readCountedMessages, readMessagesRequest } from './shapes/messages.ts';
import { readChat, readCompletion, readEmbedding } from './shapes/openai.ts';
import { readResponsesRequest } from './shapes/responses.ts';
import type { Shape } from './shapes/shape.ts';

const MAX_MODEL_NAME = 256;
/** Deeper bodies are refused: recursive readers downstream would otherwise be at the mercy of the client. */
const MAX_DEPTH = 64;
/** One for all requests: to make one costs more than to decode a short body. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

const SHAPES: Readonly<Record<ModelRoute, Shape>> = {
  chat: readChat,
  completions: readCompletion,
  embeddings: readEmbedding,
  messages: readMessagesRequest,
  responses: readResponsesRequest,
};

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

function readShaped(options: ReadOptions, shape: Shape): ModelRequest {
  const body = parseJsonObject(options.rawBody);
  const model = readModel(body);
  return { ...options, model, body, ...shape(body) };
}

/** Reads a request. Throws `GatewayError` (400) that names the field and says what is expected. */
export function readModelRequest(options: ReadOptions): ModelRequest {
  return readShaped(options, SHAPES[options.route]);
}

/** Reads a request of the Messages API whose tokens are to be counted. Throws `GatewayError` (400) like the other. */
export function readCountRequest(options: Omit<ReadOptions, 'route'>): ModelRequest {
  return readShaped({ ...options, route: 'messages' }, readCountedMessages);
}
