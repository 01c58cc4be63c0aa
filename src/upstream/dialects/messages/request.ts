/** A request of the Anthropic Messages API as a chat request of the OpenAI format. */
import type { JsonObject } from '../../../core/request.ts';
import type { UpstreamAttempt } from '../../../core/upstream.ts';
import { isJsonObject, objectAt, stringAt } from '../../json-values.ts';
import { toChatMessages } from './content.ts';
import { untranslatable } from '../untranslatable.ts';

/**
 * What would change the answer in kind, so that leaving it out would be a lie. Fields that are neither here nor
 * translated (`top_k`, `cache_control`, `context_management`, `service_tier`, `speed`, `inference_geo`) only tune, and
 * OpenAI refuses a request with a field that it does not know.
 */
const UNTRANSLATABLE: readonly { readonly field: string; readonly why: string }[] = [
  { field: 'mcp_servers', why: 'a tool server that the provider calls' },
  { field: 'container', why: 'a container of the provider' },
];
/** OpenAI takes no longer name of a user. Clients put what tells their users apart in front. */
const MAX_USER_CHARS = 64;

function isAsked(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
}

function tool(definition: unknown, index: number): JsonObject {
  const at = `tools[${index}]`;
  if (!isJsonObject(definition)) throw untranslatable(at, 'anything but an object');
  const { type, name, description, input_schema: schema, strict } = definition;
  if (isAsked(type) && type !== 'custom') {
    throw untranslatable(`${at}.type`, `the provider's own tool ${JSON.stringify(type)}`);
  }
  return {
    type: 'function',
    function: {
      name,
      ...(typeof description === 'string' ? { description } : {}),
      parameters: isJsonObject(schema) ? schema : { type: 'object', properties: {} },
      ...(strict === true ? { strict } : {}),
    },
  };
}

function toolChoice(choice: JsonObject): unknown {
  switch (choice['type']) {
    case 'auto':
    case 'none':
      return choice['type'];
    case 'any':
      return 'required';
    case 'tool':
      return { type: 'function', function: { name: stringAt(choice, 'name') } };
    default:
      throw untranslatable('tool_choice.type', JSON.stringify(choice['type']));
  }
}

function toolFields({ tools, tool_choice: choice }: JsonObject): JsonObject {
  const offered = Array.isArray(tools) ? tools.map(tool) : [];
  // Without tools a choice among them is refused.
  if (offered.length === 0) return {};
  if (!isJsonObject(choice)) return { tools: offered };
  return {
    tools: offered,
    tool_choice: toolChoice(choice),
    ...(choice['disable_parallel_tool_use'] === true ? { parallel_tool_calls: false } : {}),
  };
}

/**
 * Families of models that reason. Others refuse the field: OpenAI as one that it does not know, Ollama because the model
 * "does not support thinking"; and how much one thinks is not worth a refusal.
 */
const REASONS =
  /(?:^|[/:])(?:o\d|gpt-(?:[5-9]|\d\d|oss)|gemini-(?:2\.5|[3-9])|grok-(?:3-mini|[4-9])|deepseek-(?:r|v[3-9]\.\d)|qwen-?3|magistral|glm-[4-9]|kimi-k2)/i;
const EFFORTS: Readonly<Record<string, string>> = {
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};
/** Halfway between the budgets that the efforts are said as the other way round. */
const LOW_BELOW_TOKENS = 4096;
const HIGH_FROM_TOKENS = 16_384;

function effortOf({ thinking, output_config: config }: JsonObject): string | null {
  const { type, budget_tokens: budget } = isJsonObject(thinking) ? thinking : {};
  if (type === 'disabled') return null;
  if (type === 'enabled' && typeof budget === 'number') {
    if (budget < LOW_BELOW_TOKENS) return 'low';
    return budget < HIGH_FROM_TOKENS ? 'medium' : 'high';
  }
  return EFFORTS[isJsonObject(config) ? stringAt(config, 'effort') : ''] ?? null;
}

function reasoningFields(body: JsonObject, model: string): JsonObject {
  const effort = REASONS.test(model) ? effortOf(body) : null;
  return effort === null ? {} : { reasoning_effort: effort };
}

/** OpenAI keeps to a schema to the letter only where it names every member as required and rules out others. */
function isStrictSchema(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrictSchema);
  if (!isJsonObject(schema)) return true;
  if (isJsonObject(schema['properties'])) {
    const { required } = schema;
    const names = Object.keys(schema['properties']);
    const isClosed = schema['additionalProperties'] === false;
    if (!isClosed || !Array.isArray(required)) return false;
    if (!names.every((name) => required.includes(name))) return false;
  }
  return Object.values(schema).every(isStrictSchema);
}

/** `output_format` is the name that the field had as a beta. */
function formatFields(body: JsonObject): JsonObject {
  const format = objectAt(body, 'output_config')['format'] ?? body['output_format'];
  if (!isJsonObject(format)) return {};
  const { type, schema } = format;
  if (type !== 'json_schema' || !isJsonObject(schema)) {
    throw untranslatable('output_config.format', `the type ${JSON.stringify(type)}`);
  }
  const strict = isStrictSchema(schema);
  return {
    response_format: { type, json_schema: { name: 'answer', schema, ...(strict && { strict }) } },
  };
}

function plainFields(body: JsonObject): JsonObject {
  const { temperature, top_p: topP, stop_sequences: stop } = body;
  const user = stringAt(objectAt(body, 'metadata'), 'user_id').slice(0, MAX_USER_CHARS);
  return {
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof topP === 'number' ? { top_p: topP } : {}),
    ...(Array.isArray(stop) && stop.length > 0 ? { stop } : {}),
    ...(user === '' ? {} : { user }),
  };
}

/** See `ClientFormat.toChat`. The maximum of output tokens is added where the body is made ready for its backend. */
export function messagesToChat({ request, model }: UpstreamAttempt): JsonObject {
  const { body } = request;
  for (const { field, why } of UNTRANSLATABLE) {
    if (isAsked(body[field])) throw untranslatable(field, why);
  }
  return {
    model,
    messages: toChatMessages(body),
    ...toolFields(body),
    ...plainFields(body),
    ...reasoningFields(body, model),
    ...formatFields(body),
    ...(request.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}
