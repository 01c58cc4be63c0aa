/**
 * One choke point: the routes of the running app are read from the app itself and driven one by one. What reaches a
 * backend is held and charged; what is not known is refused and reaches nobody.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { backendToml, budgetToml, NO_PROBES } from '../support/cloud-toml.ts';
import { startOllamaServer } from '../support/ollama-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

/** Routes with a POST that may do without hold and charge, and why. */
const UNMETERED: Readonly<Record<string, string>> = {
  '/v1/estimate': 'counts and prices by itself, and asks nobody',
  '/v1/messages/count_tokens': 'the one call of a backend that no provider bills',
  '/admin/clock': 'moves a clock, and asks nobody',
};
/** What must be metered at least: a reader of the app that finds no routes would find no fault either. */
const METERED = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/messages',
  '/v1/responses',
];

const MODELS = ['gpt-4o-mini', 'claude-sonnet-4-5', 'llama3', 'nomic-embed-text'];

let servers: readonly ProviderServer[];
let nexus: TestGateway;
beforeAll(async () => {
  const openai = await startOpenAiServer();
  const anthropic = await startAnthropicServer();
  const ollama = await startOllamaServer({ models: ['llama3:latest', 'nomic-embed-text:latest'] });
  servers = [openai, anthropic, ollama];
  nexus = await startTestGateway(
    budgetToml(100, 'hard_limit_action = "block_all"') +
      NO_PROBES +
      backendToml({ name: 'openai', url: openai.url, models: ['gpt-4o-mini'] }) +
      backendToml({
        name: 'anthropic',
        type: 'anthropic',
        url: anthropic.url,
        models: ['claude-sonnet-4-5'],
      }) +
      backendToml({ name: 'ollama', type: 'ollama', url: ollama.url, models: [] }),
    { env: { OPENAI_API_KEY: 'sk-openai', ANTHROPIC_API_KEY: 'sk-ant' } },
  );
});
afterAll(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await Promise.all(servers.map((server) => server.close()));
});

/** Whatever is listening behind the gateway's port, as Node itself tells it. */
async function runningApp(): Promise<Json> {
  const { promise, resolve } = Promise.withResolvers<Json>();
  const { port } = new URL(nexus.url);
  const hear = (message: unknown): void => {
    const { server } = message as { server: Server };
    const address = server.address();
    if (typeof address === 'object' && String(address?.port) === port)
      resolve(server.listeners('request')[0]);
  };
  subscribe('http.server.request.start', hear);
  await nexus.get('/livez');
  const app = await promise;
  unsubscribe('http.server.request.start', hear);
  return app;
}

interface Route {
  readonly method: string;
  readonly path: string;
}

/** The routes of a router and of those inside of it. */
function routesIn(stack: readonly Json[]): readonly Route[] {
  return stack.flatMap(({ route, handle }: Json): readonly Route[] => {
    if (route === undefined) return Array.isArray(handle.stack) ? routesIn(handle.stack) : [];
    return route.stack.map(({ method }: Json) => ({ method, path: route.path }));
  });
}

/** Each path once: what refuses all other methods of a path has routes of its own. */
async function routesWith(method: string): Promise<readonly string[]> {
  const { stack } = (await runningApp()).router;
  const routes = routesIn(stack).filter((route) => route.method === method);
  return [...new Set(routes.map(({ path }) => path))];
}

/** Calls that providers got, but for what a probe asks. */
function callsSoFar(): number {
  return servers
    .flatMap(({ requests }) => requests)
    .filter(({ method, path }) => method !== 'GET' && path !== '/api/show').length;
}

/** A body of which every route that reaches a model finds what it needs. */
function bodyFor(model: string): object {
  return {
    model,
    messages: [{ role: 'user', content: 'Hello' }],
    prompt: 'Hello',
    input: 'Hello',
    max_tokens: 16,
  };
}

