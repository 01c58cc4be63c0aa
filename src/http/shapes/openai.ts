/** Bodies of OpenAI's chat, completions and embeddings routes. */
import type { JsonObject, RequestFeatures } from '../../core/request.ts';
import {
  invalid,
  isObject,
  readFlag,
  readMessages,
  readOutputLimit,
  readWhole,
} from '../body-fields.ts';
import type { Shaped } from './shape.ts';

const MAX_CHOICES = 128;

const NO_MAXIMUM = { maxOutputTokens: null, maxOutputField: null } as const;

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

function checkInput(body: JsonObject, field: 'prompt' | 'input'): void {
  if (!isTextOrTokens(body[field])) {
    throw invalid(`\`${field}\` must be a string, an array of strings, or token ids.`, field);
  }
}

function featuresOf(body: JsonObject, messages: readonly JsonObject[]): RequestFeatures {
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

/** `stream`, and whether the client asked for a usage chunk at its end. */
function streamOf(body: JsonObject): Pick<Shaped, 'stream' | 'wantsUsageChunk'> {
  const stream = readFlag(body, 'stream');
  const options = body['stream_options'];
  if (options !== undefined && options !== null && !isObject(options)) {
    throw invalid('`stream_options` must be an object.', 'stream_options');
  }
  return { stream, wantsUsageChunk: isObject(options) && options['include_usage'] === true };
}

function choicesOf(body: JsonObject): number {
  return readWhole(body, 'n', MAX_CHOICES) ?? 1;
}

function chatMaximum(body: JsonObject): Pick<Shaped, 'maxOutputTokens' | 'maxOutputField'> {
  const current = readOutputLimit(body, 'max_completion_tokens');
  const older = readOutputLimit(body, 'max_tokens');
  // OpenAI refuses both together, other backends obey the one or the other: a hold for the smaller could be too small.
  if (current !== null && older !== null && current !== older) {
    throw invalid(
      '`max_tokens` and `max_completion_tokens` differ, and backends do not agree which one counts. Send one of them.',
      'max_tokens',
    );
  }
  if (current !== null)
    return { maxOutputTokens: current, maxOutputField: 'max_completion_tokens' };
  return older === null ? NO_MAXIMUM : { maxOutputTokens: older, maxOutputField: 'max_tokens' };
}

export function readChat(body: JsonObject): Shaped {
  const messages = readMessages(body);
  return {
    ...streamOf(body),
    ...chatMaximum(body),
    choices: choicesOf(body),
    features: featuresOf(body, messages),
  };
}

export function readCompletion(body: JsonObject): Shaped {
  checkInput(body, 'prompt');
  // OpenAI's own default for the legacy route is 16 tokens; it is not assumed, since other backends differ.
  const maximum = readOutputLimit(body, 'max_tokens');
  const { prompt } = body;
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1;
  const bestOf = readWhole(body, 'best_of', MAX_CHOICES) ?? 1;
  return {
    ...streamOf(body),
    ...(maximum === null
      ? NO_MAXIMUM
      : { maxOutputTokens: maximum, maxOutputField: 'max_tokens' as const }),
    choices: Math.max(choicesOf(body), bestOf) * prompts,
    features: featuresOf(body, []),
  };
}

export function readEmbedding(body: JsonObject): Shaped {
  checkInput(body, 'input');
  return {
    ...streamOf({ ...body, stream: false }),
    ...NO_MAXIMUM,
    choices: choicesOf(body),
    features: featuresOf(body, []),
  };
}
