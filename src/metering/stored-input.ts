/**
 * Requests whose input is only partly in them: OpenAI's Responses API can go on from what the provider has stored, and
 * bills all of it as input. How much that is nobody but the provider knows; it is never more than the model's context.
 */
import type { JsonObject, ModelRequest } from '../core/request.ts';
import type { TokenCount } from '../core/usage.ts';
import { isObject } from './prompt.ts';
import { plainModelName } from './tokenizers.ts';

/** No model of a provider with such an API takes more (GPT-5.4 and later). */
const LARGEST_CONTEXT = 1_050_000;

/**
 * Tokens that a context has room for, input and output together, so that the input alone stays below. The first match
 * counts. Source, read 2026-11: OpenAI's model pages, as packaged in `@pydantic/genai-prices` (`context_window`).
 */
const CONTEXTS: readonly (readonly [RegExp, number])[] = [
  [/^gpt-oss/, 131_072],
  [/^(gpt-3\.5|gpt-35)/, 16_385],
  [/^gpt-4-32k/, 32_768],
  [/^gpt-4(-\d{4})?$/, 8192],
  [/^(gpt-4-|gpt-4o|chatgpt-4o|gpt-4\.5)/, 128_000],
  [/^gpt-5(\.[123])?(-|$)/, 400_000],
  [/^gpt-5\.4-(mini|nano)/, 400_000],
  [/^o1-(preview|mini)/, 128_000],
  [/^(o[134](-|$)|codex-mini)/, 200_000],
  [/^computer-use/, 128_000],
];

function contextOf(model: string): number {
  const name = plainModelName(model);
  return CONTEXTS.find(([pattern]) => pattern.test(name))?.[1] ?? LARGEST_CONTEXT;
}

function isNamed(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A file or image that is named by its id or address, on its own or in the content of an item. */
function isStoredFile(part: unknown): boolean {
  if (!isObject(part)) return false;
  if (part['type'] === 'input_file') return !isNamed(part['file_data']);
  return [part['content'], part['output']].some(
    (inner) => Array.isArray(inner) && inner.some(isStoredFile),
  );
}

function isReference(item: unknown): boolean {
  if (!isObject(item)) return false;
  return item['type'] === 'item_reference' || (!isNamed(item['type']) && !isNamed(item['role']));
}

/** True when a request goes on from something that only the provider has. */
function hasStoredInput(body: JsonObject): boolean {
  const { input } = body;
  return (
    ['previous_response_id', 'conversation', 'prompt'].some((field) => isNamed(body[field])) ||
    (Array.isArray(input) && input.some((item) => isReference(item) || isStoredFile(item)))
  );
}

/** A count of what is in a request, with the bound that what it does not show calls for. */
export function withStoredInput(
  count: TokenCount,
  { route, body }: Pick<ModelRequest, 'route' | 'body'>,
  model: string,
): TokenCount {
  if (route !== 'responses' || !hasStoredInput(body)) return count;
  return { ...count, bound: Math.max(count.bound, contextOf(model)), hasStoredInput: true };
}
