/** A chat request of the OpenAI format as a request to the Anthropic Messages API (version 2023-06-01). */
import type { JsonObject } from '../../../core/request.ts';
import type { UpstreamAttempt } from '../../../core/upstream.ts';
import { isJsonObject, objectAt, stringAt } from '../../json-values.ts';
import { translateMessages, untranslatable } from './messages.ts';

/** `max_tokens` is required there; this stands in where neither the gateway nor the client names one. */
const DEFAULT_MAX_TOKENS = 4096;
const MIN_THINKING_TOKENS = 1024;
const THINKING_TOKENS: Readonly<Record<string, number>> = {
  minimal: MIN_THINKING_TOKENS,
  low: 2048,
  medium: 8192,
  high: 24_576,
};

/**
 * What would change the answer in kind, so that leaving it out would be a lie. Fields that are neither here nor
 * translated (`seed`, the penalties, `store`, `metadata`, `service_tier`, cache hints) only tune, and are left out, as
 * Anthropic's own OpenAI-compatible endpoint does.
 */
const UNTRANSLATABLE: readonly {
  readonly field: string;
  readonly why: string;
  readonly isAsked: (value: unknown) => boolean;
}[] = [
  { field: 'n', why: 'more than one answer', isAsked: (n) => typeof n === 'number' && n > 1 },
  { field: 'logprobs', why: 'a request for log probabilities', isAsked: (v) => v === true },
  { field: 'top_logprobs', why: 'a request for log probabilities', isAsked: isPositive },
  { field: 'logit_bias', why: 'a bias on tokens', isAsked: hasMembers },
  { field: 'audio', why: 'spoken output', isAsked: isJsonObject },
  { field: 'modalities', why: 'output other than text', isAsked: asksMoreThanText },
  { field: 'prediction', why: 'a predicted output', isAsked: isJsonObject },
  { field: 'web_search_options', why: 'a web search', isAsked: isJsonObject },
  { field: 'functions', why: 'the old form of tools', isAsked: (v) => Array.isArray(v) },
];

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0;
}

function hasMembers(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).length > 0;
}

function asksMoreThanText(value: unknown): boolean {
  return Array.isArray(value) && value.some((modality) => modality !== 'text');
}

/** 407 for `claude-opus-4-7-20260416`; a name without a version is taken for the newest. */
function claudeVersion(model: string): number {
  const name = model.replace(/[-@]\d{8}.*$/, '');
  const match = /(\d+)(?:[-.](\d{1,2}))?/.exec(name);
  return match ? Number(match[1]) * 100 + Number(match[2] ?? 0) : Infinity;
}

/** From 4.7 on the models choose their own sampling and refuse these fields. */
function samplingFields(body: JsonObject, model: string, thinks: boolean): JsonObject {
  if (claudeVersion(model) >= 407) return {};
  const { temperature, top_p: topP } = body;
  return {
    // With a thinking budget only the default temperature is allowed.
    ...(typeof temperature === 'number' && !thinks
      ? { temperature: Math.min(1, temperature) }
      : {}),
    ...(typeof topP === 'number' && !thinks ? { top_p: topP } : {}),
  };
}

/**
 * `reasoning_effort` as thinking: adaptive with an effort from 4.6 on, a budget of tokens within `max_tokens` from 3.7
 * to 4.5. Left out where thinking is not allowed (a forced tool) or does not fit.
 */
function thinkingFields(effort: unknown, model: string, maxTokens: number): JsonObject {
  if (typeof effort !== 'string' || effort === 'none') return {};
  const version = claudeVersion(model);
  if (version >= 406) {
    const spoken = effort === 'minimal' ? 'low' : effort;
    return { thinking: { type: 'adaptive' }, output_config: { effort: spoken } };
  }
  const wanted = THINKING_TOKENS[effort];
  const budget = Math.min(wanted ?? 0, maxTokens - MIN_THINKING_TOKENS);
  if (version < 307 || budget < MIN_THINKING_TOKENS) return {};
  return { thinking: { type: 'enabled', budget_tokens: budget } };
}

