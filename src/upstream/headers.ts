/**
 * What crosses the gateway in HTTP headers. Both directions are allow-lists: what is not named here stays on its side,
 * so that a header that nobody thought of can not carry a credential or a false `X-Nexus-*` fact.
 */
import type { IncomingHttpHeaders } from 'node:http';

const USER_AGENT = 'nexus-gateway';

/** Names in lower case, as Node gives them. */
const RELAYED = new Set([
  'content-type',
  'content-language',
  'cache-control',
  'retry-after',
  'retry-after-ms',
  // The official SDKs obey it.
  'x-should-retry',
  'openai-processing-ms',
  'openai-version',
]);
const RELAYED_PREFIXES = ['x-ratelimit-', 'anthropic-ratelimit-'];
/** The gateway has a request id of its own; the provider's is what its support asks for. */
const UPSTREAM_REQUEST_IDS = ['x-request-id', 'request-id'];

/** What Node accepts as a header value: no control character but the tab, so that no value can start a new header. */
const SAFE_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export interface RequestHeaderOptions {
  readonly requestId: string;
  readonly stream: boolean;
  readonly contentLength: number;
  /** The client's headers; only those named in `relayed` are looked at. */
  readonly client: IncomingHttpHeaders;
  readonly relayed: readonly string[];
  /** For what the backend asks and the client did not send. */
  readonly defaults: Readonly<Record<string, string>>;
  /** How this backend wants its own key. */
  readonly credentials: Readonly<Record<string, string>>;
}

/** Headers of a request to a model. Nothing of the client but the few harmless ones that a dialect names. */
export function requestHeaders(options: RequestHeaderOptions): Record<string, string> {
  const headers: Record<string, string> = {
    accept: options.stream ? 'text/event-stream' : 'application/json',
    // The tap reads plain bytes; a compressed stream would also be held back by the compressor.
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'content-length': String(options.contentLength),
    'user-agent': USER_AGENT,
    ...options.defaults,
  };
  if (SAFE_VALUE.test(options.requestId)) headers['x-request-id'] = options.requestId;
  for (const name of options.relayed) {
    const value = options.client[name];
    if (typeof value === 'string' && SAFE_VALUE.test(value)) headers[name] = value;
  }
  return { ...headers, ...options.credentials };
}

/** Headers of a probe. */
export function probeHeaders(
  credentials: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
    ...credentials,
  };
}

export interface ResponseHeaderOptions {
  /** True when the body passes with its length unchanged. */
  readonly keepsLength: boolean;
  /** True when the body is still compressed, in a way that only the client may know. */
  readonly keepsEncoding: boolean;
  /** The backend's key: a header that holds it is dropped. */
  readonly secret: string | null;
}

/** Headers of an answer that are safe to give to a client. */
export function responseHeaders(
  upstream: IncomingHttpHeaders,
  options: ResponseHeaderOptions,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(upstream)) {
    if (typeof value !== 'string' || !isRelayed(name) || !SAFE_VALUE.test(value)) continue;
    if (options.secret !== null && value.includes(options.secret)) continue;
    headers[name] = value;
  }
  const { 'content-length': length, 'content-encoding': encoding } = upstream;
  if (options.keepsLength && length !== undefined) headers['content-length'] = length;
  if (options.keepsEncoding && encoding !== undefined) headers['content-encoding'] = encoding;
  for (const name of UPSTREAM_REQUEST_IDS) {
    const id = upstream[name];
    if (typeof id === 'string' && SAFE_VALUE.test(id)) headers['x-upstream-request-id'] ??= id;
  }
  return headers;
}

function isRelayed(name: string): boolean {
  return RELAYED.has(name) || RELAYED_PREFIXES.some((prefix) => name.startsWith(prefix));
}
