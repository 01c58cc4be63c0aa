/** Bodies of `POST /v1/messages`, in the format of the Anthropic Messages API. */
import type { JsonObject, RequestFeatures } from '../../core/request.ts';
import { invalid, isObject, readFlag, readMessages, readOutputLimit } from '../body-fields.ts';
import type { Shaped } from './shape.ts';

/** True when a block, or a block inside a tool's result, is an image. */
function hasImage(content: unknown): boolean {
  return (
    Array.isArray(content) &&
    content.some(
      (block) => isObject(block) && (block['type'] === 'image' || hasImage(block['content'])),
    )
  );
}

function featuresOf(body: JsonObject, messages: readonly JsonObject[]): RequestFeatures {
  const { tools } = body;
  return {
    vision: messages.some(({ content }) => hasImage(content)),
    tools: Array.isArray(tools) && tools.length > 0,
    jsonMode: false,
  };
}

export function readMessagesRequest(body: JsonObject): Shaped {
  const messages = readMessages(body);
  const maximum = readOutputLimit(body, 'max_tokens');
  if (maximum === null) {
    throw invalid('`max_tokens` is missing; the Messages API asks for it.', 'max_tokens');
  }
  return {
    stream: readFlag(body, 'stream'),
    wantsUsageChunk: true,
    maxOutputTokens: maximum,
    maxOutputField: 'max_tokens',
    choices: 1,
    features: featuresOf(body, messages),
  };
}

/** A request that is only counted: the same without an answer, and so without a maximum. */
export function readCountedMessages(body: JsonObject): Shaped {
  return {
    stream: false,
    wantsUsageChunk: false,
    maxOutputTokens: null,
    maxOutputField: null,
    choices: 1,
    features: featuresOf(body, readMessages(body)),
  };
}
