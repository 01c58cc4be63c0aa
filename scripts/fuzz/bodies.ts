/** Bodies: valid ones from a small grammar, the same with one thing wrong, and bytes that are nothing at all. */
import type { Chance } from '../prove/chance.ts';
import { messagesFields } from './messages-bodies.ts';
import { responsesFields } from './responses-bodies.ts';

/** JSON, and text that is written as it is: `1e400` is JSON that no value of JavaScript becomes. */
export type Node =
  | null
  | boolean
  | number
  | string
  | Raw
  | readonly Node[]
  | { readonly [key: string]: Node };

class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function write(node: Node): string {
  if (node instanceof Raw) return node.text;
  if (Array.isArray(node)) return `[${(node as readonly Node[]).map(write).join(',')}]`;
  if (typeof node === 'object' && node !== null) {
    const members = Object.entries(node).map(
      ([key, value]) => `${JSON.stringify(key)}:${write(value)}`,
    );
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(node);
}

function nested(depth: number, open: string, inner: string, close: string): Raw {
  return new Raw(open.repeat(depth) + inner + close.repeat(depth));
}

const STRANGE_TEXTS: readonly [string, ...string[]] = [
  '',
  '\0',
  '\r\nX-Injected: yes\r\n\r\n',
  '__proto__',
  'constructor',
  'toString',
  '<|endoftext|><|im_start|>',
  '../../../../etc/passwd',
  'data:image/png;base64,AAAA',
  'http://127.0.0.1:1/',
  '🧨👩‍👩‍👧‍👦',
  '\u202Etxet desrever',
  'x'.repeat(5000),
  'a\u0300'.repeat(300),
];

const STRANGE: readonly [Node, ...Node[]] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  2 ** 53,
  new Raw('1e400'),
  new Raw('-1e400'),
  new Raw('1e-400'),
  new Raw(`1${'0'.repeat(400)}`),
  new Raw('"\\ud800"'),
  new Raw('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}'),
  new Raw('{"a":1,"a":2}'),
  [],
  {},
  [[]],
  [null],
  [{}],
  nested(70, '[', '1', ']'),
  nested(3000, '{"a":', '1', '}'),
  Array(2000).fill(0) as number[],
];

function strange(chance: Chance): Node {
  return chance.happens(0.4) ? chance.pick(STRANGE_TEXTS) : chance.pick(STRANGE);
}

const WORDS: readonly [string, ...string[]] = [
  'hold',
  ' the',
  ' worst',
  ' case',
  '\n',
  ' 你好',
  '🙂',
  '"',
  '\\',
];

function words(chance: Chance): string {
  return Array.from({ length: chance.between(1, 40) }, () => chance.pick(WORDS)).join('');
}

function message(chance: Chance): Node {
  const text = words(chance);
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
  const content: Node = chance.happens(0.2) ? [{ type: 'text', text }, image] : text;
  const role = chance.pick(['user', 'system', 'assistant', 'tool', 'developer']);
  return { role, content };
}

function tool(chance: Chance): Node {
  const parameters = { type: 'object', properties: { a: { type: 'string', enum: ['x', 'y'] } } };
  return { type: 'function', function: { name: 'f', description: words(chance), parameters } };
}

function options(chance: Chance): Record<string, Node> {
  const all: Record<string, Node> = {
    stream: chance.happens(0.5),
    stream_options: { include_usage: chance.happens(0.5) },
    max_tokens: chance.between(1, 300),
    max_completion_tokens: chance.between(1, 300),
    n: chance.between(1, 3),
    temperature: chance.next(),
    tools: [tool(chance)],
    response_format: { type: 'json_object' },
    stop: ['\n'],
    user: 'fuzzer',
    service_tier: chance.pick(['default', 'priority', 'flex']),
    metadata: { __proto__: null, a: 'b' },
    best_of: chance.between(1, 3),
    logit_bias: { 50256: -100 },
  };
  return Object.fromEntries(Object.entries(all).filter(() => chance.happens(0.25)));
}

/** A body as the route takes it. */
function valid(path: string, model: string, chance: Chance): Record<string, Node> {
  const messages = Array.from({ length: chance.between(1, 4) }, () => message(chance));
  if (path === '/admin/clock') return { advance_seconds: chance.below(10) };
  if (path.endsWith('/embeddings')) return { model, input: [words(chance), words(chance)] };
  if (path.endsWith('/completions') && !path.endsWith('/chat/completions'))
    return { model, prompt: chance.happens(0.5) ? words(chance) : [1, 2, 3], ...options(chance) };
  if (path.endsWith('/responses')) return { model, ...responsesFields(words, chance) };
  if (path.includes('/messages')) return { model, ...messagesFields(words, chance) };
  return { model, messages, ...options(chance) };
}

