/** The Messages API passed through: its bytes, its headers, and the usage that is read on the way. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { AnswerReader, UpstreamAttempt } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { messagesBody } from '../../src/upstream/dialects/anthropic/body.ts';
import {
  PassingMessageReader,
  PassingMessageStreamReader,
} from '../../src/upstream/dialects/anthropic/passing.ts';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import {
  aBackend,
  anAttempt,
  readAll,
  silentLog,
  type AttemptOptions,
} from '../support/upstream-attempts.ts';

const MESSAGES = [{ role: 'user', content: 'Hello' }];
const BODY = { model: 'claude-sonnet-4-5', max_tokens: 4000, messages: MESSAGES };
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function messagesAttempt(options: AttemptOptions = {}): UpstreamAttempt {
  const body = options.body ?? BODY;
  return anAttempt({
    ...options,
    body,
    request: { route: 'messages', wantsUsageChunk: true, ...options.request },
  });
}

function event(document: { readonly type: string; readonly [key: string]: unknown }): string {
  return `event: ${document.type}\ndata: ${JSON.stringify(document)}\n\n`;
}

const START_USAGE = {
  input_tokens: 21,
  cache_creation_input_tokens: 30,
  cache_read_input_tokens: 400,
  cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 },
  output_tokens: 2,
};
const START = event({ type: 'message_start', message: { id: 'msg_1', usage: START_USAGE } });
const said = (delta: object): string => event({ type: 'content_block_delta', index: 0, delta });
const HELLO = said({ type: 'text_delta', text: 'Grüße, 世界 🎉 "message_stop"' });
const END = event({
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: { output_tokens: 77 },
});
const STOP = event({ type: 'message_stop' });

/** Everything that is legal and odd: comments, CRLF, unknown events, more lines of data. */
const ODD = [
  START,
  ': comment\n\n',
  'event: ping\r\ndata: {"type": "ping"}\r\n\r\n',
  HELLO,
  'event: brand_new\ndata: {"type":"brand_new",\ndata: "x":1}\n\n',
  said({ type: 'text_delta', text: ' More.' }),
  event({ type: 'message_delta', delta: {}, usage: { output_tokens: 40 } }),
  END,
  STOP,
].join('');

function relayed(reader: AnswerReader, pieces: readonly Buffer[]): string {
  return Buffer.concat([...pieces.map((piece) => reader.push(piece)), reader.end()]).toString();
}

const USAGE = { input: 451, cachedInput: 400, cacheWrite: 20, cacheWrite1h: 10, output: 77 };

