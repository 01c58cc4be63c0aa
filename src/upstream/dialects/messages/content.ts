/**
 * Messages of the Anthropic Messages API in the words of the OpenAI chat format. Differences that matter: system text is
 * a message of its own, results of tools are messages and not parts of one, and they can be text only.
 */
import type { JsonObject } from '../../../core/request.ts';
import { isJsonObject, objectAt, stringAt } from '../../json-values.ts';
import { untranslatable } from '../untranslatable.ts';

/** Between texts that a client kept apart, most often to cache them apart. */
const BETWEEN_TEXTS = '\n\n';

interface Part {
  readonly type: 'text' | 'image_url';
  readonly text?: string;
  readonly image_url?: { readonly url: string };
}

function textPart(text: string): readonly Part[] {
  return text === '' ? [] : [{ type: 'text', text }];
}

/** A content that is text or a list of blocks, as blocks. */
function blocksOf(content: unknown, at: string): readonly JsonObject[] {
  if (content === undefined || content === null || content === '') return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw untranslatable(at, 'anything but text or a list of blocks');
  return content.map((block: unknown, index) => {
    if (isJsonObject(block)) return block;
    throw untranslatable(`${at}[${index}]`, 'anything but an object');
  });
}

function unknownBlock(block: JsonObject, at: string): Error {
  return untranslatable(`${at}.type`, `the block ${JSON.stringify(block['type'])}`);
}

function imagePart(block: JsonObject, at: string): Part {
  const source = objectAt(block, 'source');
  switch (source['type']) {
    case 'base64': {
      const url = `data:${stringAt(source, 'media_type')};base64,${stringAt(source, 'data')}`;
      return { type: 'image_url', image_url: { url } };
    }
    case 'url':
      return { type: 'image_url', image_url: { url: stringAt(source, 'url') } };
    default:
      throw untranslatable(`${at}.source.type`, `an image of ${JSON.stringify(source['type'])}`);
  }
}

/** Only text: other backends read no PDF, and none has the provider's file store. */
function documentParts(block: JsonObject, at: string): readonly Part[] {
  const source = objectAt(block, 'source');
  const heading = [stringAt(block, 'title'), stringAt(block, 'context')]
    .filter((text) => text !== '')
    .join('\n');
  const parts = ((): readonly Part[] => {
    switch (source['type']) {
      case 'text':
        return textPart(stringAt(source, 'data'));
      case 'content':
        return shownParts(source['content'], `${at}.source.content`);
      default:
        throw untranslatable(
          `${at}.source.type`,
          `a document of ${JSON.stringify(source['type'])} (one of text works; this)`,
        );
    }
  })();
  return [...textPart(heading), ...parts];
}

function searchResultParts(block: JsonObject, at: string): readonly Part[] {
  const heading = `${stringAt(block, 'title')}\n${stringAt(block, 'source')}`.trim();
  return [...textPart(heading), ...shownParts(block['content'], `${at}.content`)];
}

/** What a model is shown: text, images, and documents as text. */
function shownPart(block: JsonObject, at: string): readonly Part[] {
  switch (block['type']) {
    case 'text':
      return textPart(stringAt(block, 'text'));
    case 'image':
      return [imagePart(block, at)];
    case 'document':
      return documentParts(block, at);
    case 'search_result':
      return searchResultParts(block, at);
    default:
      throw unknownBlock(block, at);
  }
}

function shownParts(content: unknown, at: string): readonly Part[] {
  return blocksOf(content, at).flatMap((block, index) => shownPart(block, `${at}[${index}]`));
}

function textsOf(parts: readonly Part[]): string {
  return parts
    .map(({ text }) => text)
    .filter((text) => text !== undefined)
    .join(BETWEEN_TEXTS);
}

/** Text alone is a string, which every server takes. */
function contentOf(parts: readonly Part[]): string | readonly Part[] {
  return parts.every(({ type }) => type === 'text') ? textsOf(parts) : parts;
}

function systemMessages(system: unknown, at: string): readonly JsonObject[] {
  const parts = shownParts(system, at);
  return parts.length === 0 ? [] : [{ role: 'system', content: textsOf(parts) }];
}

interface ToolResult {
  readonly message: JsonObject;
  /** What the message can not hold; it follows as the user's. */
  readonly images: readonly Part[];
}

/** The chat format has no flag for a failed call: its text says it. */
function toolResult(block: JsonObject, at: string): ToolResult {
  const parts = shownParts(block['content'], `${at}.content`);
  const text = textsOf(parts);
  const content = block['is_error'] === true ? `Error: ${text || 'the tool failed'}` : text;
  return {
    message: { role: 'tool', tool_call_id: stringAt(block, 'tool_use_id'), content },
    images: parts.filter(({ type }) => type === 'image_url'),
  };
}

/** Results of tools come first: nobody may speak between a call and its result. */
function userMessages(message: JsonObject, at: string): readonly JsonObject[] {
  const results: JsonObject[] = [];
  const parts: Part[] = [];
  for (const [index, block] of blocksOf(message['content'], `${at}.content`).entries()) {
    const blockAt = `${at}.content[${index}]`;
    if (block['type'] === 'tool_result') {
      const result = toolResult(block, blockAt);
      results.push(result.message);
      parts.push(...result.images);
    } else {
      parts.push(...shownPart(block, blockAt));
    }
  }
  if (parts.length === 0 && results.length > 0) return results;
  return [...results, { role: 'user', content: contentOf(parts) }];
}

function toolCall(block: JsonObject): JsonObject {
  return {
    id: stringAt(block, 'id'),
    type: 'function',
    function: {
      name: stringAt(block, 'name'),
      arguments: JSON.stringify(objectAt(block, 'input')),
    },
  };
}

/** Thinking of earlier turns is left out: other models did not think it, and can not check its signature. */
function assistantMessages(message: JsonObject, at: string): readonly JsonObject[] {
  let text = '';
  const calls: JsonObject[] = [];
  for (const [index, block] of blocksOf(message['content'], `${at}.content`).entries()) {
    switch (block['type']) {
      // One answer, cut into blocks where it cites something.
      case 'text':
        text += stringAt(block, 'text');
        break;
      case 'tool_use':
        calls.push(toolCall(block));
        break;
      case 'thinking':
      case 'redacted_thinking':
        break;
      default:
        throw unknownBlock(block, `${at}.content[${index}]`);
    }
  }
  if (calls.length === 0) return text === '' ? [] : [{ role: 'assistant', content: text }];
  return [{ role: 'assistant', content: text === '' ? null : text, tool_calls: calls }];
}

/** All messages of a request, the system text in front. Throws `UpstreamFailure` of kind `untranslatable`. */
export function toChatMessages({ system, messages }: JsonObject): readonly JsonObject[] {
  const turns: readonly unknown[] = Array.isArray(messages) ? messages : [];
  const said = turns.flatMap((message, index) => {
    const at = `messages[${index}]`;
    if (!isJsonObject(message)) throw untranslatable(at, 'anything but an object');
    switch (message['role']) {
      case 'user':
        return userMessages(message, at);
      case 'assistant':
        return assistantMessages(message, at);
      case 'system':
        return systemMessages(message['content'], `${at}.content`);
      default:
        throw untranslatable(`${at}.role`, `the role ${JSON.stringify(message['role'])}`);
    }
  });
  return [...systemMessages(system, 'system'), ...said];
}
