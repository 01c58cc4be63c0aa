/**
 * The input of a request of the Responses API as chat messages. There a turn of the assistant is a row of items (its
 * reasoning, its words, each of its calls); in a chat it is one message.
 */
import type { JsonObject } from '../../../core/request.ts';
import { isJsonObject, stringAt } from '../../json-values.ts';
import { untranslatable } from '../untranslatable.ts';

interface ChatMessage {
  readonly role: string;
  content: unknown;
  tool_calls?: JsonObject[];
  readonly tool_call_id?: string;
}

/** A developer speaks as the system does: backends other than OpenAI's do not know the younger word. */
const ROLES: Readonly<Record<string, string>> = {
  user: 'user',
  assistant: 'assistant',
  system: 'system',
  developer: 'system',
};

/** The messages of `instructions` and `input`. Throws `UpstreamFailure`, naming the item, for what a chat has no words for. */
export function messagesOf({ instructions, input }: JsonObject): readonly JsonObject[] {
  const messages: ChatMessage[] = [];
  if (typeof instructions === 'string' && instructions !== '')
    messages.push({ role: 'system', content: instructions });
  if (typeof input === 'string') messages.push({ role: 'user', content: input });
  const items: readonly unknown[] = Array.isArray(input) ? input : [];
  for (const [index, item] of items.entries()) addItem(messages, item, `input[${index}]`);
  return messages.map((message) => ({ ...message }));
}

function addItem(messages: ChatMessage[], item: unknown, at: string): void {
  if (!isJsonObject(item)) throw untranslatable(at, 'anything but an object');
  const { type, role } = item;
  if (type === 'message' || (typeof role === 'string' && (type === undefined || type === null))) {
    return addMessage(messages, item, at);
  }
  switch (type) {
    case 'function_call':
      return addCall(messages, item);
    case 'function_call_output':
      messages.push({
        role: 'tool',
        tool_call_id: stringAt(item, 'call_id'),
        content: contentOf(item['output'], `${at}.output`),
      });
      return;
    case 'reasoning':
      // What another model thought, sealed by its provider, says nothing to this one.
      return;
    case 'item_reference':
    case undefined:
    case null:
      return refuseReference(item, at);
    default:
      throw untranslatable(`${at}.type`, `the item ${JSON.stringify(type)}`);
  }
}

/** Reasoning that is only named would be left out as well. */
function refuseReference(item: JsonObject, at: string): void {
  if (stringAt(item, 'id').startsWith('rs_')) return;
  throw untranslatable(
    at,
    'a reference to an item that only OpenAI has stored',
    'for this backend; send the item itself (in the AI SDK: providerOptions.openai.store = false)',
  );
}

function addMessage(messages: ChatMessage[], item: JsonObject, at: string): void {
  const role = ROLES[stringAt(item, 'role')];
  if (role === undefined) {
    throw untranslatable(`${at}.role`, `the role ${JSON.stringify(item['role'])}`);
  }
  const content = contentOf(item['content'], `${at}.content`);
  const last = messages.at(-1);
  // Every call needs its result before anybody else speaks: words after a call belong to the same message.
  if (role === 'assistant' && last?.tool_calls !== undefined) {
    last.content = joined(last.content, content);
    return;
  }
  messages.push({ role, content });
}

function joined(earlier: unknown, later: unknown): unknown {
  if (earlier === null) return later;
  return [...partsOf(earlier), ...partsOf(later)];
}

function partsOf(content: unknown): readonly unknown[] {
  return Array.isArray(content) ? content : [{ type: 'text', text: content }];
}

function addCall(messages: ChatMessage[], item: JsonObject): void {
  const call = {
    id: stringAt(item, 'call_id'),
    type: 'function',
    function: { name: stringAt(item, 'name'), arguments: stringAt(item, 'arguments') },
  };
  const last = messages.at(-1);
  if (last?.role !== 'assistant')
    messages.push({ role: 'assistant', content: null, tool_calls: [call] });
  else last.tool_calls = [...(last.tool_calls ?? []), call];
}

/** Content as text where it is nothing else: not every backend takes parts from everybody. */
function contentOf(content: unknown, at: string): unknown {
  if (typeof content === 'string') return content;
  if (content === undefined || content === null) return '';
  if (!Array.isArray(content)) throw untranslatable(at, 'anything but text or a list of parts');
  const parts = content.map((part: unknown, index) => partOf(part, `${at}[${index}]`));
  const texts = parts.filter(({ type }) => type === 'text');
  return texts.length === parts.length ? texts.map(({ text }) => text).join('') : parts;
}

function partOf(part: unknown, at: string): JsonObject {
  if (!isJsonObject(part)) throw untranslatable(at, 'anything but an object');
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
    case 'summary_text':
      return { type: 'text', text: stringAt(part, 'text') };
    case 'refusal':
      return { type: 'text', text: stringAt(part, 'refusal') };
    case 'input_image':
      return imageOf(part, at);
    case 'input_audio':
      return { type: 'input_audio', input_audio: part['input_audio'] };
    default:
      throw untranslatable(`${at}.type`, `the part ${JSON.stringify(part['type'])}`);
  }
}

function imageOf(part: JsonObject, at: string): JsonObject {
  const { image_url: url, detail } = part;
  if (typeof url !== 'string') {
    throw untranslatable(`${at}.file_id`, 'an image that only OpenAI has stored');
  }
  return {
    type: 'image_url',
    image_url: { url, ...(typeof detail === 'string' ? { detail } : {}) },
  };
}