function toolFields(body: JsonObject): JsonObject {
  const tools = Array.isArray(body['tools']) ? body['tools'].map(tool) : [];
  if (tools.length === 0) return {};
  const choice = toolChoice(body['tool_choice']);
  const isSerial = body['parallel_tool_calls'] === false;
  if (!isSerial || choice?.['type'] === 'none') {
    return { tools, ...(choice ? { tool_choice: choice } : {}) };
  }
  return {
    tools,
    tool_choice: { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true },
  };
}

function tool(definition: unknown, index: number): JsonObject {
  if (!isJsonObject(definition) || !isJsonObject(definition['function'])) {
    throw untranslatable(`tools[${index}].type`, 'a tool that is no function');
  }
  const { name, description, parameters } = definition['function'];
  return {
    name,
    ...(typeof description === 'string' ? { description } : {}),
    input_schema: isJsonObject(parameters) ? parameters : { type: 'object', properties: {} },
  };
}

function toolChoice(choice: unknown): JsonObject | null {
  if (choice === undefined || choice === null) return null;
  if (choice === 'auto' || choice === 'none') return { type: choice };
  if (choice === 'required') return { type: 'any' };
  const name = isJsonObject(choice) ? stringAt(objectAt(choice, 'function'), 'name') : '';
  if (name === '') throw untranslatable('tool_choice', JSON.stringify(choice));
  return { type: 'tool', name };
}

/** A schema is kept to by the provider; "any JSON" is not on offer there. */
function formatFields(format: unknown): JsonObject {
  if (!isJsonObject(format) || format['type'] === 'text') return {};
  const { schema } = objectAt(format, 'json_schema');
  if (format['type'] === 'json_schema' && isJsonObject(schema)) {
    return { output_config: { format: { type: 'json_schema', schema } } };
  }
  throw untranslatable(
    'response_format',
    `the type ${JSON.stringify(format['type'])} (json_schema with a schema works; this)`,
  );
}

function stopFields(stop: unknown): JsonObject {
  const sequences = (Array.isArray(stop) ? stop : [stop]).filter(
    (sequence) => typeof sequence === 'string' && sequence !== '',
  );
  return sequences.length === 0 ? {} : { stop_sequences: sequences };
}

/**
 * The body for `POST /v1/messages`. Throws `UpstreamFailure` of kind `untranslatable`, naming the field, for what
 * Anthropic has no words for.
 */
export function toAnthropicRequest(attempt: UpstreamAttempt): JsonObject {
  const { request, model } = attempt;
  const { body } = request;
  for (const { field, why, isAsked } of UNTRANSLATABLE) {
    if (isAsked(body[field])) throw untranslatable(field, why);
  }
  const { system, messages } = translateMessages(body['messages']);
  const maxTokens = attempt.maxOutputTokens ?? request.maxOutputTokens ?? DEFAULT_MAX_TOKENS;
  const tools = toolFields(body);
  const isForced = ['any', 'tool'].includes(stringAt(objectAt(tools, 'tool_choice'), 'type'));
  const thinking = isForced ? {} : thinkingFields(body['reasoning_effort'], model, maxTokens);
  const format = formatFields(body['response_format']);
  const outputConfig = {
    ...objectAt(thinking, 'output_config'),
    ...objectAt(format, 'output_config'),
  };
  return {
    model,
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system }),
    messages,
    ...tools,
    ...thinking,
    ...(hasMembers(outputConfig) ? { output_config: outputConfig } : {}),
    ...samplingFields(body, model, 'thinking' in thinking),
    ...stopFields(body['stop']),
    ...(typeof body['user'] === 'string' ? { metadata: { user_id: body['user'] } } : {}),
    ...(request.stream ? { stream: true } : {}),
  };
}
