/** Which route a body is estimated for: the one that is named, or the one that its fields tell. */
import type { ModelRoute } from '../core/policy.ts';
import type { JsonObject } from '../core/request.ts';
import { invalid, isObject } from './body-fields.ts';

const ROUTES: readonly ModelRoute[] = [
  'chat',
  'completions',
  'embeddings',
  'messages',
  'responses',
];

/** Fields of a body with `messages` that only the Messages API has. */
const MESSAGES_FIELDS = ['system', 'thinking', 'stop_sequences'];
const EMBEDDING_FIELDS = ['encoding_format', 'dimensions'];

function hasAny(body: JsonObject, fields: readonly string[]): boolean {
  return fields.some((field) => body[field] !== undefined);
}

function isMessages(body: JsonObject): boolean {
  const { tools } = body;
  const offersItsTools =
    Array.isArray(tools) &&
    tools.some((tool) => isObject(tool) && tool['input_schema'] !== undefined);
  return hasAny(body, MESSAGES_FIELDS) || offersItsTools;
}

/** A text may be the input of either; then the name of the model tells. Texts and token ids in a list are no items. */
function isEmbedding({ model, input }: JsonObject): boolean {
  if (Array.isArray(input)) return !input.some(isObject);
  return typeof model === 'string' && /embed/i.test(model);
}

function toldByFields(body: JsonObject): ModelRoute {
  const { messages, prompt, input } = body;
  if (messages !== undefined) return isMessages(body) ? 'messages' : 'chat';
  if (prompt !== undefined && !isObject(prompt)) return 'completions';
  if (input === undefined)
    return hasAny(body, ['prompt', 'previous_response_id', 'conversation']) ? 'responses' : 'chat';
  return hasAny(body, EMBEDDING_FIELDS) || isEmbedding(body) ? 'embeddings' : 'responses';
}

/** The route that `?route=` names, or else the one that the body is told by. Throws a 400 for a name that is no route. */
export function routeToEstimate(named: unknown, body: JsonObject): ModelRoute {
  if (named === undefined) return toldByFields(body);
  const route = ROUTES.find((known) => known === named);
  if (route === undefined)
    throw invalid(`\`route\` must be one of ${ROUTES.join(', ')}, or left out.`, 'route');
  return route;
}
