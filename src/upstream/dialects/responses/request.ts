/** A request of OpenAI's Responses API as a chat request: the part of it that needs nothing that OpenAI has stored or runs. */
import type { JsonObject } from '../../../core/request.ts';
import type { UpstreamAttempt } from '../../../core/upstream.ts';
import { isJsonObject, objectAt, objectsAt, stringAt } from '../../json-values.ts';
import { messagesOf } from './input.ts';
import { untranslatable } from '../untranslatable.ts';

/**
 * What would change the answer in kind, so that leaving it out would be a lie. Fields that are neither here nor
 * translated (`store`, `truncation`, `service_tier`, cache hints, most of `include`) only tune or keep, and are left out.
 */
const UNTRANSLATABLE: readonly {
  readonly field: string;
  readonly why: string;
  /** What to do instead, as the end of the sentence. */
  readonly where?: string;
}[] = [
  {
    field: 'previous_response_id',
    why: 'a response that only OpenAI has stored',
    where: 'for this backend; send the earlier items in `input`',
  },
  {
    field: 'conversation',
    why: 'a conversation that only OpenAI has stored',
    where: 'for this backend; send its items in `input`',
  },
  {
    field: 'prompt',
    why: 'a template that only OpenAI has stored',
    where: 'for this backend; send its text as `instructions` and `input`',
  },
  { field: 'context_management', why: 'compaction by the provider' },
  { field: 'moderation', why: 'moderation by the provider' },
];

function isAsked(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

function toolOf(tool: unknown, at: string): JsonObject {
  const type = isJsonObject(tool) ? tool['type'] : undefined;
  if (!isJsonObject(tool) || type !== 'function') {
    throw untranslatable(
      `${at}.type`,
      `the tool ${JSON.stringify(type)}`,
      'for this backend; only tools of type "function" can',
    );
  }
  const { name, description, parameters, strict } = tool;
  return {
    type: 'function',
    function: {
      name,
      ...(typeof description === 'string' ? { description } : {}),
      ...(isJsonObject(parameters) ? { parameters } : {}),
      ...(typeof strict === 'boolean' ? { strict } : {}),
    },
  };
}

/** What is offered, and what of it has to be used. A choice of several tools is said by offering only those. */
function toolFields(body: JsonObject): JsonObject {
  const choice = body['tool_choice'] ?? undefined;
  const all: readonly unknown[] = Array.isArray(body['tools']) ? body['tools'] : [];
  const tools = all.map((tool, index) => toolOf(tool, `tools[${index}]`));
  if (tools.length === 0) return {};
  const isSerial = typeof body['parallel_tool_calls'] === 'boolean';
  const serial = isSerial ? { parallel_tool_calls: body['parallel_tool_calls'] } : {};
  if (!isJsonObject(choice)) {
    return { tools, ...serial, ...(choice === undefined ? {} : { tool_choice: choice }) };
  }
  if (choice['type'] === 'function') {
    const { name } = choice;
    return { tools, ...serial, tool_choice: { type: 'function', function: { name } } };
  }
  if (choice['type'] !== 'allowed_tools') {
    throw untranslatable('tool_choice', `the choice ${JSON.stringify(choice['type'])}`);
  }
  const names = new Set(objectsAt(choice, 'tools').map((allowed) => allowed['name']));
  return {
    tools: tools.filter((tool) => names.has(objectAt(tool, 'function')['name'])),
    ...serial,
    tool_choice: choice['mode'] ?? 'auto',
  };
}

function formatFields(body: JsonObject): JsonObject {
  const text = objectAt(body, 'text');
  const verbosity = typeof text['verbosity'] === 'string' ? { verbosity: text['verbosity'] } : {};
  const format = objectAt(text, 'format');
  switch (format['type']) {
    case undefined:
    case 'text':
      return verbosity;
    case 'json_object':
      return { ...verbosity, response_format: { type: 'json_object' } };
    case 'json_schema': {
      const { type: _type, ...schema } = format;
      return { ...verbosity, response_format: { type: 'json_schema', json_schema: schema } };
    }
    default:
      throw untranslatable('text.format', `the format ${JSON.stringify(format['type'])}`);
  }
}

function logprobFields({ include, top_logprobs: top }: JsonObject): JsonObject {
  const isNumber = typeof top === 'number' && top > 0;
  const isIncluded = Array.isArray(include) && include.includes('message.output_text.logprobs');
  if (!isNumber && !isIncluded) return {};
  return { logprobs: true, ...(isNumber ? { top_logprobs: top } : {}) };
}

/** Fields that are the same in both. */
function sharedFields(body: JsonObject): JsonObject {
  const same = ['temperature', 'top_p', 'user'].flatMap((field) =>
    isAsked(body[field]) ? [[field, body[field]]] : [],
  );
  return Object.fromEntries(same) as JsonObject;
}

/** The chat request that says the same. Throws `UpstreamFailure`, naming the field, for what it has no words for. */
export function toChatRequest({ request, model }: UpstreamAttempt): JsonObject {
  const { body, stream } = request;
  for (const { field, why, where } of UNTRANSLATABLE) {
    if (isAsked(body[field])) throw untranslatable(field, why, where);
  }
  const effort = stringAt(objectAt(body, 'reasoning'), 'effort');
  return {
    model,
    messages: messagesOf(body),
    ...toolFields(body),
    ...formatFields(body),
    ...logprobFields(body),
    ...sharedFields(body),
    ...(effort === '' ? {} : { reasoning_effort: effort }),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}
