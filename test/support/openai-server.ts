/** A server that speaks the wire format of the OpenAI API: chat, responses, completions, embeddings, models. */
import { responsesAnswer, responsesErrorEvent, responsesEvents } from './openai-responses.ts';
import { complaintOfOpenAi } from './openai-rules.ts';
import { callsOf, ProviderServer, tokensOf } from './provider-server.ts';
import type { Behaviour, RecordedRequest } from './provider-server.ts';

export interface OpenAiServerOptions {
  /** When given, only this key is welcome. */
  readonly apiKey?: string;
  readonly models?: readonly string[];
  /** What the list says beside the id of each model. */
  readonly modelFacts?: Readonly<Record<string, unknown>>;
  /** Path in front of everything, `/v1` if nothing else is said. */
  readonly base?: string;
  /** True: refuses with 400 what the real API refuses. */
  readonly isStrict?: boolean;
}

const DEFAULT_TEXT = 'Hello there, friend.';
const DEFAULT_USAGE: NonNullable<Behaviour['usage']> = { input: 12, output: 5 };

function usageOf({ usage = DEFAULT_USAGE }: Behaviour): Record<string, unknown> {
  if (usage === null) return {};
  const { input, output, cached = 0 } = usage;
  return {
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
  };
}

function envelopeOf(request: RecordedRequest): Record<string, unknown> {
  return {
    id: 'chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG',
    created: 1_741_570_283,
    model: request.json?.['model'],
  };
}

/** Stands behind the usage in a whole answer, and before the choices in a chunk. */
const SERVICE = { service_tier: 'default', system_fingerprint: 'fp_fc9f1d7035' };