/** Chat takes none of the fields that are not its own, nor do the others. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '/v1/embeddings': ['model', 'input'],
  '/v1/responses': ['model', 'input'],
  '/v1/completions': ['model', 'prompt', 'max_tokens'],
};

function bodyOf(path: string, model: string): object {
  const fields = FIELDS[path] ?? ['model', 'messages', 'max_tokens'];
  return Object.fromEntries(
    Object.entries(bodyFor(model)).filter(([name]) => fields.includes(name)),
  );
}

interface Driven {
  readonly path: string;
  readonly calls: number;
  readonly holds: number;
  readonly charges: number;
  readonly statuses: readonly number[];
}

async function drive(path: string): Promise<Driven> {
  const before = callsSoFar();
  const statuses: number[] = [];
  const entries = await entriesMadeBy(nexus, async () => {
    for (const model of MODELS) {
      for (const stream of [false, true]) {
        const body = { ...bodyOf(path, model), ...(stream ? { stream } : {}) };
        const answer = await nexus.post(path, path === '/admin/clock' ? {} : body);
        await answer.text();
        statuses.push(answer.status);
      }
    }
  });
  const count = (kind: string): number => entries.filter((entry) => entry.kind === kind).length;
  return {
    path,
    calls: callsSoFar() - before,
    holds: count('hold'),
    charges: count('charge'),
    statuses,
  };
}

describe('every route of the running app', () => {
  it('that reaches a backend leaves a hold and a charge for each call', async () => {
    const driven: Driven[] = [];
    for (const path of await routesWith('post')) driven.push(await drive(path));

    const reaching = driven.filter(({ path, calls }) => calls > 0 && !(path in UNMETERED));
    expect(reaching.map(({ path }) => path)).toEqual(expect.arrayContaining(METERED));
    for (const { path, calls, holds, charges } of reaching)
      expect({ path, holds, charges }).toEqual({ path, holds: calls, charges: calls });

    // What reaches nobody is in the list, or it refused everything.
    const silent = driven.filter(({ path, calls }) => calls === 0 && !(path in UNMETERED));
    const answering = silent.filter(({ statuses }) => statuses.some((status) => status < 400));
    expect(answering.map(({ path }) => `${path}: name it in UNMETERED, with a reason`)).toEqual([]);

    // What is in the list holds nothing, and is still there.
    const unmetered = driven.filter(({ path }) => path in UNMETERED);
    expect(unmetered.map(({ path }) => path).toSorted()).toEqual(Object.keys(UNMETERED).toSorted());
    expect(unmetered.every(({ holds }) => holds === 0)).toBe(true);
  });

  it('that only reads asks no backend', async () => {
    const before = callsSoFar();
    for (const path of await routesWith('get')) {
      // An event stream has no end.
      const leave = new AbortController();
      const answer = await fetch(nexus.url + path.replace('*model', 'llama3'), {
        signal: leave.signal,
      });
      expect({ path, isServed: answer.status < 500 }).toEqual({ path, isServed: true });
      leave.abort();
    }
    expect(callsSoFar()).toBe(before);
  });
});

describe('what is no route', () => {
  it.each([
    ['POST', '/v1/audio/speech'],
    ['POST', '/v1/audio/transcriptions'],
    ['POST', '/v1/images/generations'],
    ['POST', '/v1/moderations'],
    ['POST', '/v1/files'],
    ['POST', '/v1/batches'],
    ['POST', '/v1/responses/resp_1/cancel'],
    ['GET', '/v1/responses/resp_1'],
    ['POST', '/v1/realtime/sessions'],
    ['POST', '/v1/complete'],
    ['POST', '/v1/messages/batches'],
    ['GET', '/v1/messages/batches/msgbatch_1/results'],
    ['POST', '/v1/messages/count_tokens/more'],
    ['POST', '/v1beta/models/gemini-2.5-pro:generateContent'],
    ['POST', '/api/chat'],
  ])('%s %s is refused in the dialect of its path, and reaches nobody', async (method, path) => {
    const before = callsSoFar();
    const answer = await fetch(nexus.url + path, {
      method,
      ...(method === 'POST' ? { body: JSON.stringify(bodyFor('gpt-4o-mini')) } : {}),
    });
    expect(answer.status).toBe(404);
    const body: Json = await answer.json();
    expect(body.error.code).toBe('not_found');
    expect(body.error.message).toContain(`Nothing is served at ${method} ${path}`);
    const isAnthropic = path.startsWith('/v1/messages/');
    expect(body.type).toBe(isAnthropic ? 'error' : undefined);
    expect(body.error.type).toBe(isAnthropic ? 'not_found_error' : 'invalid_request_error');
    expect(callsSoFar()).toBe(before);
  });

  it('refuses other methods on the routes of models', async () => {
    for (const path of METERED) {
      const answer = await fetch(nexus.url + path, { method: 'PUT', body: '{}' });
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('POST');
    }
  });
});
