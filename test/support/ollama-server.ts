/**
 * A server that speaks the wire formats of Ollama: its own for lists and details, and under `/v1` what it makes of
 * OpenAI's (`middleware/openai.go` and `openai/openai.go` of its sources): no details in the usage, the role on every
 * chunk, whole tool calls, zeros as usage on the chunks of a text completion, and errors of a stream that nobody sees.
 */
import { callsOf, ProviderServer, tokensOf } from './provider-server.ts';
import type { Behaviour, RecordedRequest } from './provider-server.ts';

export interface OllamaServerOptions {
  /** Full names, with their tags. */
  readonly models?: readonly string[];
  /** False: an old server without `/api/show`. */
  readonly showsDetails?: boolean;
  /** True: refuses with 400 what the real API refuses. */
  readonly isStrict?: boolean;
}

const DEFAULT_TEXT = 'Hello there, friend.';
const DEFAULT_USAGE: NonNullable<Behaviour['usage']> = { input: 12, output: 5 };
const NO_TOKENS = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const CHAT = '/v1/chat/completions';
const EMBEDDINGS = '/v1/embeddings';
/** How Ollama wants an image: by value, in one of these formats. */
const IMAGE = /^data:(?:image\/(?:jpeg|jpg|png|webp))?;base64,/;