function toolCallsOf(behaviour: Behaviour): Record<string, unknown>[] {
  return callsOf(behaviour).map((call, index) => ({
    id: `call_abc${123 + index}`,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
}

function chatAnswer(request: RecordedRequest, behaviour: Behaviour): unknown {
  const calls = toolCallsOf(behaviour);
  const isCall = calls.length > 0;
  return {
    ...envelopeOf(request),
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: isCall ? null : (behaviour.text ?? DEFAULT_TEXT),
          ...(isCall ? { tool_calls: calls } : {}),
          ...(behaviour.reasoning ? { reasoning_content: behaviour.reasoning } : {}),
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: isCall ? 'tool_calls' : 'stop',
      },
    ],
    ...usageOf(behaviour),
    ...SERVICE,
  };
}

function embeddingsAnswer(request: RecordedRequest, behaviour: Behaviour): unknown {
  const { input, model, encoding_format: format } = request.json ?? {};
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  const vector = Float32Array.from([0.25, -0.5, 0.125]);
  const embedding =
    format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
  const tokens = behaviour.usage?.input ?? 8;
  return {
    object: 'list',
    data: inputs.map((_, index) => ({ object: 'embedding', index, embedding })),
    model,
    ...(behaviour.usage === null ? {} : { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  };
}

function completionAnswer(request: RecordedRequest, behaviour: Behaviour): unknown {
  return {
    ...envelopeOf(request),
    object: 'text_completion',
    choices: [
      { text: behaviour.text ?? DEFAULT_TEXT, index: 0, logprobs: null, finish_reason: 'stop' },
    ],
    ...usageOf(behaviour),
    ...SERVICE,
  };
}

/** One call in pieces. The first delta of the answer also says who speaks. */
function callDeltas(behaviour: Behaviour): Record<string, unknown>[] {
  const calls = toolCallsOf(behaviour);
  return callsOf(behaviour).flatMap((called, index) => {
    const text = JSON.stringify(called.arguments);
    const half = Math.ceil(text.length / 2);
    const opening = { index, ...calls[index], function: { name: called.name, arguments: '' } };
    const speaker = index === 0 ? { role: 'assistant', content: null } : {};
    return [
      { ...speaker, tool_calls: [opening], ...(index === 0 ? { refusal: null } : {}) },
      ...[text.slice(0, half), text.slice(half)].map((piece) => ({
        tool_calls: [{ index, function: { arguments: piece } }],
      })),
    ];
  });
}

function deltasOf(behaviour: Behaviour): Record<string, unknown>[] {
  if (callsOf(behaviour).length > 0) return callDeltas(behaviour);
  return [
    { role: 'assistant', content: '', refusal: null },
    ...tokensOf(behaviour.reasoning ?? '').map((piece) => ({ reasoning_content: piece })),
    ...tokensOf(behaviour.text ?? DEFAULT_TEXT).map((content) => ({ content })),
  ];
}

/**
 * As OpenAI streams: with `include_usage`, `"usage":null` on every chunk and one more chunk without choices. Random
 * letters behind everything else make the sizes of chunks say nothing about their text.
 */
function events(request: RecordedRequest, behaviour: Behaviour): string[] {
  const isChat = request.path.endsWith('/chat/completions');
  const options = request.json?.['stream_options'] as
    | { include_usage?: boolean; include_obfuscation?: boolean }
    | undefined;
  const asksUsage = options?.include_usage === true;
  const letters = options?.include_obfuscation === false ? {} : { obfuscation: 'Jh3kQ0' };
  const envelope = {
    ...envelopeOf(request),
    object: isChat ? 'chat.completion.chunk' : 'text_completion',
    ...SERVICE,
  };
  const none = asksUsage ? { usage: null, ...letters } : letters;
  const chunk = (delta: Record<string, unknown>, finish: string | null): string => {
    const said = isChat ? { delta } : { text: delta['content'] ?? '' };
    const choices = [{ index: 0, ...said, logprobs: null, finish_reason: finish }];
    return event({ ...envelope, choices, ...none });
  };
  const usage = usageOf(behaviour);
  return [
    ...deltasOf(behaviour).map((delta) => chunk(delta, null)),
    chunk({}, callsOf(behaviour).length > 0 ? 'tool_calls' : 'stop'),
    ...(asksUsage && usage['usage']
      ? [event({ ...envelope, choices: [], ...usage, ...letters })]
      : []),
    'data: [DONE]\n\n',
  ];
}

function event(document: unknown): string {
  return `data: ${JSON.stringify(document)}\n\n`;
}

const ERROR_TYPES: Readonly<
  Record<number, { readonly type: string; readonly code: string | null }>
> = {
  400: { type: 'invalid_request_error', code: 'invalid_value' },
  401: { type: 'invalid_request_error', code: 'invalid_api_key' },
  404: { type: 'invalid_request_error', code: 'model_not_found' },
  429: { type: 'requests', code: 'rate_limit_exceeded' },
};

function openAiError(status: number, message: string): { readonly error: object } {
  const { type, code } = ERROR_TYPES[status] ?? { type: 'server_error', code: null };
  return { error: { message, type, param: null, code } };
}

const HEADERS = {
  'openai-organization': 'user-w4fx1kq',
  'openai-processing-ms': '312',
  'openai-version': '2020-10-01',
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
  'x-request-id': 'req_6b3a1f9ec2',
};

export async function startOpenAiServer(
  options: OpenAiServerOptions = {},
): Promise<ProviderServer> {
  const { apiKey, models = ['gpt-4o-mini'], modelFacts = {}, base = '/v1' } = options;
  const { isStrict = false } = options;
  const chat = `${base}/chat/completions`;
  const embeddings = `${base}/embeddings`;
  const responses = `${base}/responses`;
  return new ProviderServer({
    modelPaths: [chat, `${base}/completions`, embeddings, responses],
    answer(request, behaviour) {
      if (request.path === chat) return chatAnswer(request, behaviour);
      if (request.path === responses) return responsesAnswer(request, behaviour);
      if (request.path === embeddings) return embeddingsAnswer(request, behaviour);
      return completionAnswer(request, behaviour);
    },
    events: (request, behaviour) =>
      request.path === responses ? responsesEvents(request, behaviour) : events(request, behaviour),
    error: openAiError,
    eventOfError: (message, request) =>
      request.path === responses ? responsesErrorEvent(message) : event(openAiError(500, message)),
    ...(isStrict ? { complaint: complaintOfOpenAi } : {}),
    headers: HEADERS,
    indent: 2,
    other(request) {
      if (request.path !== `${base}/models`) return undefined;
      const facts = { object: 'model', created: 1_715_367_049, owned_by: 'system', ...modelFacts };
      return { object: 'list', data: models.map((id) => ({ id, ...facts })) };
    },
    refuses(headers) {
      const given = headers.authorization;
      if (apiKey === undefined || given === `Bearer ${apiKey}`) return null;
      return `Incorrect API key provided: ${given ?? 'none'}.`;
    },
  }).start();
}
