/** The OpenAI wire format, which the client speaks too: what need not change passes as it is. */
import type { ModelRoute } from '../../../core/policy.ts';
import type { BackendSettings, BackendType } from '../../../core/settings.ts';
import type { UpstreamAttempt } from '../../../core/upstream.ts';
import { bodyFor, injectsUsage } from '../../request-body.ts';
import type { Dialect } from '../dialect.ts';
import { ErrorReader } from '../error-reader.ts';
import { OpenAiJsonReader, OpenAiStreamReader } from './answers.ts';
import { NATIVE_USAGE_KEYS } from './usage.ts';
import { ResponsesJsonReader, ResponsesStreamReader } from '../responses/native.ts';

type OpenAiType = Exclude<BackendType, 'anthropic'>;

const ALL_ROUTES: readonly ModelRoute[] = ['chat', 'completions', 'embeddings'];

/** What differs between backends of this dialect. Ollama, too, is spoken to at its `/v1`. */
const VARIANTS: Readonly<
  Record<OpenAiType, { readonly base: string; readonly routes: readonly ModelRoute[] }>
> = {
  openai: { base: '/v1', routes: ALL_ROUTES },
  google: { base: '/v1beta/openai', routes: ['chat', 'embeddings'] },
  ollama: { base: '/v1', routes: ALL_ROUTES },
  vllm: { base: '/v1', routes: ALL_ROUTES },
  llamacpp: { base: '/v1', routes: ALL_ROUTES },
  lmstudio: { base: '/v1', routes: ALL_ROUTES },
  exo: { base: '/v1', routes: ['chat'] },
  generic: { base: '/v1', routes: ALL_ROUTES },
  simulated: { base: '/v1', routes: ALL_ROUTES },
};

/** Backends that can forget `usage` in a stream for figures of their own; what a generic one is nobody knows. */
const NATIVE_KEYS: Partial<Record<BackendType, readonly string[]>> = {
  google: [NATIVE_USAGE_KEYS.google],
  ollama: [NATIVE_USAGE_KEYS.ollama],
  llamacpp: [NATIVE_USAGE_KEYS.llamacpp],
  lmstudio: [NATIVE_USAGE_KEYS.llamacpp],
  generic: Object.values(NATIVE_USAGE_KEYS),
};

const ROUTE_PATHS: Readonly<Record<ModelRoute, string>> = {
  chat: '/chat/completions',
  completions: '/completions',
  embeddings: '/embeddings',
  messages: '/messages',
  responses: '/responses',
};

/** The query of the client's own address, which belongs to what passes as it is. */
function queryOf({ clientRequest: { url = '' } }: UpstreamAttempt): string {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at);
}

/** The dialect of one backend; `type` is its own, said again because it can not be `anthropic` here. */
export function openAiDialect(backend: BackendSettings, type: OpenAiType): Dialect {
  const { base, routes } = VARIANTS[type];
  // Others have begun to serve the Responses API too, each another part of it: who runs one says so.
  const { apiKey, responsesApi = type === 'openai' } = backend;
  return {
    passes: responsesApi ? [...routes, 'responses'] : routes,
    translates: [],
    relayedHeaders: ['openai-beta'],
    modelsPath: `${base}/models`,
    credentials: apiKey === null ? {} : { authorization: `Bearer ${apiKey}` },
    outgoing(attempt) {
      const { route } = attempt.request;
      const query = route === 'responses' ? queryOf(attempt) : '';
      return { path: base + ROUTE_PATHS[route] + query, body: bodyFor(attempt) };
    },
    reader(attempt, { status, isStream }) {
      if (status >= 400) return new ErrorReader(apiKey, (body) => body);
      if (attempt.request.route === 'responses')
        return isStream ? new ResponsesStreamReader() : new ResponsesJsonReader();
      if (isStream) return new OpenAiStreamReader(injectsUsage(attempt), NATIVE_KEYS[type]);
      return new OpenAiJsonReader(attempt.request.route);
    },
  };
}
