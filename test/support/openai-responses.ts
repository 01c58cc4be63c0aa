/** Answers of the OpenAI API to `POST /v1/responses`, whole and as events. */
import { callsOf, tokensOf } from './provider-server.ts';
import type { Behaviour, RecordedRequest } from './provider-server.ts';

type Fields = Readonly<Record<string, unknown>>;

const DEFAULT_TEXT = 'Hello there, friend.';
const DEFAULT_USAGE: NonNullable<Behaviour['usage']> = { input: 12, output: 5 };
const SUFFIX = '67ccd3acc8d48190a77525dc6de64b4104becb25c45c1d41';

function usageOf({ usage = DEFAULT_USAGE }: Behaviour): Fields | null {
  if (usage === null) return null;
  const { input, output, cached = 0 } = usage;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}

/** The response around its output; the request's own fields stand behind it, and the usage near the end. */
function responseOf(
  { json }: RecordedRequest,
  status: string,
  output: readonly Fields[],
  usage: Fields | null,
): Fields {
  const asked = json ?? {};
  return {
    id: `resp_${SUFFIX}`,
    object: 'response',
    created_at: 1_741_476_542,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: asked['instructions'] ?? null,
    max_output_tokens: asked['max_output_tokens'] ?? null,
    model: asked['model'],
    output,
    parallel_tool_calls: true,
    previous_response_id: asked['previous_response_id'] ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: asked['store'] ?? true,
    temperature: 1,
    text: asked['text'] ?? { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'auto',
    tools: asked['tools'] ?? [],
    top_p: 1,
    truncation: 'disabled',
    usage,
    user: null,
    metadata: asked['metadata'] ?? {},
  };
}

interface Item {
  readonly done: Fields;
  /** The item at its start. */
  readonly added: Fields;
  /** Events between the two, without their number. */
  readonly events: readonly Fields[];
}

function reasoningItem(reasoning: string, index: number): Item {
  const id = `rs_${SUFFIX}`;
  const place = { item_id: id, output_index: index, summary_index: 0 };
  const part = { type: 'summary_text', text: reasoning };
  return {
    added: { id, type: 'reasoning', summary: [] },
    done: { id, type: 'reasoning', summary: [part] },
    events: [
      {
        type: 'response.reasoning_summary_part.added',
        ...place,
        part: { type: 'summary_text', text: '' },
      },
      ...tokensOf(reasoning).map((delta) => ({
        type: 'response.reasoning_summary_text.delta',
        ...place,
        delta,
        obfuscation: 'Jh3kQ0',
      })),
      { type: 'response.reasoning_summary_text.done', ...place, text: reasoning },
      { type: 'response.reasoning_summary_part.done', ...place, part },
    ],
  };
}

function messageItem(text: string, index: number): Item {
  const id = `msg_${SUFFIX}`;
  const place = { item_id: id, output_index: index, content_index: 0 };
  const part = { type: 'output_text', annotations: [], logprobs: [], text };
  const message = { id, type: 'message', role: 'assistant' };
  return {
    added: { ...message, status: 'in_progress', content: [] },
    done: { ...message, status: 'completed', content: [part] },
    events: [
      { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
      ...tokensOf(text).map((delta) => ({
        type: 'response.output_text.delta',
        ...place,
        delta,
        logprobs: [],
        obfuscation: 'Jh3kQ0',
      })),
      { type: 'response.output_text.done', ...place, text, logprobs: [] },
      { type: 'response.content_part.done', ...place, part },
    ],
  };
}

function callItem(name: string, args: string, index: number): Item {
  const id = `fc_${SUFFIX}${index}`;
  const place = { item_id: id, output_index: index };
  const call = { id, type: 'function_call', call_id: `call_abc${123 + index}`, name };
  const half = Math.ceil(args.length / 2);
  return {
    added: { ...call, status: 'in_progress', arguments: '' },
    done: { ...call, status: 'completed', arguments: args },
    events: [
      ...[args.slice(0, half), args.slice(half)].map((delta) => ({
        type: 'response.function_call_arguments.delta',
        ...place,
        delta,
        obfuscation: 'Jh3kQ0',
      })),
      { type: 'response.function_call_arguments.done', ...place, arguments: args },
    ],
  };
}

function itemsOf(behaviour: Behaviour): readonly Item[] {
  const { reasoning, text } = behaviour;
  const calls = callsOf(behaviour);
  const makers = [
    ...(reasoning ? [(index: number) => reasoningItem(reasoning, index)] : []),
    ...(calls.length > 0 && text === undefined
      ? []
      : [(index: number) => messageItem(text ?? DEFAULT_TEXT, index)]),
    ...calls.map(
      (call) => (index: number) => callItem(call.name, JSON.stringify(call.arguments), index),
    ),
  ];
  return makers.map((make, index) => make(index));
}

export function responsesAnswer(request: RecordedRequest, behaviour: Behaviour): Fields {
  const output = itemsOf(behaviour).map(({ done }) => done);
  return responseOf(request, 'completed', output, usageOf(behaviour));
}

export function responsesEvents(request: RecordedRequest, behaviour: Behaviour): string[] {
  const items = itemsOf(behaviour);
  const started = responseOf(request, 'in_progress', [], null);
  const events: Fields[] = [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
    ...items.flatMap(({ added, events: between, done }, index) => [
      { type: 'response.output_item.added', output_index: index, item: added },
      ...between,
      { type: 'response.output_item.done', output_index: index, item: done },
    ]),
    { type: 'response.completed', response: responsesAnswer(request, behaviour) },
  ];
  return events.map((event, number) => eventOf({ ...event, sequence_number: number }));
}

export function responsesErrorEvent(message: string): string {
  return eventOf({ type: 'error', code: 'server_error', message, param: null, sequence_number: 9 });
}

function eventOf(event: Fields): string {
  return `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`;
}