/** The same with one part replaced, renamed, taken away or put in twice. */
function mutated(node: Node, chance: Chance, depth = 0): Node {
  if (depth > 0 && chance.happens(0.35)) return strange(chance);
  if (node instanceof Raw || typeof node !== 'object' || node === null) return strange(chance);
  if (Array.isArray(node)) {
    const items = [...(node as readonly Node[])];
    const at = chance.below(Math.max(1, items.length));
    items[at] = mutated(items[at] ?? null, chance, depth + 1);
    return items;
  }
  const members = Object.entries(node);
  const at = chance.below(Math.max(1, members.length));
  const [key, value] = members[at] ?? ['model', null];
  const kept = members.filter((_, index) => index !== at);
  const way = chance.below(5);
  if (way === 0) return Object.fromEntries(kept);
  if (way === 1) {
    const renamed = chance.happens(0.5) ? key.toUpperCase() : chance.pick(STRANGE_TEXTS);
    return { ...Object.fromEntries(kept), [renamed]: value };
  }
  if (way === 2) {
    const twice = [...members, [key, strange(chance)] as const];
    const parts = twice.map(([name, part]) => `${JSON.stringify(name)}:${write(part)}`);
    return new Raw(`{${parts.join(',')}}`);
  }
  return { ...Object.fromEntries(kept), [key]: mutated(value, chance, depth + 1) };
}

function randomBytes(chance: Chance, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => chance.below(256)));
}

/** A text of JSON damaged as bytes. */
function damaged(json: string, chance: Chance): Buffer {
  const bytes = Buffer.from(json);
  const at = chance.below(bytes.length);
  const spliced = (piece: Buffer): Buffer =>
    Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  switch (chance.below(9)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return spliced(randomBytes(chance, chance.between(1, 8)));
    case 2:
      return spliced(Buffer.from([0xc3, 0x28, 0xed, 0xa0, 0x80]));
    case 3:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    case 4:
      return Buffer.from(json, 'utf16le');
    case 5:
      return Buffer.concat([bytes, Buffer.from(' {"model":"gpt-4o"}')]);
    case 6:
      return Buffer.concat([Buffer.alloc(chance.below(50_000), ' '), bytes]);
    case 7:
      return Buffer.from(json.replaceAll('"', "'"));
    default:
      return Buffer.from(json.replace('{', '{/* comment */ '));
  }
}

/** Bodies that are large in one way or another. */
function large(path: string, model: string, chance: Chance): Node {
  const body = valid(path, model, chance);
  const count = chance.acrossScales(100, 60_000);
  const text = chance.pick(['a', ' ', '🙂', '<|endoftext|>', '\n', 'Zq', '你']);
  switch (chance.below(6)) {
    case 0:
      return { ...body, messages: [{ role: 'user', content: text.repeat(count) }] };
    case 1:
      return { ...body, messages: new Raw(`[${'{"role":"user","content":"x"},'.repeat(count)}0]`) };
    case 2:
      return { ...body, input: new Raw(`[${'[1],'.repeat(count)}[1]]`) };
    case 3:
      return { ...body, padding: nested(count, '[', '', ']') };
    case 4:
      return {
        ...body,
        tools: new Raw(`[${'{"type":"function"},'.repeat(Math.min(count, 30_000))}{}]`),
      };
    default:
      return {
        ...body,
        messages: [
          {
            role: 'user',
            content: new Raw(
              `[${'{"type":"text","text":"x"},'.repeat(Math.min(count, 30_000))}{}]`,
            ),
          },
        ],
      };
  }
}

/** One body for a route, as bytes. */
export function bodyOf(path: string, model: string, chance: Chance): Buffer {
  const way = chance.next();
  if (way < 0.35) return Buffer.from(write(valid(path, model, chance)));
  if (way < 0.75) return Buffer.from(write(mutated(valid(path, model, chance), chance)));
  if (way < 0.88) return damaged(write(valid(path, model, chance)), chance);
  if (way < 0.93) return randomBytes(chance, chance.acrossScales(1, 5000) - 1);
  return Buffer.from(write(large(path, model, chance)));
}

/** A valid body, for when something else is to be wrong. */
export function validBodyOf(path: string, model: string, chance: Chance): Buffer {
  return Buffer.from(write(valid(path, model, chance)));
}
