/** A server that speaks the wire format of the Anthropic Messages API, versions 2023-06-01 and 2026-10-21. */
import { complaintOfAnthropic } from './anthropic-rules.ts';
import { callsOf, ProviderServer, tokensOf } from './provider-server.ts';
import type { Behaviour, RecordedRequest } from './provider-server.ts';

export interface AnthropicServerOptions {
  /** When given, only this key is welcome. */
  readonly apiKey?: string;
  readonly models?: readonly string[];
  /** True: refuses with 400 what the real API refuses. */
  readonly isStrict?: boolean;
}

const DEFAULT_TEXT = 'Hello there, friend.';
const DEFAULT_USAGE: NonNullable<Behaviour['usage']> = { input: 12, output: 5 };
const COUNT_PATH = '/v1/messages/count_tokens';
/** Tokens of every request, so that a test sees who has counted. */
const COUNTED_TOKENS = 4711;
const VERSIONS = ['2023-06-01', '2026-10-21'];
const SIGNATURE = 'EqQBCgIYAhIM1gbcDa9GJwZA2b3h';

/** `input_tokens` leaves cached tokens out, as the API does. */
function usageOf({ usage }: Behaviour): Record<string, unknown> {
  const { input, output, cached = 0, cacheWrite = 0, cacheWrite1h = 0 } = usage ?? DEFAULT_USAGE;
  return {
    input_tokens: input - cached - cacheWrite - cacheWrite1h,
    cache_creation_input_tokens: cacheWrite + cacheWrite1h,
    cache_read_input_tokens: cached,
    cache_creation: {
      ephemeral_5m_input_tokens: cacheWrite,
      ephemeral_1h_input_tokens: cacheWrite1h,
    },
    output_tokens: output,
    service_tier: 'standard',
  };
}

function blocksOf(behaviour: Behaviour): Record<string, unknown>[] {
  const { reasoning, text } = behaviour;
  const calls = callsOf(behaviour);
  return [
    ...(reasoning ? [{ type: 'thinking', thinking: reasoning, signature: SIGNATURE }] : []),
    ...(calls.length > 0 && text === undefined
      ? []
      : [{ type: 'text', text: text ?? DEFAULT_TEXT }]),
    ...calls.map((call, index) => ({
      type: 'tool_use',
      id: `toolu_01A09q90qw${index === 0 ? '' : index}`,
      name: call.name,
      input: call.arguments,
    })),
  ];
}

function stopReasonOf(behaviour: Behaviour): string {
  return callsOf(behaviour).length > 0 ? 'tool_use' : 'end_turn';
}

function messageOf(request: RecordedRequest): Record<string, unknown> {
  return {
    id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
    type: 'message',
    role: 'assistant',
    model: request.json?.['model'],
  };
}

function answer(request: RecordedRequest, behaviour: Behaviour): unknown {
  if (request.path === COUNT_PATH) return { input_tokens: COUNTED_TOKENS };
  return {
    ...messageOf(request),
    content: blocksOf(behaviour),
    stop_reason: stopReasonOf(behaviour),
    stop_sequence: null,
    ...(behaviour.usage === null ? {} : { usage: usageOf(behaviour) }),
  };
}

function blockEvents(block: Record<string, unknown>, index: number): string[] {
  const start = (contentBlock: unknown): string =>
    event({ type: 'content_block_start', index, content_block: contentBlock });
  const delta = (said: unknown): string =>
    event({ type: 'content_block_delta', index, delta: said });
  const stop = event({ type: 'content_block_stop', index });
  switch (block['type']) {
    case 'thinking':
      return [
        start({ type: 'thinking', thinking: '', signature: '' }),
        ...tokensOf(String(block['thinking'])).map((thinking) =>
          delta({ type: 'thinking_delta', thinking }),
        ),
        delta({ type: 'signature_delta', signature: SIGNATURE }),
        stop,
      ];
    case 'tool_use': {
      const json = JSON.stringify(block['input']);
      const half = Math.ceil(json.length / 2);
      // The API starts with an empty piece, and sends nothing else when there are no arguments.
      const said = json === '{}' ? [''] : ['', json.slice(0, half), json.slice(half)];
      return [
        start({ ...block, input: {} }),
        ...said.map((partial) => delta({ type: 'input_json_delta', partial_json: partial })),
        stop,
      ];
    }
    default:
      return [
        start({ type: 'text', text: '' }),
        ...tokensOf(String(block['text'])).map((text) => delta({ type: 'text_delta', text })),
        stop,
      ];
  }
}

function events(request: RecordedRequest, behaviour: Behaviour): string[] {
  const usage = usageOf(behaviour);
  const message = {
    ...messageOf(request),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  };
  const end = { stop_reason: stopReasonOf(behaviour), stop_sequence: null };
  const final =
    behaviour.usage === null ? {} : { usage: { output_tokens: usage['output_tokens'] } };
  return [
    event({ type: 'message_start', message }),
    event({ type: 'ping' }),
    ...blocksOf(behaviour).flatMap(blockEvents),
    event({ type: 'message_delta', delta: end, ...final }),
    event({ type: 'message_stop' }),
  ];
}

function event(document: { readonly type: string; readonly [key: string]: unknown }): string {
  return `event: ${document.type}\ndata: ${JSON.stringify(document)}\n\n`;
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

function errorOf(type: string, message: string) {
  return {
    type: 'error',
    error: { type, message },
    request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy',
  } as const;
}

const HEADERS = {
  'anthropic-organization-id': '6ba1c5f6-0b1c-4f0f-8f4b-3a6f4f0c2a11',
  'anthropic-ratelimit-requests-limit': '4000',
  'anthropic-ratelimit-requests-remaining': '3999',
  'request-id': 'req_011CSHoEeqs5C35K2UUqR7Fy',
};

export async function startAnthropicServer(
  options: AnthropicServerOptions = {},
): Promise<ProviderServer> {
  const { apiKey, models = ['claude-sonnet-4-5'], isStrict = false } = options;
  return new ProviderServer({
    modelPaths: ['/v1/messages'],
    countPath: COUNT_PATH,
    answer,
    events,
    error: (status, message) => errorOf(ERROR_TYPES[status] ?? 'api_error', message),
    // An event of its own, after which the stream ends.
    eventOfError: (message) => event(errorOf('overloaded_error', message)),
    ...(isStrict ? { complaint: complaintOfAnthropic } : {}),
    headers: HEADERS,
    other(request) {
      if (request.path !== '/v1/models') return undefined;
      const data = models.map((id) => ({
        type: 'model',
        id,
        display_name: id,
        created_at: '2026-02-04T00:00:00Z',
      }));
      return { data, has_more: false, first_id: models[0], last_id: models.at(-1) };
    },
    refuses(headers) {
      const version = headers['anthropic-version'];
      if (version === undefined) return 'anthropic-version: header is required';
      if (!VERSIONS.includes(String(version)))
        return `anthropic-version: "${String(version)}" is not a valid version`;
      return apiKey === undefined || headers['x-api-key'] === apiKey ? null : 'invalid x-api-key';
    },
  }).start();
}
