/** A server that speaks the wire format of the OpenAI API: chat, completions, embeddings, models. */
import { ProviderServer, tokensOf } from './provider-server.ts';
import type { Behaviour, RecordedRequest, WireFormat } from './provider-server.ts';

export interface OpenAiServerOptions {
  /** When given, only this key is welcome. */
  readonly apiKey?: string;
  readonly models?: readonly string[];
  /** What the list says beside the id of each model. */
  readonly modelFacts?: Readonly<Record<string, unknown>>;
  /** Path in front of everything, `/v1` if nothing else is said. */
  readonly base?: string;
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
      completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
    },
  };
}

function envelopeOf(request: RecordedRequest): Record<string, unknown> {
  return {
    id: 'chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG',
    created: 1_741_570_283,
    model: request.json?.['model'],
    service_tier: 'default',
    system_fingerprint: 'fp_fc9f1d7035',
  };
}

function toolCallsOf({ toolCall }: Behaviour): Record<string, unknown> | null {
  if (!toolCall) return null;
  const called = { name: toolCall.name, arguments: JSON.stringify(toolCall.arguments) };
  return { id: 'call_abc123', type: 'function', function: called };
}

function chatAnswer(request: RecordedRequest, behaviour: Behaviour): unknown {
  const call = toolCallsOf(behaviour);
  return {
    ...envelopeOf(request),
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: call ? null : (behaviour.text ?? DEFAULT_TEXT),
          ...(call ? { tool_calls: [call] } : {}),
          ...(behaviour.reasoning ? { reasoning_content: behaviour.reasoning } : {}),
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: call ? 'tool_calls' : 'stop',
      },
    ],
    ...usageOf(behaviour),
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
  };
}

function deltasOf(behaviour: Behaviour): Record<string, unknown>[] {
  const call = toolCallsOf(behaviour);
  if (behaviour.toolCall && call) {
    const text = JSON.stringify(behaviour.toolCall.arguments);
    const half = Math.ceil(text.length / 2);
    const opening = {
      ...call,
      index: 0,
      function: { name: behaviour.toolCall.name, arguments: '' },
    };
    return [
      { role: 'assistant', content: null, tool_calls: [opening], refusal: null },
      ...[text.slice(0, half), text.slice(half)].map((piece) => ({
        tool_calls: [{ index: 0, function: { arguments: piece } }],
      })),
    ];
  }
  return [
    { role: 'assistant', content: '', refusal: null },
    ...tokensOf(behaviour.reasoning ?? '').map((piece) => ({ reasoning_content: piece })),
    ...tokensOf(behaviour.text ?? DEFAULT_TEXT).map((content) => ({ content })),
  ];
}

/** As OpenAI streams: with `include_usage`, `"usage":null` on every chunk and one more chunk without choices. */
function events(request: RecordedRequest, behaviour: Behaviour): string[] {
  const isChat = request.path.endsWith('/chat/completions');
  const options = request.json?.['stream_options'] as { include_usage?: boolean } | undefined;
  const asksUsage = options?.include_usage === true;
  const envelope = {
    ...envelopeOf(request),
    object: isChat ? 'chat.completion.chunk' : 'text_completion',
  };
  const none = asksUsage ? { usage: null } : {};
  const chunk = (delta: Record<string, unknown>, finish: string | null): string => {
    const said = isChat ? { delta } : { text: delta['content'] ?? '' };
    const choices = [{ index: 0, ...said, logprobs: null, finish_reason: finish }];
    return event({ ...envelope, choices, ...none });
  };
  const usage = usageOf(behaviour);
  return [
    ...deltasOf(behaviour).map((delta) => chunk(delta, null)),
    chunk({}, behaviour.toolCall ? 'tool_calls' : 'stop'),
    ...(asksUsage && usage['usage'] ? [event({ ...envelope, choices: [], ...usage })] : []),
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

/** Errors in OpenAI's shape, which the servers that copy its API share. */
function openAiError(status: number, message: string): unknown {
  const { type, code } = ERROR_TYPES[status] ?? { type: 'server_error', code: null };
  return { error: { message, type, param: null, code } };
}

/** Answers and events of the API's three model routes under a base path; Ollama's `/v1` is one of them. */
export function openAiCalls(
  base: string,
): Pick<WireFormat, 'modelPaths' | 'answer' | 'events' | 'error'> {
  const chat = `${base}/chat/completions`;
  const embeddings = `${base}/embeddings`;
  return {
    modelPaths: [chat, `${base}/completions`, embeddings],
    answer(request, behaviour) {
      if (request.path === chat) return chatAnswer(request, behaviour);
      if (request.path === embeddings) return embeddingsAnswer(request, behaviour);
      return completionAnswer(request, behaviour);
    },
    events,
    error: openAiError,
  };
}

export async function startOpenAiServer(
  options: OpenAiServerOptions = {},
): Promise<ProviderServer> {
  const { apiKey, models = ['gpt-4o-mini'], modelFacts = {}, base = '/v1' } = options;
  return new ProviderServer({
    ...openAiCalls(base),
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
