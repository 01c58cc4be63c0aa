/** What a simulated model says. Everything follows from the request, so that the same request gets the same answer. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../core/request.ts';
import { isJsonObject, objectAt, objectsAt, stringAt } from '../json-values.ts';
import { sampleValue } from './sample-value.ts';

interface SimulatedCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

export interface SimulatedAnswer {
  /** What streams as one token each; put together they are the text. */
  readonly tokens: readonly string[];
  readonly call: SimulatedCall | null;
  readonly finishReason: 'stop' | 'length' | 'tool_calls';
}

const OPENING = 'This is a simulated answer; no model was called.';
const WORDS = (
  'a gateway counts every token before it sends one and settles what was used when the answer ends ' +
  'so that no budget is ever passed by accident'
).split(' ');
const DEFAULT_DIMENSIONS = 256;

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** `count` tokens, each with the space before it; the words depend on the seed. */
function proseTokens(seed: string, count: number): string[] {
  const words = OPENING.split(' ');
  const offset = hashOf(seed).readUInt32BE(0);
  while (words.length < count) {
    words.push(WORDS[(offset + words.length) % WORDS.length] ?? 'token');
  }
  return words.slice(0, count).map((word, index) => (index === 0 ? word : ` ${word}`));
}

/** Cuts a text into pieces that stream one by one. */
function pieces(text: string): string[] {
  return text.match(/.{1,4}/gs) ?? [];
}

/** The text of a content that is a string or a list of parts. */
function plainText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .filter(isJsonObject)
    .map((part) => stringAt(part, 'text'))
    .join(' ');
}

function toolFor(body: JsonObject): JsonObject | null {
  const tools = objectsAt(body, 'tools').map((tool) => objectAt(tool, 'function'));
  const [first] = tools;
  const last = objectsAt(body, 'messages').at(-1);
  if (!first || !last || last['role'] === 'tool' || body['tool_choice'] === 'none') return null;
  const choice = body['tool_choice'];
  if (choice === 'required') return first;
  if (isJsonObject(choice)) {
    const name = stringAt(objectAt(choice, 'function'), 'name');
    return tools.find((tool) => stringAt(tool, 'name') === name) ?? first;
  }
  const asked = plainText(last['content']);
  const named = tools.find((tool) => asked.includes(stringAt(tool, 'name')));
  if (named) return named;
  return /\b(?:use|call)\b.*\b(?:tool|function)s?\b/i.test(asked) ? first : null;
}

/** The JSON text that a response format asks for, or null for plain text. */
function jsonText(format: unknown): string | null {
  if (!isJsonObject(format)) return null;
  if (format['type'] === 'json_object') {
    return JSON.stringify({ simulated: true, answer: OPENING });
  }
  if (format['type'] !== 'json_schema') return null;
  return JSON.stringify(sampleValue(objectAt(objectAt(format, 'json_schema'), 'schema')));
}

function maximumOf(body: JsonObject): number {
  const maximum = body['max_completion_tokens'] ?? body['max_tokens'];
  return typeof maximum === 'number' && maximum >= 0 ? maximum : Infinity;
}

/** `outputTokens`: how long an ordinary answer is when the request sets no lower maximum. */
export function answerChat(body: JsonObject, outputTokens: number): SimulatedAnswer {
  const maximum = maximumOf(body);
  const tool = toolFor(body);
  if (tool) {
    const text = JSON.stringify(sampleValue({ type: 'object', ...objectAt(tool, 'parameters') }));
    const name = stringAt(tool, 'name');
    const id = `call_${hashOf(name + text).toString('hex', 0, 12)}`;
    const call = { id, name, arguments: text };
    return { tokens: pieces(text), call, finishReason: 'tool_calls' };
  }
  const json = jsonText(body['response_format']);
  const tokens = json ? pieces(json) : proseTokens(promptOf(body), outputTokens);
  return cutTo(maximum, tokens);
}

/** The same for the legacy completions route. */
export function answerCompletion(body: JsonObject, outputTokens: number): SimulatedAnswer {
  return cutTo(maximumOf(body), proseTokens(promptOf(body), outputTokens));
}

function cutTo(maximum: number, tokens: readonly string[]): SimulatedAnswer {
  const isCut = tokens.length > maximum;
  return {
    tokens: isCut ? tokens.slice(0, maximum) : tokens,
    call: null,
    finishReason: isCut ? 'length' : 'stop',
  };
}

function promptOf(body: JsonObject): string {
  const said = objectsAt(body, 'messages').map((message) => plainText(message['content']));
  return said.length > 0 ? said.join('\n') : JSON.stringify(body['prompt'] ?? '');
}

/** What the embeddings route was given: one text, several, or token ids. */
export function embeddingInputs(body: JsonObject): readonly string[] {
  const { input } = body;
  if (!Array.isArray(input)) return [String(input)];
  const isOneListOfTokens = input.every((item) => typeof item === 'number');
  if (isOneListOfTokens) return [JSON.stringify(input)];
  return input.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
}

/** A vector of length 1 that depends on the text alone. */
export function embeddingOf(text: string, dimensions: unknown): Float32Array {
  const size =
    typeof dimensions === 'number' && dimensions >= 1 && dimensions <= 8192
      ? Math.floor(dimensions)
      : DEFAULT_DIMENSIONS;
  const seed = hashOf(text);
  const vector = Float32Array.from(
    { length: size },
    (_, index) => (seed[index % seed.length] ?? 0) - 127.5 + Math.sin(index),
  );
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
