/** Bodies of `POST /v1/responses`, in the format of OpenAI's Responses API. */
import type { JsonObject } from '../../core/request.ts';
import { invalid, isObject, readFlag, readOutputLimit } from '../body-fields.ts';
import type { Shaped } from './shape.ts';

function hasImage(item: unknown): boolean {
  if (!isObject(item)) return false;
  const { type, content } = item;
  return type === 'input_image' || (Array.isArray(content) && content.some(hasImage));
}

export function readResponsesRequest(body: JsonObject): Shaped {
  const { input, tools, text } = body;
  if (typeof input !== 'string' && !(Array.isArray(input) && input.length > 0)) {
    throw invalid('`input` must be a string or an array with at least one item.', 'input');
  }
  const maximum = readOutputLimit(body, 'max_output_tokens');
  const format = isObject(text) ? text['format'] : undefined;
  return {
    stream: readFlag(body, 'stream'),
    wantsUsageChunk: true,
    maxOutputTokens: maximum,
    maxOutputField: maximum === null ? null : 'max_output_tokens',
    choices: 1,
    features: {
      vision: Array.isArray(input) && input.some(hasImage),
      tools: Array.isArray(tools) && tools.length > 0,
      jsonMode: isObject(format) && format['type'] !== 'text',
    },
  };
}
