/** Health probes. They list models and never call one, so that no probe can be billed. */
import type { Clock } from '../core/clock.ts';
import type { BackendModel } from '../core/policy.ts';
import type { JsonObject } from '../core/request.ts';
import type { BackendSettings } from '../core/settings.ts';
import type { ProbeResult } from '../core/upstream.ts';
import { UpstreamFailure } from '../core/upstream.ts';
import { probeHeaders } from './headers.ts';
import { isJsonObject, objectsAt, stringAt } from './json-values.ts';
import { modelsOfList, ollamaFacts } from './model-list.ts';
import type { Transport, TransportResponse } from './transport.ts';

/** The longest list known, OpenRouter's, is about a megabyte. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;
/** Details of this many new Ollama models are asked for in one probe; the rest follow in the next ones. */
const MAX_DETAILS_PER_PROBE = 8;

export interface ProbedBackend {
  readonly settings: BackendSettings;
  readonly target: URL;
  readonly basePath: string;
  readonly modelsPath: string;
  readonly credentials: Readonly<Record<string, string>>;
}

interface Reply {
  readonly status: number;
  readonly document: JsonObject | null;
}

type OllamaFacts = Omit<BackendModel, 'id'>;
const NO_FACTS: OllamaFacts = { contextLength: null, vision: null, tools: null };

/** Probes one backend. Keeps what Ollama told about a model until that model changes. */
export class Prober {
  readonly #backend: ProbedBackend;
  readonly #transport: Transport;
  readonly #clock: Clock;
  /** By digest, so that a model that was pulled again is asked about again. */
  #ollamaFacts = new Map<string, OllamaFacts>();

  constructor(backend: ProbedBackend, transport: Transport, clock: Clock) {
    this.#backend = backend;
    this.#transport = transport;
    this.#clock = clock;
  }

  /** Rejects with an `Error` whose message is a plain reason for an operator. */
  async probe(timeoutMs: number): Promise<ProbeResult> {
    const deadline = new AbortController();
    const timer = this.#clock.setTimeout(() => {
      deadline.abort();
    }, timeoutMs);
    const startedMs = this.#clock.monotonicMs();
    try {
      const { status, document } = await this.#list(deadline.signal, timeoutMs);
      const latencyMs = this.#clock.monotonicMs() - startedMs;
      if (document === null) return { latencyMs, models: this.#withoutList(status) };
      return { latencyMs, models: await this.#models(document, deadline.signal, timeoutMs) };
    } catch (error) {
      throw this.#plain(error, timeoutMs, deadline.signal.aborted);
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  async #list(signal: AbortSignal, timeoutMs: number): Promise<Reply> {
    const { settings, modelsPath } = this.#backend;
    if (settings.type === 'llamacpp') {
      const health = await this.#ask('GET', '/health', null, signal, timeoutMs);
      // While the model loads, the server answers 503 here; older builds have no such page.
      if (health.status === 503) throw new Error('503: the model is still loading');
    }
    const path = settings.type === 'ollama' ? '/api/tags' : modelsPath;
    const reply = await this.#ask('GET', path, null, signal, timeoutMs);
    this.#assertWelcome(reply.status, path);
    return reply.status < 400 ? reply : { status: reply.status, document: null };
  }

  /** A `generic` server need not list models; it is there, and that is enough. */
  #withoutList(status: number): null {
    if (this.#backend.settings.type === 'generic' && status !== 200) return null;
    throw new Error(`${this.#where()} answered with something that is no model list`);
  }

  #assertWelcome(status: number, path: string): void {
    if (status < 400) return;
    const { settings } = this.#backend;
    if (status === 401 || status === 403) {
      const reason =
        settings.apiKey === null
          ? 'a key is needed; name its environment variable in api_key_env'
          : `the key in ${settings.apiKeyEnv ?? 'the configuration'} was refused`;
      throw new Error(`${status}: ${reason}`);
    }
    const hasNoList = status === 404 || status === 405 || status === 501;
    if (hasNoList && settings.type === 'generic') return;
    throw new Error(
      hasNoList
        ? `${status}: nothing at ${this.#where()}${path}; check the url`
        : `${status}: the model list could not be read`,
    );
  }

  async #models(
    document: JsonObject,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<readonly BackendModel[]> {
    if (this.#backend.settings.type !== 'ollama') return modelsOfList(document);
    const entries = objectsAt(document, 'models').filter((entry) => stringAt(entry, 'name'));
    await this.#learn(entries, signal, timeoutMs);
    return entries.flatMap((entry) => {
      const id = stringAt(entry, 'name');
      const facts = this.#ollamaFacts.get(stringAt(entry, 'digest')) ?? NO_FACTS;
      // Ollama answers to the bare name of a `:latest`, and that is what people write.
      const names = id.endsWith(':latest') ? [id.slice(0, -':latest'.length), id] : [id];
      return names.map((name) => ({ id: name, ...facts }));
    });
  }

  /** Details are a courtesy: a server that does not tell them is healthy all the same. */
  async #learn(
    entries: readonly JsonObject[],
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<void> {
    const known = new Map<string, OllamaFacts>();
    const unknown: JsonObject[] = [];
    for (const entry of entries) {
      const digest = stringAt(entry, 'digest');
      const facts = this.#ollamaFacts.get(digest);
      if (facts) known.set(digest, facts);
      else unknown.push(entry);
    }
    const asked = unknown.slice(0, MAX_DETAILS_PER_PROBE).map(async (entry) => {
      const body = Buffer.from(JSON.stringify({ model: stringAt(entry, 'name') }));
      const { status, document } = await this.#ask('POST', '/api/show', body, signal, timeoutMs);
      if (status === 200 && document) known.set(stringAt(entry, 'digest'), ollamaFacts(document));
    });
    await Promise.allSettled(asked);
    this.#ollamaFacts = known;
  }

  async #ask(
    method: 'GET' | 'POST',
    path: string,
    body: Buffer | null,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Reply> {
    const { target, basePath, credentials } = this.#backend;
    const headers = probeHeaders(credentials);
    if (body) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = String(body.length);
    }
    const response = await this.#transport.open({
      target,
      method,
      path: basePath + path,
      headers,
      body,
      signal,
      firstByteTimeoutMs: timeoutMs,
    });
    return { status: response.status, document: await readDocument(response) };
  }

  #where(): string {
    return this.#backend.target.origin + this.#backend.basePath;
  }

  #plain(error: unknown, timeoutMs: number, isLate: boolean): Error {
    const isSilent = error instanceof UpstreamFailure && error.kind === 'timeout';
    if (isLate || isSilent) {
      return new Error(`no answer from ${this.#where()} within ${timeoutMs} ms`, { cause: error });
    }
    return Error.isError(error) ? error : new Error(String(error));
  }
}

async function readDocument({ body }: TransportResponse): Promise<JsonObject | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const piece = chunk as Buffer;
    bytes += piece.length;
    if (bytes > MAX_LIST_BYTES) throw new Error('the model list is too long to be one');
    chunks.push(piece);
  }
  return parseList(Buffer.concat(chunks).toString('utf8'));
}

/** Together lists its models as a bare array. */
function parseList(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return { data: value };
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
