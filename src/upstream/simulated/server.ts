/**
 * A backend that is not there: a real HTTP server on the loopback interface that speaks the OpenAI wire format, so that
 * everything but the model is the real thing. It never pretends: its text, its fingerprint and the owner of its models
 * say that they are simulated.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ModelRoute } from '../../core/policy.ts';
import type { JsonObject } from '../../core/request.ts';
import type { BackendSettings, SimulationSettings } from '../../core/settings.ts';
import { objectAt, parseJsonObject, stringAt } from '../json-values.ts';
import {
  answerChat,
  answerCompletion,
  embeddingInputs,
  embeddingOf,
  type SimulatedAnswer,
} from './answers.ts';
import {
  chatDocument,
  completionDocument,
  embeddingsDocument,
  errorDocumentOf,
  modelsDocument,
  streamEvents,
  usageDocument,
  type Envelope,
} from './wire.ts';

/** Input tokens of a request, as its usage will say them. */
export type CountTokens = (
  body: JsonObject,
  model: string,
  route: ModelRoute,
) => number | Promise<number>;

export interface SimulatedBackend {
  readonly name: string;
  readonly url: URL;
  close(): Promise<void>;
}

const DEFAULT_SIMULATION: SimulationSettings = {
  latencyMs: 0,
  tokensPerSecond: 0,
  outputTokens: 32,
  failureRate: 0,
};
const ROUTES: Readonly<Record<string, ModelRoute>> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'completions',
  '/v1/embeddings': 'embeddings',
};
const MAX_CHOICES = 16;

/** Characters / 4: what stands in until the real counter is given. */
function quarterOfCharacters(body: JsonObject): number {
  const said = body['messages'] ?? body['prompt'] ?? body['input'] ?? '';
  return Math.ceil(JSON.stringify(said).length / 4);
}

class Simulation {
  readonly #backend: BackendSettings;
  readonly #settings: SimulationSettings;
  readonly #models: readonly string[];
  readonly #countTokens: CountTokens;
  #requests = 0;

  constructor(backend: BackendSettings, countTokens: CountTokens) {
    this.#backend = backend;
    this.#settings = backend.simulation ?? DEFAULT_SIMULATION;
    this.#models = backend.models.length > 0 ? backend.models : ['simulated-model'];
    this.#countTokens = countTokens;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const body = await readJson(request);
    const route = ROUTES[path];
    if (request.method === 'GET' && path === '/v1/models') {
      sendJson(response, 200, modelsDocument(this.#backend.name, this.#models));
    } else if (request.method !== 'POST' || !route) {
      const message = `the simulated backend has no ${request.method} ${path}`;
      sendJson(response, 404, errorDocumentOf(message, 'invalid_request_error', 'not_found'));
    } else if (!body) {
      const message = 'the body is no JSON object';
      sendJson(response, 400, errorDocumentOf(message, 'invalid_request_error', 'invalid_json'));
    } else {
      await this.#answer(route, body, response);
    }
  }

  /** The k-th request fails when the share of failures would otherwise fall behind: 0.25 is every fourth. */
  #fails(): boolean {
    this.#requests += 1;
    const { failureRate } = this.#settings;
    const due = Math.floor(this.#requests * failureRate);
    return due > Math.floor((this.#requests - 1) * failureRate);
  }

  async #answer(route: ModelRoute, body: JsonObject, response: ServerResponse): Promise<void> {
    const fails = this.#fails();
    const model = stringAt(body, 'model');
    if (this.#settings.latencyMs > 0) await pause(this.#settings.latencyMs);
    if (response.destroyed) return;
    if (fails) {
      const message = 'simulated failure, as failure_rate asks for';
      sendJson(response, 500, errorDocumentOf(message, 'server_error', 'simulated_failure'));
      return;
    }
    if (!this.#models.includes(model)) {
      const message = `the simulated backend serves ${this.#models.join(', ')}, not ${model}`;
      sendJson(response, 404, errorDocumentOf(message, 'invalid_request_error', 'model_not_found'));
      return;
    }
    const inputTokens = await this.#countTokens(body, model, route);
    if (route === 'embeddings') {
      const vectors = embeddingInputs(body).map((text) => embeddingOf(text, body['dimensions']));
      const format = body['encoding_format'];
      sendJson(response, 200, embeddingsDocument(model, vectors, format, inputTokens));
      return;
    }
    await this.#write(route === 'chat', body, inputTokens, response);
  }

  async #write(
    isChat: boolean,
    body: JsonObject,
    inputTokens: number,
    response: ServerResponse,
  ): Promise<void> {
    const { n } = body;
    const choices = typeof n === 'number' ? Math.min(MAX_CHOICES, Math.max(1, Math.floor(n))) : 1;
    const { outputTokens } = this.#settings;
    const answer = isChat ? answerChat(body, outputTokens) : answerCompletion(body, outputTokens);
    const answers = Array.from({ length: choices }, () => answer);
    const usage = usageDocument(inputTokens, choices * answer.tokens.length);
    const envelope: Envelope = {
      // Of one length, so that load tools which compare lengths see equal answers.
      id: `${isChat ? 'chatcmpl' : 'cmpl'}-simulated-${String(this.#requests).padStart(9, '0')}`,
      created: Math.floor(Date.now() / 1000),
      model: stringAt(body, 'model'),
      system_fingerprint: 'simulated',
    };
    if (body['stream'] !== true) {
      const document = isChat ? chatDocument : completionDocument;
      sendJson(response, 200, document(envelope, answers, usage));
      return;
    }
    const includeUsage = objectAt(body, 'stream_options')['include_usage'] === true;
    await this.#stream(envelope, answers, { isChat, includeUsage, usage }, response);
  }

  /** One event for each token, at the pace of `tokensPerSecond`, with the reader's own back-pressure. */
  async #stream(
    envelope: Envelope,
    answers: readonly SimulatedAnswer[],
    options: Parameters<typeof streamEvents>[2],
    response: ServerResponse,
  ): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const startedAtMs = performance.now();
    const { tokensPerSecond } = this.#settings;
    let sent = 0;
    for (const event of streamEvents(envelope, answers, options)) {
      if (response.destroyed) return;
      const hasRoom = response.write(event);
      sent += 1;
      const dueAtMs = tokensPerSecond > 0 ? startedAtMs + (sent * 1000) / tokensPerSecond : 0;
      const waitMs = dueAtMs - performance.now();
      if (waitMs >= 1) await pause(waitMs);
      if (!hasRoom && !response.destroyed) await roomOrClose(response);
    }
    response.end();
  }
}

/** A pause that does not keep a stopping process alive. */
async function pause(ms: number): Promise<void> {
  await delay(ms, undefined, { ref: false });
}

async function roomOrClose(response: ServerResponse): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  stop.abort();
}

async function readJson(request: IncomingMessage): Promise<JsonObject | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return parseJsonObject(Buffer.concat(chunks).toString('utf8'));
}

function sendJson(response: ServerResponse, status: number, document: JsonObject): void {
  const body = Buffer.from(JSON.stringify(document));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-request-id': 'simulated',
  });
  response.end(body);
}

async function listen(server: Server): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}`);
}

/** Starts a simulated backend on a free port of the loopback interface. */
export async function startSimulatedBackend(
  backend: BackendSettings,
  countTokens: CountTokens = quarterOfCharacters,
): Promise<SimulatedBackend> {
  const simulation = new Simulation(backend, countTokens);
  const server = createServer((request, response) => {
    simulation.handle(request, response).catch(() => {
      response.destroy();
    });
  });
  const url = await listen(server);
  return {
    name: backend.name,
    url,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
