/**
 * Reads what a model will see from a request body. Bodies come from clients and are checked nowhere before, so every
 * field may be anything: what is not understood costs its JSON text.
 *
 * Message overhead is OpenAI's rule (cookbook "How to count tokens with tiktoken", section 6): 3 tokens for a message,
 * the role, 1 more for a name, 3 that prime the reply. Its example gives the API's own 129 (gpt-4) and 124 (gpt-4o).
 */
import type { JsonObject, ModelRequest } from '../core/request.ts';
import { audioTokens, base64Bytes, fileTokens } from './file-tokens.ts';
import { imageSizeOf } from './image-size.ts';
import { imageTokens } from './image-tokens.ts';
import { isObject, jsonText, Prompt, stringOf } from './prompt.ts';
import { serverToolsOf } from './server-tools.ts';
import { askedService } from './service-rates.ts';
import { tokenizerOf, type Tokenizer } from './tokenizers.ts';
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
/** Content inside tool results inside content; deeper nesting costs its JSON text. */
const CONTENT_DEPTH = 4;

interface Reading {
  readonly prompt: Prompt;
  readonly tokenizer: Tokenizer;
  readonly model: string;
}

function dataOf(url: string): string | null {
  const comma = url.startsWith('data:') ? url.indexOf(',') : -1;
  return comma < 0 ? null : url.slice(comma + 1);
}

/** The bytes of an image or document as base64, in OpenAI's (`url`) or Anthropic's (`source`) form; null when remote. */
function inlineData(holder: unknown): string | null {
  if (typeof holder === 'string') return dataOf(holder);
  if (!isObject(holder)) return null;
  return stringOf(holder['data']) ?? dataOf(stringOf(holder['url']) ?? '');
}

function addImage({ prompt, tokenizer, model }: Reading, part: JsonObject): void {
  const holder = part['image_url'] ?? part['source'];
  const data = inlineData(holder);
  const detail = stringOf(part['detail']) ?? (isObject(holder) ? stringOf(holder['detail']) : null);
  const size = data === null ? null : imageSizeOf(data);
  prompt.addMedia(imageTokens(tokenizer.family, model, { size, detail }));
  prompt.hasImages = true;
}

function addAudio({ prompt, tokenizer }: Reading, part: JsonObject): void {
  const audio = isObject(part['input_audio']) ? part['input_audio'] : part;
  const bytes = base64Bytes(stringOf(audio['data']) ?? '');
  prompt.addMedia(audioTokens(tokenizer.family, bytes, stringOf(audio['format'])));
  prompt.hasAudio = true;
}

function addFile({ prompt }: Reading, part: JsonObject): void {
  const file = isObject(part['file']) ? part['file'] : part;
  const source = file['source'];
  if (isObject(source) && source['type'] === 'text')
    return prompt.addText(stringOf(source['data']) ?? '');
  const text = stringOf(file['file_data']);
  const data = text === null ? inlineData(source) : (dataOf(text) ?? text);
  prompt.hasImages = true;
  prompt.addMedia(fileTokens(data === null ? null : base64Bytes(data)));
}

function addPart(reading: Reading, part: unknown, depth: number): void {
  const { prompt } = reading;
  if (typeof part === 'string') return prompt.addText(part);
  if (!isObject(part)) return prompt.addText(jsonText(part));
  if (part['cache_control'] !== undefined) prompt.canWriteCache = true;
  const text = stringOf(part['text']) ?? stringOf(part['refusal']) ?? stringOf(part['thinking']);
  if (text !== null) return prompt.addText(text);
  switch (part['type']) {
    case 'image_url':
    case 'input_image':
    case 'image':
      return addImage(reading, part);
    case 'input_audio':
      return addAudio(reading, part);
    case 'file':
    case 'input_file':
    case 'document':
    case 'video_url':
      return addFile(reading, part);
    case 'tool_use':
      return addToolCall(prompt, part['name'], part['input']);
    case 'tool_result':
      prompt.addDoubtful(part['tool_use_id']);
      return addContent(reading, part['content'], depth + 1);
    default:
      return prompt.addText(jsonText(part));
  }
}

