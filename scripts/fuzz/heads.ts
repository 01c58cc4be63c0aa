/** Request lines and headers that are lawful and odd, and some that are only odd. */
import type { Chance } from '../prove/chance.ts';

export interface OddHead {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  /** False where even a correct server may close without a word. */
  readonly isAnswered: boolean;
}

/** Methods that Node's parser knows. Others are refused before anybody sees them. */
const METHODS: readonly [string, ...string[]] = [
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PATCH',
  'TRACE',
  'PROPFIND',
  'M-SEARCH',
  'PURGE',
  'LINK',
];
const UNKNOWN_METHODS: readonly [string, ...string[]] = ['FETCH', 'get', 'GETT', 'X', 'CONNECT'];

const QUERIES: readonly [string, ...string[]] = [
  '?limit=1e3',
  '?limit=-1&after=x',
  '?limit=1&limit=2',
  '?__proto__[x]=1&constructor=2',
  '?after=9007199254740993',
  '?month=%00',
  '?kind[]=hold&kind[a]=1',
  '?model=%ff%fe',
  `?${'a=1&'.repeat(2000)}`,
  `?request_id=${'x'.repeat(3000)}`,
  '?%',
  '?limit=%E2%82%AC',
];

function oddPath(path: string, chance: Chance): string {
  switch (chance.below(14)) {
    case 0:
      return path.replaceAll('/', '%2f');
    case 1:
      return `/${path}`;
    case 2:
      return `${path}/../..${path}`;
    case 3:
      return `${path}/.`;
    case 4:
      return `${path}%00`;
    case 5:
      return `${path}/%ff%fe`;
    case 6:
      return `${path};v=1`;
    case 7:
      return path.toUpperCase();
    case 8:
      return `http://elsewhere.example${path}`;
    case 9:
      return `${path}/${'a'.repeat(chance.acrossScales(10, 30_000))}`;
    case 10:
      return `${path}\\..\\x`;
    case 11:
      return `${path}/\xe4\xbd\xa0`;
    case 12:
      return '*';
    default:
      return `${path}%`;
  }
}

/** A lawful target near the path. */
export function oddTarget(path: string, chance: Chance): string {
  return chance.happens(0.5) ? path + chance.pick(QUERIES) : oddPath(path, chance);
}

const SPOOFED: readonly [string, ...string[]] = [
  'X-Nexus-Strict: true',
  'X-Nexus-Strict: yes, please',
  'X-Nexus-Request-Id: mine',
  'X-Nexus-Backend: other',
  'X-Request-Id: \x80\xff',
  'Authorization: Bearer',
  `Authorization: Bearer ${'k'.repeat(2000)}`,
  'Authorization: \xe4\xf6\xfc',
  'X-Api-Key: x',
  'X-Forwarded-For: 127.0.0.1',
  'X-HTTP-Method-Override: DELETE',
  'Accept: text/event-stream',
  'Accept-Encoding: gzip;q=0, *;q=0',
  'Range: bytes=0-1',
  'If-None-Match: *',
  'Origin: https://evil.example',
  'Cookie: a=b; __proto__=c',
  'Connection: keep-alive, Content-Length',
  'Connection: close',
  'Upgrade: websocket',
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA',
  'Expect: 100-continue',
  'Expect: the unexpected',
  'TE: trailers, chunked',
  'Trailer: Content-Length',
  'Last-Event-ID: 1',
  'Openai-Beta: \tx\ty',
];

/** A few lawful headers. */
export function oddHeaders(chance: Chance): readonly string[] {
  const count = chance.below(4);
  const headers = Array.from({ length: count }, () => chance.pick(SPOOFED));
  if (chance.happens(0.05))
    headers.push(...Array.from({ length: chance.acrossScales(10, 1000) }, (_, at) => `X-${at}: 1`));
  if (chance.happens(0.03)) headers.push(`X-Long: ${'v'.repeat(chance.acrossScales(100, 40_000))}`);
  return headers;
}

export function oddHead(path: string, chance: Chance): OddHead {
  const isUnknown = chance.happens(0.15);
  const method = isUnknown
    ? chance.pick(UNKNOWN_METHODS)
    : chance.happens(0.4)
      ? 'GET'
      : chance.pick(METHODS);
  const target = chance.happens(0.6) ? oddTarget(path, chance) : path;
  const headers = oddHeaders(chance);
  return { method, target, headers, isAnswered: method !== 'CONNECT' };
}
