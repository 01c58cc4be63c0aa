/**
 * Reads the parts of a message's content: text, images, audio, documents, calls of tools and their results, in the
 * shapes of OpenAI's chat and responses routes and of Anthropic's messages. Bodies come from clients and are checked
 * nowhere before, so every field may be anything: what is not understood costs its JSON text.
 */
import type { JsonObject } from '../core/request.ts';
import { documentTokens } from './document-tokens.ts';
import { audioTokens, base64Bytes } from './file-tokens.ts';
import { imageSizeOf } from './image-size.ts';
import { imageTokens } from './image-tokens.ts';
import { isObject, jsonText, stringOf, type Prompt } from './prompt.ts';
import type { Tokenizer } from './tokenizers.ts';
import { addToolCall } from './tool-tokens.ts';

/** Content inside tool results inside content; deeper nesting costs its JSON text. */
const CONTENT_DEPTH = 4;
/** Reasoning that a provider sealed: a token stands for about 4 bytes of text, for 3 in the bound. */
const SEALED_BYTES_PER_TOKEN = { usual: 4, least: 3 };

/** A prompt while it is read, and for whom. */
export interface Reading {
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

/** `holder`: the address, or the object around the address or the bytes. */
function addImage(reading: Reading, holder: unknown, ownDetail: unknown): void {
  const { prompt, tokenizer, model } = reading;
  const data = inlineData(holder);
  const detail = stringOf(ownDetail) ?? (isObject(holder) ? stringOf(holder['detail']) : null);
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

/** A document as a `file` (OpenAI) or by its `source` (Anthropic), which may also be plain text or content of its own. */
function addDocument(reading: Reading, part: JsonObject, depth: number): void {
  const { prompt, tokenizer, model } = reading;
  const file = isObject(part['file']) ? part['file'] : part;
  prompt.addText(stringOf(file['title']) ?? '');
  prompt.addText(stringOf(file['context']) ?? '');
  const source = file['source'];
  if (isObject(source) && source['type'] === 'text')
    return prompt.addText(stringOf(source['data']) ?? '');
  if (isObject(source) && source['type'] === 'content')
    return addContent(reading, source['content'], depth + 1);
  const text = stringOf(file['file_data']);
  const data = text === null ? inlineData(source) : (dataOf(text) ?? text);
  const detail = stringOf(file['detail']);
  prompt.addMedia(documentTokens(tokenizer.family, model, { data, detail }));
  // Pages of a document are shown to the model as images too.
  prompt.hasImages = true;
}

/** Reasoning or results that only the provider can read, as it sent them: base64 of about their length. */
export function addSealed(prompt: Prompt, sealed: unknown): void {
  if (typeof sealed !== 'string') return;
  const bytes = base64Bytes(sealed);
  const tokens = Math.ceil(bytes / SEALED_BYTES_PER_TOKEN.usual);
  prompt.overhead += tokens;
  prompt.doubtfulOverhead += Math.ceil(bytes / SEALED_BYTES_PER_TOKEN.least) - tokens;
}

/** Thinking is counted by its summary where there is one; the whole of it lies in the signature, which may be more. */
function addThinking(prompt: Prompt, part: JsonObject, thinking: string): void {
  const signature = stringOf(part['signature']) ?? '';
  if (thinking.length === 0) return addSealed(prompt, signature);
  prompt.addText(thinking);
  prompt.doubtfulOverhead += Math.ceil(base64Bytes(signature) / SEALED_BYTES_PER_TOKEN.least);
}

/** A hit of a search: its text, or the provider's sealed form of it. */
function addSearchHit(prompt: Prompt, hit: JsonObject): void {
  const { encrypted_content: sealed, ...rest } = hit;
  addSealed(prompt, sealed);
  prompt.addText(jsonText(rest));
}

function addPart(reading: Reading, part: unknown, depth: number): void {
  const { prompt } = reading;
  if (typeof part === 'string') return prompt.addText(part);
  if (!isObject(part)) return prompt.addText(jsonText(part));
  if (part['cache_control'] !== undefined) prompt.canWriteCache = true;
  const text = stringOf(part['text']) ?? stringOf(part['refusal']);
  if (text !== null) return prompt.addText(text);
  const thinking = stringOf(part['thinking']);
  if (thinking !== null) return addThinking(prompt, part, thinking);
  return addTypedPart(reading, part, depth);
}

function addTypedPart(reading: Reading, part: JsonObject, depth: number): void {
  const { prompt } = reading;
  switch (part['type']) {
    case 'image_url':
    case 'input_image':
    case 'computer_screenshot':
    case 'image':
      return addImage(reading, part['image_url'] ?? part['source'], part['detail']);
    case 'input_audio':
      return addAudio(reading, part);
    case 'file':
    case 'input_file':
    case 'document':
    case 'video_url':
      return addDocument(reading, part, depth);
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use':
      return addToolCall(prompt, part['name'], part['input']);
    case 'tool_result':
    case 'mcp_tool_result':
      prompt.addDoubtful(part['tool_use_id']);
      return addContent(reading, part['content'], depth + 1);
    case 'search_result':
      prompt.addText(stringOf(part['title']) ?? '');
      prompt.addText(stringOf(part['source']) ?? '');
      return addContent(reading, part['content'], depth + 1);
    case 'web_search_tool_result':
    case 'web_fetch_tool_result':
    case 'tool_search_tool_result':
      prompt.addDoubtful(part['tool_use_id']);
      return addContent(reading, hitsOf(part['content']), depth + 1);
    case 'web_search_result':
    case 'compaction':
      return addSearchHit(prompt, part);
    case 'web_fetch_result':
      prompt.addText(stringOf(part['url']) ?? '');
      return addContent(reading, hitsOf(part['content']), depth + 1);
    case 'redacted_thinking':
      return addSealed(prompt, part['data']);
    default:
      return prompt.addText(jsonText(part));
  }
}

/** Results of a server's tool are a list, or one object: a document, or an error. */
function hitsOf(content: unknown): unknown {
  return isObject(content) ? [content] : content;
}

/** Adds the content of a message: a text, a list of parts, or whatever stands there. */
export function addContent(reading: Reading, content: unknown, depth = 0): void {
  const { prompt } = reading;
  if (content === undefined || content === null) return;
  if (typeof content === 'string') return prompt.addText(content);
  if (!Array.isArray(content) || depth > CONTENT_DEPTH) return prompt.addText(jsonText(content));
  for (const part of content as readonly unknown[]) addPart(reading, part, depth);
}
