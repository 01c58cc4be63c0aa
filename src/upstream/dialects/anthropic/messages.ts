/**
 * Messages of the OpenAI chat format in the words of the Anthropic Messages API. Differences that matter: system text
 * stands beside the messages, tool results are parts of a user message, and roles alternate.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { UpstreamFailure } from '../../../core/upstream.ts';
import { isJsonObject, objectAt, parseJsonObject, stringAt } from '../../json-values.ts';
import { untranslatable as untranslatableFor } from '../untranslatable.ts';

export interface AnthropicMessages {
  /** Text blocks for `system`; empty when the client sent none. */
  readonly system: readonly JsonObject[];
  readonly messages: readonly JsonObject[];
}

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: JsonObject[];
}

const DATA_URL = /^data:([^;,]+);base64,(.*)$/s;

/** Nothing was sent; `field` names what Anthropic has no words for. */
export function untranslatable(field: string, why: string): UpstreamFailure {
  return untranslatableFor(field, why, 'for an Anthropic backend');
}

/** Splits the system text off and merges neighbours of one role, so that results of parallel tools stand together. */
export function translateMessages(messages: unknown): AnthropicMessages {
  if (!Array.isArray(messages)) throw untranslatable('messages', 'anything but a list');
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`;
    if (!isJsonObject(message)) throw untranslatable(at, 'anything but an object');
    switch (message['role']) {
      case 'system':
      case 'developer':
        system.push(...textParts(message['content'], `${at}.content`));
        break;
      case 'user':
        append(turns, 'user', userParts(message['content'], `${at}.content`));
        break;
      case 'assistant':
        append(turns, 'assistant', assistantParts(message, at));
        break;
      case 'tool':
        append(turns, 'user', [toolResult(message, at)]);
        break;
      default:
        throw untranslatable(`${at}.role`, `the role ${JSON.stringify(message['role'])}`);
    }
  }
  return { system, messages: turns.map(({ role, content }) => ({ role, content })) };
}

function append(turns: Turn[], role: Turn['role'], content: readonly JsonObject[]): void {
  const last = turns.at(-1);
  if (last?.role === role) last.content.push(...content);
  // An empty content is refused by the API; an assistant that said nothing adds nothing.
  else if (content.length > 0) turns.push({ role, content: [...content] });
}

type PartTranslator = (part: JsonObject, at: string) => JsonObject | null;

/** A content that is text or a list of parts; parts for which `translate` gives null are left out. */
function contentParts(content: unknown, at: string, translate: PartTranslator): JsonObject[] {
  if (content === null || content === undefined || content === '') return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw untranslatable(at, 'anything but text or a list of parts');
  return content.flatMap((part: unknown, index) => {
    if (!isJsonObject(part)) throw untranslatable(`${at}[${index}]`, 'anything but an object');
    const translated = translate(part, `${at}[${index}]`);
    return translated ? [translated] : [];
  });
}

function textPart(part: JsonObject, at: string): JsonObject | null {
  if (part['type'] !== 'text') {
    throw untranslatable(`${at}.type`, `the part ${JSON.stringify(part['type'])}`);
  }
  const text = stringAt(part, 'text');
  return text === '' ? null : { type: 'text', text };
}

function textParts(content: unknown, at: string): JsonObject[] {
  return contentParts(content, at, textPart);
}

function userParts(content: unknown, at: string): JsonObject[] {
  return contentParts(content, at, (part, partAt) =>
    part['type'] === 'image_url' ? image(part, partAt) : textPart(part, partAt),
  );
}

function image(part: JsonObject, at: string): JsonObject {
  const url = stringAt(objectAt(part, 'image_url'), 'url');
  const data = DATA_URL.exec(url);
  if (data) {
    const [, mediaType, base64] = data;
    return { type: 'image', source: { type: 'base64', media_type: mediaType, data: base64 } };
  }
  if (/^https?:/.test(url)) return { type: 'image', source: { type: 'url', url } };
  throw untranslatable(`${at}.image_url.url`, 'an image that is no http, https or base64 data URL');
}

/** Reasoning of earlier turns is left out: without the provider's signature it would be refused. */
function assistantParts(message: JsonObject, at: string): JsonObject[] {
  if (isJsonObject(message['function_call'])) {
    throw untranslatable(`${at}.function_call`, 'the old form of a tool call');
  }
  if (isJsonObject(message['audio'])) throw untranslatable(`${at}.audio`, 'audio');
  const spoken = contentParts(message['content'], `${at}.content`, (part, partAt) =>
    part['type'] === 'refusal'
      ? { type: 'text', text: stringAt(part, 'refusal') }
      : textPart(part, partAt),
  );
  const calls: readonly unknown[] = Array.isArray(message['tool_calls'])
    ? message['tool_calls']
    : [];
  return [...spoken, ...calls.map((call, index) => toolUse(call, `${at}.tool_calls[${index}]`))];
}

function toolUse(call: unknown, at: string): JsonObject {
  if (!isJsonObject(call) || !isJsonObject(call['function'])) {
    throw untranslatable(at, 'a call of anything but a function');
  }
  const called = call['function'];
  const text = stringAt(called, 'arguments');
  const input = text.trim() === '' ? {} : parseJsonObject(text);
  if (!input) throw untranslatable(`${at}.function.arguments`, 'a text that is no JSON object');
  return { type: 'tool_use', id: toolId(call, 'id'), name: stringAt(called, 'name'), input };
}

/** Other servers name calls as they like, `functions.get_weather:0` for one; the API refuses all but these letters. */
function toolId(holder: JsonObject, field: string): string {
  return stringAt(holder, field).replace(/[^a-zA-Z0-9_-]/g, '_');
}

function toolResult(message: JsonObject, at: string): JsonObject {
  const content = userParts(message['content'], `${at}.content`);
  return {
    type: 'tool_result',
    tool_use_id: toolId(message, 'tool_call_id'),
    ...(content.length === 0 ? {} : { content }),
  };
}
