/** What the OpenAI API refuses with 400, as far as a gateway could be to blame for it. */
import type { RecordedRequest } from './provider-server.ts';

type Fields = Readonly<Record<string, unknown>>;

function words(text: string): readonly string[] {
  return text.split(' ');
}

const SHARED = words(
  'model user seed stop n stream stream_options max_tokens temperature top_p logprobs logit_bias presence_penalty frequency_penalty',
);
const CHAT = words(
  'messages max_completion_tokens top_logprobs response_format modalities audio tools tool_choice parallel_tool_calls functions function_call reasoning_effort verbosity prediction service_tier web_search_options store metadata safety_identifier prompt_cache_key prompt_cache_retention',
);
const RESPONSES = words(
  'model input instructions stream stream_options max_output_tokens max_tool_calls temperature top_p top_logprobs text tools tool_choice parallel_tool_calls reasoning include store metadata previous_response_id conversation prompt background truncation service_tier user safety_identifier prompt_cache_key prompt_cache_retention context_management moderation',
);

/** Arguments by the last part of the path. */
const ARGUMENTS: Readonly<Record<string, ReadonlySet<string>>> = {
  'chat/completions': new Set([...SHARED, ...CHAT]),
  responses: new Set(RESPONSES),
  completions: new Set([...SHARED, ...words('prompt best_of echo suffix')]),
  embeddings: new Set(words('model input dimensions encoding_format user')),
};

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** Every call needs its result before anybody else speaks, and every result its call. */
function complaintOfTools(messages: readonly Fields[]): string | null {
  let open = new Set<unknown>();
  for (const [at, message] of messages.entries()) {
    if (message['role'] === 'tool') {
      if (open.delete(message['tool_call_id'])) continue;
      return `Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls' (messages.[${at}].role).`;
    }
    if (open.size > 0) break;
    open = new Set(listOf(message['tool_calls']).map(({ id }) => id));
  }
  if (open.size === 0) return null;
  return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. Missing: ${[...open].join(', ')}`;
}

/** The same of items: a result belongs to a call before it, and no call stays without one. */
function complaintOfItems(items: readonly Fields[]): string | null {
  const open = new Set<unknown>();
  for (const { type, call_id: id } of items) {
    if (type === 'function_call') open.add(id);
    if (type === 'function_call_output' && !open.delete(id))
      return `No tool call found for function call output with call_id ${String(id)}.`;
  }
  if (open.size === 0) return null;
  return `No tool output found for function call ${[...open].join(', ')}.`;
}

/** The words of the 400; null for a call that is in order. */
export function complaintOfOpenAi({ path, json }: RecordedRequest): string | null {
  if (!isFields(json)) return 'We could not parse the JSON body of your request.';
  const route = Object.keys(ARGUMENTS).find((known) => path.endsWith(`/${known}`)) ?? '';
  const unknown = Object.keys(json).find((name) => !ARGUMENTS[route]?.has(name));
  if (unknown !== undefined) return `Unrecognized request argument supplied: ${unknown}`;
  if (route === 'responses') return complaintOfItems(listOf(json['input']));
  if (json['stream_options'] !== undefined && json['stream'] !== true) {
    return "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
  }
  const format = json['response_format'];
  const messages = listOf(json['messages']);
  if (
    isFields(format) &&
    format['type'] === 'json_object' &&
    !/json/i.test(JSON.stringify(messages))
  ) {
    return "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
  }
  return complaintOfTools(messages);
}
