/** Puts the room together: transport below, dialects above, simulated backends beside. */
import { assert, unreachable } from '../core/assert.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { BackendSettings } from '../core/settings.ts';
import type { Upstream, UpstreamAnswer, UpstreamAttempt } from '../core/upstream.ts';
import { decoded } from './content-encoding.ts';
import { anthropicDialect } from './dialects/anthropic/dialect.ts';
import { passageOf, servedRoutes, type Passage } from './dialects/client-format.ts';
import type { Dialect } from './dialects/dialect.ts';
import { openAiDialect } from './dialects/openai/dialect.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import { Prober } from './probe.ts';
import { createProxyTransport } from './proxy-transport.ts';
import { startSimulatedBackend } from './simulated/server.ts';
import type { CountTokens, SimulatedBackend } from './simulated/server.ts';
import { systemClock } from './system-clock.ts';
import type { Transport, TransportResponse } from './transport.ts';

export interface UpstreamOptions {
  readonly backends: readonly BackendSettings[];
  readonly log: Log;
  /**
   * For deadlines and latencies. Leave it out where an injected clock is moved by hand while real calls are in flight:
   * moving it would let their deadlines pass.
   */
  readonly clock?: Clock;
  /** How simulated backends count the input tokens that they report; characters / 4 without it. */
  readonly countTokens?: CountTokens;
}

interface Backend {
  readonly settings: BackendSettings;
  readonly dialect: Dialect;
  readonly target: URL;
  /** Path of the configured URL, without a slash at its end. */
  readonly basePath: string;
  readonly prober: Prober;
}

function dialectOf(settings: BackendSettings, clock: Clock): Dialect {
  const { type } = settings;
  switch (type) {
    case 'anthropic':
      return anthropicDialect(settings, clock);
    case 'openai':
    case 'google':
    case 'ollama':
    case 'vllm':
    case 'llamacpp':
    case 'lmstudio':
    case 'exo':
    case 'generic':
    case 'simulated':
      return openAiDialect(settings, type);
    default:
      return unreachable(type);
  }
}

function isEventStream({ headers }: TransportResponse): boolean {
  return (headers['content-type'] ?? '').toLowerCase().startsWith('text/event-stream');
}

/** The answer as the conductor sees it. */
function answerOf(
  { settings }: Backend,
  passage: Passage,
  response: TransportResponse,
): UpstreamAnswer {
  const isStream = isEventStream(response);
  const isError = response.status >= 400;
  const { 'content-encoding': encoding } = response.headers;
  const plain = encoding === undefined ? null : decoded(response.body, encoding);
  const headers = responseHeaders(response.headers, {
    keepsLength: passage.passesBytes && !isStream && !isError && plain === null,
    keepsEncoding: plain === null,
    secret: settings.apiKey,
  });
  // An error of the translated kind is JSON, whatever it was before.
  if (isError && !passage.passesBytes) headers['content-type'] = 'application/json';
  return {
    status: response.status,
    headers,
    isStream: isStream && !isError,
    body: plain ?? response.body,
    reader: passage.reader({ status: response.status, isStream }),
  };
}

async function openPassage(
  transport: Transport,
  backend: Backend,
  attempt: UpstreamAttempt,
  passage: Passage,
): Promise<UpstreamAnswer> {
  const { dialect, target, basePath } = backend;
  const { path, body, relays = [] } = passage;
  const response = await transport.open({
    target,
    method: 'POST',
    path: basePath + path,
    headers: requestHeaders({
      requestId: attempt.request.id,
      stream: attempt.request.stream,
      contentLength: body.length,
      client: attempt.clientRequest.headers,
      relayed: [...dialect.relayedHeaders, ...relays],
      defaults: dialect.defaultHeaders ?? {},
      credentials: dialect.credentials,
    }),
    body,
    signal: attempt.signal,
    firstByteTimeoutMs: attempt.firstByteTimeoutMs,
  });
  return answerOf(backend, passage, response);
}

async function openAttempt(
  transport: Transport,
  backend: Backend,
  attempt: UpstreamAttempt,
): Promise<UpstreamAnswer> {
  return openPassage(transport, backend, attempt, passageOf(backend.dialect, attempt));
}

function openCount(
  transport: Transport,
  backend: Backend,
  attempt: UpstreamAttempt,
): Promise<UpstreamAnswer> | null {
  const { dialect } = backend;
  const outgoing = dialect.counting?.(attempt);
  if (outgoing === undefined) return null;
  return openPassage(transport, backend, attempt, {
    ...outgoing,
    passesBytes: true,
    reader: (head) => dialect.reader(attempt, head),
  });
}

/** Starts the simulated ones among the backends; when one can not start, the others are stopped again. */
async function startSimulated(
  backends: readonly BackendSettings[],
  countTokens: CountTokens | undefined,
): Promise<ReadonlyMap<string, SimulatedBackend>> {
  const wanted = backends.filter((settings) => settings.type === 'simulated');
  const started = await Promise.allSettled(
    wanted.map(async (settings) => startSimulatedBackend(settings, countTokens)),
  );
  const servers = started.filter((result) => result.status === 'fulfilled');
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all(servers.map(async ({ value }) => value.close()));
    throw new Error('a simulated backend can not listen on 127.0.0.1', { cause: failed.reason });
  }
  return new Map(servers.map(({ value }) => [value.name, value]));
}

function urlOf(settings: BackendSettings, simulated: SimulatedBackend | undefined): URL {
  if (simulated) return simulated.url;
  assert(URL.canParse(settings.url), `the url of the backend ${settings.name} is a URL`);
  return new URL(settings.url);
}

/**
 * Opens the way to every configured backend and starts the simulated ones. Rejects when one of these can not listen on
 * the loopback interface.
 */
export async function createUpstream(options: UpstreamOptions): Promise<Upstream> {
  const { log, clock = systemClock } = options;
  const simulated = await startSimulated(options.backends, options.countTokens);
  const transport = createProxyTransport(clock);
  const backends = new Map<string, Backend>();
  for (const settings of options.backends) {
    const url = urlOf(settings, simulated.get(settings.name));
    const target = new URL(url.origin);
    const dialect = dialectOf(settings, clock);
    const basePath = url.pathname.replace(/\/+$/, '');
    const { modelsPath } = dialect;
    const credentials = { ...dialect.defaultHeaders, ...dialect.credentials };
    const probed = { settings, target, basePath, modelsPath, credentials };
    const prober = new Prober(probed, transport, clock);
    backends.set(settings.name, { settings, dialect, target, basePath, prober });
    log.debug('backend configured', { backend: settings.name, url: target.origin });
  }

  const backendNamed = (name: string): Backend => {
    const backend = backends.get(name);
    assert(backend !== undefined, `the backend ${name} is configured`);
    return backend;
  };

  return {
    open: async (attempt) => openAttempt(transport, backendNamed(attempt.backend), attempt),
    countTokens: (attempt) => openCount(transport, backendNamed(attempt.backend), attempt),
    routesOf: (name) => servedRoutes(backendNamed(name).dialect),
    probe: async (name, timeoutMs) => backendNamed(name).prober.probe(timeoutMs),
    async close() {
      await transport.close();
      await Promise.all([...simulated.values()].map(async (server) => server.close()));
    },
  };
}
