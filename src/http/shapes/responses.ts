/** Bodies of `POST /v1/responses`, in the format of OpenAI's Responses API. */
import type { JsonObject } from '../../core/request.ts';
import { invalid, isObject, readFlag, readOutputLimit } from '../body-fields.ts';
import type { Shaped } from './shape.ts';

/** Where the input can come from when the request has none of its own. */
const STORED_INPUT = ['previous_response_id', 'conversation', 'prompt'] as const;

function hasImage(item: unknown): boolean {
  if (!isObject(item)) return false;
  const { type, content, output } = item;
  return (
    type === 'input_image' ||
    (Array.isArray(content) && content.some(hasImage)) ||
    (Array.isArray(output) && output.some(hasImage))
  );
}

function checkInput(body: JsonObject): void {
  const { input } = body;
  const isStored = STORED_INPUT.some((field) => body[field] !== undefined && body[field] !== null);
  if (input === undefined && isStored) return;
  if (typeof input === 'string') return;
  if (!Array.isArray(input) || (input.length === 0 && !isStored)) {
    throw invalid('`input` must be a string or an array with at least one item.', 'input');
  }
  input.forEach((item: unknown, index) => {
    if (!isObject(item)) {
      throw invalid(
        `\`input[${index}]\` must be an object, such as {"role": "user", "content": "Hello"}.`,
        `input[${index}]`,
      );
    }
  });
}

export function readResponsesRequest(body: JsonObject): Shaped {
  checkInput(body);
  if (readFlag(body, 'background')) {
    throw invalid(
      '`background` must be false: the answer would come later and past the gateway, which could not meter it. Leave it out, and stream the answer if it takes long.',
      'background',
    );
  }
  const { input, tools, text } = body;
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
      jsonMode: isObject(format) && format['type'] !== undefined && format['type'] !== 'text',
    },
  };
}
