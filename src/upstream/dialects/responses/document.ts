/** The `response` object of the Responses API, its output items and its usage, for answers that came as a chat. */
import type { JsonObject } from '../../../core/request.ts';
import type { UpstreamAttempt } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';

/** What is known of a response before the backend has said a word. */
export interface ResponseFrame {
  /** Behind `resp_`, `msg_` and the like. */
  readonly id: string;
  readonly createdAtS: number;
  readonly model: string;
  readonly maxOutputTokens: number | null;
  /** The client's own request: the API says its fields again. */
  readonly asked: JsonObject;
}

export function frameOf({ request, model, maxOutputTokens }: UpstreamAttempt): ResponseFrame {
  return {
    id: request.id.replace(/^req_/, '').replace(/[^0-9a-zA-Z]/g, ''),
    createdAtS: Math.floor(request.receivedAtMs / 1000),
    model,
    maxOutputTokens: maxOutputTokens ?? request.maxOutputTokens,
    asked: request.body,
  };
}

/** How a response ended, or that it has not. */
export interface ResponseEnd {
  readonly status: 'in_progress' | 'completed' | 'incomplete';
  /** Why it is incomplete; else null. */
  readonly reason: 'max_output_tokens' | 'content_filter' | null;
}

export const IN_PROGRESS: ResponseEnd = { status: 'in_progress', reason: null };

/** The end that a chat's `finish_reason` means. Reasons that are not known read as an ordinary end. */
export function endOf(finishReason: unknown): ResponseEnd {
  if (finishReason === 'length') return { status: 'incomplete', reason: 'max_output_tokens' };
  if (finishReason === 'content_filter') return { status: 'incomplete', reason: 'content_filter' };
  return { status: 'completed', reason: null };
}

function toResponsesUsage(usage: TokenUsage): JsonObject {
  return {
    input_tokens: usage.input,
    input_tokens_details: {
      cached_tokens: usage.cachedInput,
      cache_write_tokens: usage.cacheWrite + usage.cacheWrite1h,
    },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}

/** The client's own fields, with the API's defaults where it named none. */
function echoOf({ asked, maxOutputTokens }: ResponseFrame): JsonObject {
  const reasoning = (asked['reasoning'] ?? {}) as JsonObject;
  return {
    background: false,
    instructions: asked['instructions'] ?? null,
    max_output_tokens: maxOutputTokens,
    max_tool_calls: asked['max_tool_calls'] ?? null,
    metadata: asked['metadata'] ?? {},
    parallel_tool_calls: asked['parallel_tool_calls'] ?? true,
    previous_response_id: null,
    reasoning: { effort: reasoning['effort'] ?? null, summary: reasoning['summary'] ?? null },
    // Nothing is kept here, whatever was asked: there is nothing to refer to later.
    store: false,
    temperature: asked['temperature'] ?? null,
    text: asked['text'] ?? { format: { type: 'text' } },
    tool_choice: asked['tool_choice'] ?? 'auto',
    tools: asked['tools'] ?? [],
    top_logprobs: asked['top_logprobs'] ?? 0,
    top_p: asked['top_p'] ?? null,
    truncation: 'disabled',
    user: asked['user'] ?? null,
  };
}

export interface Told {
  readonly end: ResponseEnd;
  /** The model that the backend names; empty where it names none. */
  readonly model: string;
  readonly output: readonly JsonObject[];
  readonly usage: TokenUsage | null;
}

export function responseDocument(frame: ResponseFrame, told: Told): JsonObject {
  const { status, reason } = told.end;
  return {
    id: `resp_${frame.id}`,
    object: 'response',
    created_at: frame.createdAtS,
    status,
    error: null,
    incomplete_details: reason === null ? null : { reason },
    model: told.model || frame.model,
    output: told.output,
    ...echoOf(frame),
    usage: told.usage && toResponsesUsage(told.usage),
  };
}

export type ItemStatus = ResponseEnd['status'];

/** `at`: the place in `output`, which makes ids of one response differ. */
export function reasoningItem({ id }: ResponseFrame, at: number, text: string): JsonObject {
  const summary = text === '' ? [] : [{ type: 'summary_text', text }];
  return { id: `rs_${id}_${at}`, type: 'reasoning', summary };
}

export function textPart(text: string, logprobs: readonly unknown[] = []): JsonObject {
  return { type: 'output_text', annotations: [], logprobs, text };
}

export function refusalPart(refusal: string): JsonObject {
  return { type: 'refusal', refusal };
}

export function messageItem(
  { id }: ResponseFrame,
  at: number,
  status: ItemStatus,
  content: readonly JsonObject[],
): JsonObject {
  return { id: `msg_${id}_${at}`, type: 'message', status, role: 'assistant', content };
}

export interface FunctionCall {
  /** The name by which its result will refer to it. */
  readonly callId: string;
  readonly name: string;
  readonly arguments: string;
}

export function callItem(
  { id }: ResponseFrame,
  at: number,
  status: ItemStatus,
  call: FunctionCall,
): JsonObject {
  const { callId, name, arguments: text } = call;
  return {
    id: `fc_${id}_${at}`,
    type: 'function_call',
    status,
    arguments: text,
    call_id: callId,
    name,
  };
}