function usageOf({ usage }: Behaviour): typeof NO_TOKENS {
  const { input, output } = usage ?? DEFAULT_USAGE;
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

function envelopeOf({ path, json }: RecordedRequest, isChunk: boolean): Record<string, unknown> {
  const isChat = path === CHAT;
  return {
    id: isChat ? 'chatcmpl-371' : 'cmpl-371',
    object: isChat ? `chat.completion${isChunk ? '.chunk' : ''}` : 'text_completion',
    created: 1_791_151_009,
    model: json?.['model'],
    system_fingerprint: 'fp_ollama',
  };
}

/** What the model says, as a message or as the only delta that carries a call. */
function toolCallsOf(behaviour: Behaviour): Record<string, unknown>[] {
  return callsOf(behaviour).map((call, index) => ({
    id: `call_9xk2m${index}`,
    index,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
}

function wholeChoice({ path }: RecordedRequest, behaviour: Behaviour): Record<string, unknown> {
  const calls = toolCallsOf(behaviour);
  const text = calls.length > 0 ? (behaviour.text ?? '') : (behaviour.text ?? DEFAULT_TEXT);
  const finish = { finish_reason: calls.length > 0 ? 'tool_calls' : 'stop' };
  if (path !== CHAT) return { text, index: 0, ...finish };
  const reasoning = behaviour.reasoning ? { reasoning: behaviour.reasoning } : {};
  const tools = calls.length > 0 ? { tool_calls: calls } : {};
  return {
    index: 0,
    message: { role: 'assistant', content: text, ...reasoning, ...tools },
    ...finish,
  };
}

function embeddingsAnswer({ json }: RecordedRequest, behaviour: Behaviour): unknown {
  const { input, model, encoding_format: format } = json ?? {};
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  const vector = Float32Array.from([0.5, 0.25, -0.125]);
  const embedding =
    format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
  const tokens = behaviour.usage?.input ?? 8;
  return {
    object: 'list',
    data: inputs.map((_, index) => ({ object: 'embedding', embedding, index })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function answer(request: RecordedRequest, behaviour: Behaviour): unknown {
  if (request.path === EMBEDDINGS) return embeddingsAnswer(request, behaviour);
  return {
    ...envelopeOf(request, false),
    choices: [wholeChoice(request, behaviour)],
    // It always says how many tokens there were; null is for a proxy in front that takes it out.
    ...(behaviour.usage === null ? {} : { usage: usageOf(behaviour) }),
  };
}

function event(document: unknown): string {
  return `data: ${JSON.stringify(document)}\n\n`;
}

interface Piece {
  readonly content?: string;
  readonly reasoning?: string;
  readonly tool_calls?: readonly object[];
}

function piecesOf(behaviour: Behaviour): Piece[] {
  const calls = toolCallsOf(behaviour);
  const text = calls.length > 0 ? (behaviour.text ?? '') : (behaviour.text ?? DEFAULT_TEXT);
  return [
    ...tokensOf(behaviour.reasoning ?? '').map((reasoning) => ({ reasoning })),
    ...tokensOf(text).map((content) => ({ content })),
    ...calls.map((call) => ({ tool_calls: [call] })),
  ];
}

function events(request: RecordedRequest, behaviour: Behaviour): string[] {
  const isChat = request.path === CHAT;
  const options = request.json?.['stream_options'] as { include_usage?: boolean } | undefined;
  const asksUsage = options?.include_usage === true;
  const envelope = envelopeOf(request, true);
  const zeros = asksUsage && !isChat ? { usage: NO_TOKENS } : {};
  const chunk = ({ content = '', ...piece }: Piece, finish: string | null): string => {
    const said = isChat ? { delta: { role: 'assistant', content, ...piece } } : { text: content };
    const choices = [{ index: 0, ...said, finish_reason: finish }];
    return event({ ...envelope, choices, ...zeros });
  };
  const usage = behaviour.usage === null ? {} : { usage: usageOf(behaviour) };
  return [
    ...piecesOf(behaviour).map((piece) => chunk(piece, null)),
    chunk({}, callsOf(behaviour).length > 0 ? 'tool_calls' : 'stop'),
    ...(asksUsage && behaviour.usage !== null
      ? [event({ ...envelope, choices: [], ...usage })]
      : []),
    'data: [DONE]\n\n',
  ];
}

/** After the first byte an error becomes one more chunk, empty, without a name, and without an end marker behind it. */
function eventOfError(): string {
  return event({
    id: 'chatcmpl-371',
    object: 'chat.completion.chunk',
    created: 1_791_151_009,
    model: '',
    system_fingerprint: 'fp_ollama',
    choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
  });
}

function complaint({ json }: RecordedRequest): string | null {
  const messages = Array.isArray(json?.['messages']) ? (json['messages'] as unknown[]) : [];
  for (const message of messages as Record<string, unknown>[]) {
    const { content } = message;
    if (content === null || content === undefined) {
      if (message['tool_calls'] === undefined) return 'invalid message content type: <nil>';
    }
    for (const part of Array.isArray(content) ? (content as Record<string, unknown>[]) : []) {
      if (part['type'] !== 'text' && part['type'] !== 'image_url') return 'invalid message format';
      const image = part['image_url'] as { url?: string } | undefined;
      if (image && !IMAGE.test(image.url ?? '')) return 'invalid image input';
    }
  }
  return null;
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  404: 'not_found_error',
};

function detailsOf(models: readonly string[]): unknown {
  const details = { format: 'gguf', family: 'llama', families: ['llama'], parameter_size: '8.0B' };
  return models.map((name, index) => ({
    name,
    model: name,
    modified_at: '2026-10-04T14:56:49.277302595-07:00',
    size: 4_661_224_676,
    digest: `sha256:${String(index).padStart(64, '0')}`,
    details,
  }));
}

function shown(model: string): unknown {
  return {
    details: { format: 'gguf', family: 'llama', families: ['llama'], parameter_size: '8.0B' },
    model_info: { 'general.architecture': 'llama', 'llama.context_length': 8192 },
    capabilities: ['completion', model.startsWith('llava') ? 'vision' : 'tools'],
  };
}

export async function startOllamaServer(
  options: OllamaServerOptions = {},
): Promise<ProviderServer> {
  const { models = ['llama3:latest'], showsDetails = true, isStrict = false } = options;
  return new ProviderServer({
    modelPaths: [CHAT, '/v1/completions', EMBEDDINGS],
    answer,
    events,
    error(status, message) {
      const type = ERROR_TYPES[status] ?? 'api_error';
      return { error: { message, type, param: null, code: null } };
    },
    eventOfError,
    ...(isStrict ? { complaint } : {}),
    other({ path, method, json }) {
      if (path === '/api/version') return { version: '0.21.0' };
      if (path === '/api/tags') return { models: detailsOf(models) };
      if (path === '/api/show' && method === 'POST' && showsDetails) {
        return shown(String(json?.['model']));
      }
      if (path === '/v1/models') {
        const facts = { object: 'model', created: 1_791_151_009, owned_by: 'library' };
        return { object: 'list', data: models.map((id) => ({ id, ...facts })) };
      }
      return path === '/' ? 'Ollama is running' : undefined;
    },
    // Ollama takes any key, or none.
    refuses: () => null,
  }).start();
}
