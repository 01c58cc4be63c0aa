/** Builders of backends and attempts with defaults, and the conductor's part in its simplest form: read it all. */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import type { Log } from '../../src/core/log.ts';
import type { ModelRequest } from '../../src/core/request.ts';
import type { BackendSettings } from '../../src/core/settings.ts';
import type { UpstreamAnswer, UpstreamAttempt } from '../../src/core/upstream.ts';

export const silentLog: Log = { error() {}, warn() {}, info() {}, debug() {} };

export function aBackend(overrides: Partial<BackendSettings> = {}): BackendSettings {
  return {
    name: 'backend',
    url: '',
    type: 'openai',
    kind: 'cloud',
    priority: 50,
    tier: 3,
    apiKeyEnv: null,
    apiKey: null,
    models: [],
    prices: {},
    simulation: null,
    ...overrides,
  };
}

type Body = Readonly<Record<string, unknown>>;

export const CHAT_BODY: Body = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'Hello' }],
};

/** A request as the HTTP room would parse it from `body`. */
function aRequest(body: Body, overrides: Partial<ModelRequest> = {}): ModelRequest {
  const options = body['stream_options'] as { include_usage?: boolean } | undefined;
  const field = ['max_completion_tokens', 'max_tokens'].find((name) => name in body) ?? null;
  return {
    id: 'req-1',
    route: 'chat',
    model: String(body['model']),
    body,
    rawBody: Buffer.from(JSON.stringify(body)),
    stream: body['stream'] === true,
    wantsUsageChunk: options?.include_usage === true,
    maxOutputTokens: field === null ? null : Number(body[field]),
    maxOutputField: field as ModelRequest['maxOutputField'],
    choices: 1,
    features: { vision: false, tools: false, jsonMode: false },
    strict: false,
    receivedAtMs: 0,
    ...overrides,
  };
}

export interface AttemptOptions {
  readonly body?: Body;
  readonly request?: Partial<ModelRequest>;
  readonly clientHeaders?: IncomingHttpHeaders;
  readonly attempt?: Partial<UpstreamAttempt>;
}

export function anAttempt(options: AttemptOptions = {}): UpstreamAttempt {
  const request = aRequest(options.body ?? CHAT_BODY, options.request);
  const clientRequest = new IncomingMessage(new Socket());
  clientRequest.headers = options.clientHeaders ?? {};
  return {
    request,
    backend: 'backend',
    model: request.model,
    maxOutputTokens: null,
    signal: new AbortController().signal,
    firstByteTimeoutMs: 5_000,
    clientRequest,
    clientResponse: new ServerResponse(clientRequest),
    ...options.attempt,
  };
}

/** All that a client would get. */
export async function readAll({ body, reader }: UpstreamAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(reader.push(chunk as Buffer));
  chunks.push(reader.end());
  return Buffer.concat(chunks).toString('utf8');
}

/** The JSON documents of an event stream, without its end marker. */
export function documentsOf(stream: string): Record<string, unknown>[] {
  return stream
    .split('\n\n')
    .filter((block) => block.startsWith('data: {'))
    .map((block) => JSON.parse(block.slice('data: '.length)) as Record<string, unknown>);
}
