/**
 * Reads chats: the messages of every route, and the body of `/v1/chat/completions`.
 *
 * Message overhead is OpenAI's rule (cookbook "How to count tokens with tiktoken", section 6): 3 tokens for a message,
 * the role, 1 more for a name, 3 that prime the reply. Its example gives the API's own 129 (gpt-4) and 124 (gpt-4o).
 */
import type { JsonObject } from '../core/request.ts';
import { isObject, jsonText, type Prompt } from './prompt.ts';
import { addContent, type Reading } from './read-content.ts';
import { addToolCall, addTools } from './tool-tokens.ts';

const MESSAGE_OVERHEAD = 3;
const NAME_OVERHEAD = 1;
const REPLY_PRIMING = 3;
/** One token each in both encodings, so that no tokenizer is asked. */
const ONE_TOKEN_ROLES = new Set([
  'system',
  'user',
  'assistant',
  'tool',
  'developer',
  'function',
  'model',
]);
/** Frame of a schema in `response_format`; the vendor states none. */
const RESPONSE_FORMAT = { overhead: 10, doubt: 32 };
/** An earlier spoken answer that is named by its id: a few seconds, at most what one answer can have. */
const EARLIER_AUDIO = { tokens: 1000, bound: 16_384 };

function addCalls(prompt: Prompt, calls: unknown): void {
  if (!Array.isArray(calls)) return prompt.addText(jsonText(calls));
  for (const call of calls as readonly unknown[]) {
    const made = isObject(call) ? call['function'] : undefined;
    if (isObject(made)) addToolCall(prompt, made['name'], made['arguments']);
    else prompt.addText(jsonText(call));
    if (isObject(call)) prompt.addDoubtful(call['id']);
  }
}

function addMessageField(reading: Reading, key: string, value: unknown): void {
  const { prompt } = reading;
  if (value === undefined || value === null) return;
  switch (key) {
    case 'role':
      if (typeof value === 'string' && ONE_TOKEN_ROLES.has(value)) prompt.overhead += 1;
      else prompt.addText(typeof value === 'string' ? value : jsonText(value));
      return;
    case 'content':
      return addContent(reading, value);
    case 'name':
      prompt.overhead += NAME_OVERHEAD;
      return prompt.addText(typeof value === 'string' ? value : jsonText(value));
    case 'tool_calls':
      return addCalls(prompt, value);
    case 'function_call':
      return isObject(value)
        ? addToolCall(prompt, value['name'], value['arguments'])
        : prompt.addText(jsonText(value));
    case 'refusal':
      return prompt.addText(typeof value === 'string' ? value : jsonText(value));
    case 'audio':
      prompt.hasAudio = true;
      return prompt.addMedia(EARLIER_AUDIO);
    case 'cache_control':
      prompt.canWriteCache = true;
      return;
    default:
      // `tool_call_id`, `reasoning_content` and whatever comes next: some providers show it to the model.
      return prompt.addDoubtful(value);
  }
}

/** Adds messages: their frames, roles, names, contents and calls. */
export function addMessages(reading: Reading, messages: unknown): void {
  const { prompt } = reading;
  if (!Array.isArray(messages)) return addContent(reading, messages);
  for (const message of messages as readonly unknown[]) {
    prompt.overhead += MESSAGE_OVERHEAD;
    if (!isObject(message)) addContent(reading, message);
    else for (const key of Object.keys(message)) addMessageField(reading, key, message[key]);
  }
}

/** Adds the schema that an answer must follow: `response_format`, `text.format` or `output_config.format`. */
export function addResponseFormat(prompt: Prompt, format: unknown): void {
  if (!isObject(format)) return;
  prompt.doubtfulOverhead += RESPONSE_FORMAT.doubt;
  const schema = format['json_schema'] ?? format['schema'];
  if (schema === undefined) return;
  prompt.overhead += RESPONSE_FORMAT.overhead;
  prompt.addText(jsonText(schema));
}

/** Adds what primes the reply, and the instructions that stand apart from the messages: a message of their own. */
export function addInstructions(reading: Reading, instructions: unknown): void {
  const { prompt } = reading;
  prompt.overhead += REPLY_PRIMING;
  if (instructions === undefined || instructions === null) return;
  prompt.overhead += MESSAGE_OVERHEAD + 1;
  addContent(reading, instructions);
}

/** Adds a text that stands for one message of the user. */
export function addUserText({ prompt }: Reading, text: string): void {
  prompt.overhead += MESSAGE_OVERHEAD + 1;
  prompt.addText(text);
}

/** Reads the body of `/v1/chat/completions`. */
export function addChat(reading: Reading, body: JsonObject): void {
  const { prompt } = reading;
  addInstructions(reading, body['system']);
  addMessages(reading, body['messages']);
  addTools(reading, body['tools'], body['tool_choice']);
  addTools(reading, body['functions'], undefined);
  addResponseFormat(prompt, body['response_format']);
  if (isObject(body['tool_choice'])) prompt.addDoubtful(body['tool_choice']);
  if (isObject(body['function_call'])) prompt.addDoubtful(body['function_call']);
  if (body['cache_control'] !== undefined) prompt.canWriteCache = true;
  const modalities = body['modalities'];
  if (body['audio'] !== undefined || (Array.isArray(modalities) && modalities.includes('audio')))
    prompt.hasAudio = true;
}