describe('a stream', () => {
  it('passes byte for byte, cut in two at every position', () => {
    const bytes = Buffer.from(ODD);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new PassingMessageStreamReader();
      expect(relayed(reader, [bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(ODD);
      expect(reader.usage()).toMatchObject(USAGE);
      expect(reader.isComplete()).toBe(true);
    }
  });

  it('passes byte for byte in pieces of every size up to two hundred', () => {
    const bytes = Buffer.from(ODD);
    for (let size = 1; size <= 200; size += 1) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      const reader = new PassingMessageStreamReader();
      expect(relayed(reader, pieces)).toBe(ODD);
      expect(reader.usage()).toMatchObject(USAGE);
    }
  });

  it('passes the same piece on where nothing is to be read, without a copy', () => {
    const piece = Buffer.from(said({ type: 'text_delta', text: 'hi' }));
    expect(new PassingMessageStreamReader().push(piece)).toBe(piece);
  });

  it('has no final usage before its end, and the figures of its start until then', () => {
    const reader = new PassingMessageStreamReader();
    expect(reader.startedUsage()).toBeNull();
    relayed(reader, [Buffer.from(START + HELLO)]);
    expect(reader.usage()).toBeNull();
    expect(reader.startedUsage()).toMatchObject({ ...USAGE, output: 2 });
    expect(reader.isComplete()).toBe(false);
    expect(reader.outputText()).toBe('Grüße, 世界 🎉 "message_stop"');
  });

  it('that broke off in the middle of an event gets an error of its own after it', () => {
    const reader = new PassingMessageStreamReader();
    const text = relayed(reader, [Buffer.from(`${START}event: content_bl`)]);
    const error = reader.streamError('It broke off.', 'backend_error').toString();
    expect(text + error).toBe(
      `${START}event: content_bl\n\n${event({ type: 'error', error: { type: 'api_error', message: 'It broke off.', code: 'backend_error' } })}`,
    );
  });

  it('that said itself that it failed is left at that', () => {
    const failed = event({ type: 'error', error: { type: 'overloaded_error', message: 'busy' } });
    const reader = new PassingMessageStreamReader();
    expect(relayed(reader, [Buffer.from(START + failed)])).toBe(START + failed);
    expect(reader.isComplete()).toBe(false);
    expect(reader.streamError('It broke off.', 'backend_error')).toHaveLength(0);
  });

  it.each<[string, readonly object[], string]>([
    [
      'tool calls with their arguments',
      [
        { start: { type: 'tool_use', name: 'f', input: {} } },
        { type: 'input_json_delta', partial_json: '{"a":' },
        { type: 'input_json_delta', partial_json: '1}' },
      ],
      'f{"a":1}',
    ],
    [
      'thinking that is shown in full',
      [
        { start: { type: 'thinking', thinking: '' } },
        { type: 'thinking_delta', thinking: 'A long and winding thought about it all.' },
        { type: 'signature_delta', signature: 'c2lnbmF0dXJl' },
      ],
      'A long and winding thought about it all.',
    ],
    [
      'thinking that is hidden, by the length of what it came as',
      [
        { start: { type: 'thinking', thinking: '' } },
        { type: 'signature_delta', signature: 'x'.repeat(54) },
        { start: { type: 'text', text: '' } },
        { type: 'text_delta', text: '!' },
      ],
      `${' thought'.repeat(10)}!`,
    ],
    [
      'redacted thinking',
      [{ start: { type: 'redacted_thinking', data: 'x'.repeat(16) } }],
      ' thought'.repeat(3),
    ],
  ])('is metered by %s', (_name, deltas, text) => {
    const reader = new PassingMessageStreamReader();
    const events = deltas.map((delta) =>
      'start' in delta
        ? event({ type: 'content_block_start', index: 0, content_block: delta.start })
        : said(delta),
    );
    relayed(reader, [Buffer.from(events.join(''))]);
    expect(reader.outputText()).toBe(text);
  });

  it('longer than what is kept of it is metered in proportion', () => {
    const reader = new PassingMessageStreamReader();
    const piece = Buffer.from(said({ type: 'text_delta', text: 'word '.repeat(200) }));
    const count = 1500;
    for (let at = 0; at < count; at += 1) reader.push(piece);
    const chars = reader.outputText().length;
    expect(chars).toBeGreaterThan(count * 1000 * 0.95);
    expect(chars).toBeLessThan(count * 1000 * 1.05);
  });
});

describe('a whole answer', () => {
  const answer = JSON.stringify({
    type: 'message',
    content: [
      { type: 'thinking', thinking: 'hm', signature: '' },
      { type: 'text', text: 'Hi' },
      { type: 'tool_use', id: 't', name: 'f', input: { usage: 1 } },
    ],
    usage: { ...START_USAGE, output_tokens: 77 },
  });

  it('passes with its bytes and is read', () => {
    const reader = new PassingMessageReader();
    expect(relayed(reader, [Buffer.from(answer)])).toBe(answer);
    expect(reader.usage()).toMatchObject(USAGE);
    expect(reader.outputText()).toBe('hmHif{"usage":1}');
    expect(reader.isComplete()).toBe(true);
  });

  it('larger than what is kept still tells its usage, which stands at its end', () => {
    const large = answer.replace('"Hi"', JSON.stringify('word '.repeat(2 * 1024 * 1024)));
    const bytes = Buffer.from(large);
    const reader = new PassingMessageReader();
    const pieces = [bytes.subarray(0, 100_000), bytes.subarray(100_000)];
    expect(relayed(reader, pieces)).toHaveLength(large.length);
    expect(reader.usage()).toMatchObject(USAGE);
    expect(reader.outputText().length).toBeGreaterThan(8 * 1024 * 1024);
  });

  it('that is cut is metered by its text, syntax and all', () => {
    const reader = new PassingMessageReader();
    relayed(reader, [Buffer.from(answer.slice(0, 50))]);
    expect(reader.usage()).toBeNull();
    expect(reader.outputText()).toBe(answer.slice(0, 50));
  });
});

describe('the body of a request', () => {
  const raw =
    '{ "model" : "claude-sonnet-4-5","max_tokens":4000,\n"messages":[],"n":12345678901234567890}';
  const asWritten = (attempt: Partial<UpstreamAttempt> = {}): UpstreamAttempt =>
    messagesAttempt({ request: { rawBody: Buffer.from(raw), maxOutputTokens: 4000 }, attempt });

  it('is the very bytes of the client where nothing had to change', () => {
    const attempt = asWritten();
    expect(messagesBody(attempt)).toBe(attempt.request.rawBody);
  });

  it('differs in the model and the maximum alone where these had to change', () => {
    const body = messagesBody(asWritten({ model: 'claude-haiku-4-5', maxOutputTokens: 77 }));
    expect(body.toString()).toBe(
      '{ "model" : "claude-haiku-4-5","max_tokens":77,\n"messages":[],"n":12345678901234567890}',
    );
  });

  interface Thinks {
    readonly maximum: number | null;
    readonly budget: unknown;
    readonly beta?: string;
  }
  const thinkingOf = ({ maximum, budget, beta }: Thinks): unknown => {
    const thinking = { type: 'enabled', budget_tokens: budget, display: 'omitted' };
    const body = { ...BODY, max_tokens: 10_000, thinking };
    const attempt = messagesAttempt({
      body,
      clientHeaders: beta === undefined ? {} : { 'anthropic-beta': beta },
      attempt: { maxOutputTokens: maximum },
    });
    const sent: unknown = JSON.parse(messagesBody(attempt).toString());
    return (sent as { thinking: unknown }).thinking;
  };
  const kept = (budget: unknown): object => ({
    type: 'enabled',
    budget_tokens: budget,
    display: 'omitted',
  });

  it.each<[string, Thinks, object]>([
    ['stays where nothing is lowered', { maximum: null, budget: 8000 }, kept(8000)],
    ['stays where it still fits', { maximum: 9000, budget: 8000 }, kept(8000)],
    ['leaves the answer what the client left for it', { maximum: 6000, budget: 8000 }, kept(4000)],
    ['is the least there is where little is left', { maximum: 2500, budget: 8000 }, kept(1024)],
    ['gives way to a short answer', { maximum: 1024, budget: 8000 }, { type: 'disabled' }],
    [
      'may be larger with interleaved thinking',
      { maximum: 2000, budget: 8000, beta: 'interleaved-thinking-2025-05-14' },
      kept(8000),
    ],
    ['that is no number is the provider’s to judge', { maximum: 2000, budget: 'all' }, kept('all')],
  ])('has a thinking budget that %s', (_name, thinks, expected) => {
    expect(thinkingOf(thinks)).toEqual(expected);
  });
});

describe('a call of a backend', () => {
  async function open(options: AttemptOptions, url = '/v1/messages') {
    const server = await startAnthropicServer({ apiKey: 'sk-ant' });
    closers.push(async () => server.close());
    const upstream = await createUpstream({
      backends: [aBackend({ type: 'anthropic', url: `${server.url}/base/`, apiKey: 'sk-ant' })],
      log: silentLog,
    });
    closers.push(async () => upstream.close());
    const attempt = messagesAttempt(options);
    attempt.clientRequest.url = url;
    return { server, upstream, attempt };
  }

  it.each([
    ['/v1/messages', '/base/v1/messages'],
    ['/v1/messages?beta=true', '/base/v1/messages?beta=true'],
    ['/v1/messages?beta=true&x=1', '/base/v1/messages?beta=true'],
    ['/v1/messages?beta=false', '/base/v1/messages'],
  ])('keeps the one query that the API knows: %s', async (asked, sent) => {
    const { server, upstream, attempt } = await open({}, asked);
    await readAll(await upstream.open(attempt));
    const { path, query } = server.requests.at(-1) ?? {};
    expect(`${path}${query}`).toBe(sent);
  });

  it('carries the version and the betas of the client, or the oldest version that it could mean', async () => {
    const clientHeaders = { 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a,b' };
    const { server, upstream, attempt } = await open({ clientHeaders });
    await readAll(await upstream.open(attempt));
    expect(server.requests.at(-1)?.headers).toMatchObject(clientHeaders);
    await readAll(await upstream.open(messagesAttempt()));
    expect(server.requests.at(-1)?.headers).toMatchObject({ 'anthropic-version': '2023-06-01' });
    expect(server.requests.at(-1)?.headers).not.toHaveProperty('anthropic-beta');
  });

  it('speaks the version of its translation to clients of chat, whatever they say', async () => {
    const { server, upstream } = await open({});
    const clientHeaders = { 'anthropic-version': '2026-10-21' };
    await readAll(await upstream.open(anAttempt({ body: BODY, clientHeaders })));
    expect(server.requests.at(-1)?.headers).toMatchObject({ 'anthropic-version': '2023-06-01' });
  });

  it('counts tokens where the backend can, and only there', async () => {
    const { server, upstream, attempt } = await open({}, '/v1/messages/count_tokens?beta=true');
    const answer = await upstream.countTokens?.(attempt);
    if (!answer) throw new Error('no answer');
    expect(answer.status).toBe(404);
    expect(server.requests.at(-1)).toMatchObject({
      path: '/base/v1/messages/count_tokens',
      query: '?beta=true',
    });
    const other = await createUpstream({
      backends: [aBackend({ url: server.url })],
      log: silentLog,
    });
    closers.push(async () => other.close());
    expect(other.countTokens?.(attempt)).toBeNull();
  });
});