function addContent(reading: Reading, content: unknown, depth = 0): void {
  const { prompt } = reading;
  if (content === undefined || content === null) return;
  if (typeof content === 'string') return prompt.addText(content);
  if (!Array.isArray(content) || depth > CONTENT_DEPTH) return prompt.addText(jsonText(content));
  for (const part of content as readonly unknown[]) addPart(reading, part, depth);
}

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

function addMessages(reading: Reading, messages: unknown): void {
  const { prompt } = reading;
  if (!Array.isArray(messages)) return addContent(reading, messages);
  for (const message of messages as readonly unknown[]) {
    prompt.overhead += MESSAGE_OVERHEAD;
    if (!isObject(message)) addContent(reading, message);
    else for (const key of Object.keys(message)) addMessageField(reading, key, message[key]);
  }
}

function addResponseFormat(prompt: Prompt, format: unknown): void {
  if (!isObject(format)) return;
  prompt.doubtfulOverhead += RESPONSE_FORMAT.doubt;
  const schema = format['json_schema'] ?? format['schema'];
  if (schema === undefined) return;
  prompt.overhead += RESPONSE_FORMAT.overhead;
  prompt.addText(jsonText(schema));
}

function addChat(reading: Reading, body: JsonObject): void {
  const { prompt, tokenizer } = reading;
  prompt.overhead += REPLY_PRIMING;
  addMessages(reading, body['messages']);
  if (body['system'] !== undefined) {
    prompt.overhead += MESSAGE_OVERHEAD + 1;
    addContent(reading, body['system']);
  }
  addTools(prompt, body['tools'], tokenizer);
  addTools(prompt, body['functions'], tokenizer);
  addResponseFormat(prompt, body['response_format']);
  if (isObject(body['tool_choice'])) prompt.addDoubtful(body['tool_choice']);
  if (isObject(body['function_call'])) prompt.addDoubtful(body['function_call']);
  if (body['cache_control'] !== undefined) prompt.canWriteCache = true;
  const modalities = body['modalities'];
  if (body['audio'] !== undefined || (Array.isArray(modalities) && modalities.includes('audio')))
    prompt.hasAudio = true;
}

/** A text, texts, token ids, or lists of token ids: the forms of `prompt` and `input`. */
function addInput(prompt: Prompt, input: unknown): void {
  if (typeof input === 'string') return prompt.addText(input);
  if (!Array.isArray(input)) return prompt.addText(jsonText(input ?? undefined));
  for (const item of input as readonly unknown[]) {
    if (typeof item === 'number') prompt.tokenIds += 1;
    else if (typeof item === 'string') prompt.addText(item);
    else if (Array.isArray(item) && item.every((id) => typeof id === 'number'))
      prompt.tokenIds += item.length;
    else prompt.addText(jsonText(item));
  }
}

/** Every string of a value and every key, without recursion: for bodies that are nested too deeply for JSON text. */
function flatten(value: unknown): Prompt {
  const prompt = new Prompt();
  prompt.canWriteCache = true;
  prompt.hasAudio = true;
  prompt.hasImages = true;
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const item = rest.pop();
    prompt.overhead += 1;
    if (typeof item === 'string') prompt.addText(item);
    else if (Array.isArray(item)) for (const inner of item as readonly unknown[]) rest.push(inner);
    else if (isObject(item)) for (const [key, inner] of Object.entries(item)) rest.push(key, inner);
  }
  return prompt;
}

/** Reads a request for a model. Never throws. */
export function readPrompt(
  { route, body }: Pick<ModelRequest, 'route' | 'body'>,
  model: string,
): Prompt {
  const reading: Reading = { prompt: new Prompt(), tokenizer: tokenizerOf(model), model };
  const { prompt } = reading;
  prompt.serverTools = serverToolsOf(body);
  prompt.service = askedService(body);
  try {
    switch (route) {
      case 'chat':
      case 'messages':
        addChat(reading, body);
        break;
      case 'completions':
        addInput(reading.prompt, body['prompt']);
        if (typeof body['suffix'] === 'string') reading.prompt.addText(body['suffix']);
        break;
      case 'embeddings':
        addInput(reading.prompt, body['input']);
        break;
      case 'responses':
        return flatten(body);
    }
    return reading.prompt;
  } catch {
    const flat = flatten(body);
    flat.serverTools = prompt.serverTools;
    flat.service = prompt.service;
    return flat;
  }
}
