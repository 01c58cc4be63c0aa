/**
 * Reads the body of OpenAI's `/v1/responses`: `instructions`, `input` as a text or as items, flat tools, and what the
 * request only names because the provider has stored it.
 */
import type { JsonObject } from '../core/request.ts';
import { base64Bytes } from './file-tokens.ts';
import { isObject, jsonText, stringOf } from './prompt.ts';
import {
  addInstructions,
  addMessages,
  addResponseFormat,
  addUserText,
} from './read-chat-prompt.ts';
import { addContent, addSealed, type Reading } from './read-content.ts';
import { addToolCall, addTools } from './tool-tokens.ts';

/**
 * An earlier answer, conversation or prompt that the provider keeps: it is billed as input and is nowhere in the request. At
 * most what the largest context takes (GPT-5: 272,000 tokens of input).
 */
const STORED_INPUT = { tokens: 10_000, bound: 272_000 };
/** An item that is named by its id: an answer of usual length, or a long one. */
const STORED_ITEM = { tokens: 1000, bound: 32_768 };
/**
 * OpenAI's own examples of this route bill up to 64 tokens more than its rule for chats gives (81 for a question of 10 to
 * o3-mini), and with a tool up to 200 more.
 */
const ROUTE_DOUBT = { request: 80, tools: 224 };
const STORED_FIELDS = ['previous_response_id', 'conversation', 'prompt'];

/** What a tool gave back: a text, content parts, or one part (a screenshot). */
function addOutput(reading: Reading, item: JsonObject): void {
  const output = item['output'];
  reading.prompt.addDoubtful(item['call_id']);
  addContent(reading, isObject(output) ? [output] : output);
}

function addReasoning(reading: Reading, item: JsonObject): void {
  const { prompt } = reading;
  const sealed = stringOf(item['encrypted_content']);
  // The sealed form is the whole of it; the summary is what people see of the same.
  if (sealed !== null) return addSealed(prompt, sealed);
  addContent(reading, item['content'] ?? item['summary']);
}

function addItem(reading: Reading, item: unknown): void {
  const { prompt } = reading;
  if (typeof item === 'string') return addUserText(reading, item);
  if (!isObject(item)) return prompt.addText(jsonText(item));
  switch (item['type']) {
    case undefined:
    case 'message': {
      const { type: _type, id: _id, status: _status, ...message } = item;
      return addMessages(reading, [message]);
    }
    case 'function_call':
    case 'custom_tool_call':
    case 'mcp_call':
      prompt.addDoubtful(item['call_id']);
      addToolCall(prompt, item['name'], item['arguments'] ?? item['input']);
      return item['output'] === undefined ? undefined : addOutput(reading, item);
    case 'function_call_output':
    case 'custom_tool_call_output':
    case 'computer_call_output':
    case 'local_shell_call_output':
    case 'shell_call_output':
    case 'apply_patch_call_output':
      return addOutput(reading, item);
    case 'reasoning':
    case 'compaction':
      return addReasoning(reading, item);
    case 'item_reference':
      return prompt.addMedia(STORED_ITEM);
    case 'image_generation_call': {
      const bytes = base64Bytes(stringOf(item['result']) ?? '');
      return bytes === 0
        ? prompt.addMedia(STORED_ITEM)
        : addContent(reading, [
            { type: 'input_image', image_url: `data:image/png;base64,${String(item['result'])}` },
          ]);
    }
    case 'additional_tools':
    case 'tool_search_output':
      return addTools(reading, item['tools'], undefined);
    default:
      return prompt.addText(jsonText(item));
  }
}

export function addResponsesBody(reading: Reading, body: JsonObject): void {
  const { prompt } = reading;
  addInstructions(reading, body['instructions']);
  const { input, text, tools, tool_choice: choice } = body;
  if (Array.isArray(input)) for (const item of input as readonly unknown[]) addItem(reading, item);
  else if (input !== undefined && input !== null) addItem(reading, input);
  addTools(reading, tools, choice);
  prompt.doubtfulOverhead += ROUTE_DOUBT.request;
  if (Array.isArray(tools) && tools.length > 0) prompt.doubtfulOverhead += ROUTE_DOUBT.tools;
  if (isObject(text)) addResponseFormat(prompt, text['format']);
  if (isObject(choice)) prompt.addDoubtful(choice);
  for (const field of STORED_FIELDS)
    if (body[field] !== undefined && body[field] !== null) prompt.addMedia(STORED_INPUT);
}
