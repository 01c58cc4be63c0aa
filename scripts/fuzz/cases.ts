/** One case: what a hostile client does on one connection, and what it may expect. Each comes from a number of its own. */
import { Chance } from '../prove/chance.ts';
import { bodyOf, validBodyOf } from './bodies.ts';
import { chunked, CONTENT_TYPES, encoded, sent } from './encodings.ts';
import type { Script, Step } from './exchange.ts';
import { oddHead, oddHeaders, oddTarget } from './heads.ts';
import { malformedBytes } from './malformed.ts';
import type { Route } from './routes.ts';

export interface FuzzCase {
  readonly label: string;
  readonly script: Script;
  /**
   * `answered`: every request is well-formed HTTP and gets its answer. `any`: an answer or a close, but no silence.
   * `none`: the client does not stay.
   */
  readonly expects: 'answered' | 'any' | 'none';
  readonly route: Route;
}

export interface Surroundings {
  readonly routes: readonly Route[];
  /** Models that answer as they should. */
  readonly models: readonly string[];
  /** Models of backends that do not. */
  readonly hostileModels: readonly string[];
}

interface Request {
  readonly bytes: Buffer;
  readonly method: string;
}

function oneOf<T>(list: readonly T[], chance: Chance): T {
  const item = list[chance.below(list.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

function concretePath({ path }: Route): string {
  return path.replace('{model}', 'llama3');
}

function head(method: string, target: string, headers: readonly string[]): Buffer {
  return Buffer.from(
    [`${method} ${target} HTTP/1.1`, 'Host: gateway', ...headers, '', ''].join('\r\n'),
    'latin1',
  );
}

function withBody(path: string, body: Buffer, headers: readonly string[], chance: Chance): Buffer {
  const isChunked = chance.happens(0.3);
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
  return Buffer.concat([
    head('POST', path, [...headers, framing]),
    isChunked ? chunked(body, chance, chance.happens(0.3)) : body,
  ]);
}

/** A request of well-formed HTTP whose body may be anything. */
function bodyRequest(route: Route, model: string, chance: Chance): Request {
  const path = concretePath(route);
  if (route.method === 'GET') {
    const query = chance.happens(0.5) ? oddTarget(path, chance) : path;
    return { bytes: head('GET', query, oddHeaders(chance)), method: 'GET' };
  }
  const { body, headers } = encoded(bodyOf(path, model, chance), chance);
  const type = `Content-Type: ${chance.happens(0.6) ? 'application/json' : chance.pick(CONTENT_TYPES)}`;
  const all = [type, ...headers, ...(chance.happens(0.3) ? oddHeaders(chance) : [])];
  return { bytes: withBody(path, body, all, chance), method: 'POST' };
}

function bodyCase({ routes, models }: Surroundings, chance: Chance): FuzzCase {
  const route = oneOf(routes, chance);
  const { bytes, method } = bodyRequest(route, oneOf(models, chance), chance);
  const script = { steps: sent(bytes, chance), methods: [method], patienceMs: 3000 };
  return { label: `body ${route.method} ${route.path}`, script, expects: 'answered', route };
}

function headCase({ routes, models }: Surroundings, chance: Chance): FuzzCase {
  const route = oneOf(routes, chance);
  const path = concretePath(route);
  const body = validBodyOf(path, oneOf(models, chance), chance);
  const { method, target, headers, isAnswered } = oddHead(path, chance);
  const hasBody = method === 'POST' || method === 'PUT';
  const framing = hasBody ? [`Content-Length: ${body.length}`] : [];
  const bytes = Buffer.concat([
    head(method, target, [...headers, ...framing]),
    hasBody ? body : Buffer.alloc(0),
  ]);
  const script = { steps: sent(bytes, chance), methods: [method], patienceMs: 3000 };
  return {
    label: `head ${method} ${target.slice(0, 60)}`,
    script,
    expects: isAnswered ? 'answered' : 'any',
    route,
  };
}

/** Several requests at once on one connection; the answers must come in their order. */
function pipelinedCase({ routes, models }: Surroundings, chance: Chance): FuzzCase {
  const requests = Array.from({ length: chance.between(2, 6) }, () => {
    // An event stream without an end would keep the others waiting.
    const route = oneOf(
      routes.filter(({ path }) => path !== '/dashboard/events'),
      chance,
    );
    if (route.method === 'GET')
      return { bytes: head('GET', concretePath(route), []), method: 'GET' };
    const path = concretePath(route);
    const body = validBodyOf(path, oneOf(models, chance), chance);
    return { bytes: withBody(path, body, [], chance), method: 'POST' };
  });
  const bytes = Buffer.concat(requests.map((request) => request.bytes));
  const script = { steps: sent(bytes, chance), methods: requests.map(({ method }) => method) };
  return {
    label: `pipelined x${requests.length}`,
    script,
    expects: 'answered',
    route: { method: 'POST', path: '*' },
  };
}

function malformedCase({ models }: Surroundings, chance: Chance): FuzzCase {
  const route = { method: 'POST', path: '/v1/chat/completions' } as const;
  const body = validBodyOf(route.path, oneOf(models, chance), chance);
  const { label, bytes } = malformedBytes(body, chance);
  const steps: Step[] = [...sent(bytes, chance), { pauseMs: 50 }, { halfClose: true }];
  // Up to four answers are read: what is smuggled would be answered too.
  const script = { steps, methods: ['POST', 'POST', 'POST', 'POST'], patienceMs: 3000 };
  return { label: `malformed ${label}`, script, expects: 'any', route };
}

function hostileCase({ hostileModels }: Surroundings, chance: Chance): FuzzCase {
  const model = oneOf(hostileModels, chance);
  const path = chance.pick([
    '/v1/chat/completions',
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/embeddings',
    '/v1/messages',
    '/v1/messages',
    '/v1/messages/count_tokens',
    '/v1/responses',
    '/v1/responses',
  ]);
  const body = Buffer.from(
    JSON.stringify({
      model,
      messages: [{ role: 'user', content: 'Say something.' }],
      // Beside an input of the Responses API it would name a template, which is refused before it is sent.
      ...(path === '/v1/responses' ? {} : { prompt: 'Say something.' }),
      input: 'Say something.',
      stream: chance.happens(0.6),
      ...(path === '/v1/messages' || chance.happens(0.5) ? { max_tokens: 50 } : {}),
    }),
  );
  const steps: Step[] = [{ send: withBody(path, body, [], chance) }];
  if (chance.happens(0.1))
    steps.push({ pauseMs: chance.below(200) }, { leave: chance.pick(['close', 'reset']) });
  const leaves = steps.length > 1;
  const script = {
    steps,
    methods: ['POST'],
    patienceMs: 1500,
    readsNothing: leaves && chance.happens(0.3),
  };
  return {
    label: `hostile ${model} ${path}`,
    script,
    expects: leaves ? 'none' : 'answered',
    route: { method: 'POST', path },
  };
}

/** Clients that break off, say half, close one half, or let nobody know. */
function halfCase({ routes, models }: Surroundings, chance: Chance): FuzzCase {
  const route = oneOf(routes, chance);
  const { bytes, method } = bodyRequest(route, oneOf(models, chance), chance);
  const part = bytes.subarray(0, chance.below(bytes.length + 1));
  const end: Step = chance.happens(0.5)
    ? { halfClose: true }
    : { leave: chance.pick(['close', 'reset']) };
  const steps: Step[] = [...sent(part, chance), { pauseMs: chance.below(150) }, end];
  const expects = 'halfClose' in end ? 'any' : 'none';
  const script = { steps, methods: [method], patienceMs: 3000 };
  return { label: `half ${route.method} ${route.path}`, script, expects, route };
}

const KINDS: readonly (readonly [
  share: number,
  make: (around: Surroundings, chance: Chance) => FuzzCase,
])[] = [
  [0.42, bodyCase],
  [0.16, headCase],
  [0.05, pipelinedCase],
  [0.1, malformedCase],
  [0.2, hostileCase],
  [0.07, halfCase],
];

/** The case with this number. The same seed, number and surroundings make the same case. */
export function caseOf(seed: number, number: number, around: Surroundings): FuzzCase {
  const chance = new Chance(seed, number);
  let lot = chance.next();
  for (const [share, make] of KINDS) {
    if (lot < share) return make(around, chance);
    lot -= share;
  }
  return bodyCase(around, chance);
}
