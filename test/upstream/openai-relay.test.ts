import { afterEach, describe, expect, it } from '@jest/globals';
import type { AnswerReader, Upstream, UpstreamAttempt } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import {
  OpenAiJsonReader,
  OpenAiStreamReader,
} from '../../src/upstream/dialects/openai/answers.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import {
  aBackend,
  anAttempt,
  CHAT_BODY,
  documentsOf,
  readAll,
  silentLog,
} from '../support/upstream-attempts.ts';

const USAGE = '"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}';
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function openAiWithUpstream(): Promise<{ server: ProviderServer; upstream: Upstream }> {
  const server = await startOpenAiServer();
  closers.push(async () => server.close());
  const upstream = await createUpstream({
    backends: [aBackend({ url: server.url })],
    log: silentLog,
  });
  closers.push(async () => upstream.close());
  return { server, upstream };
}

/** Client bytes of a stream that arrives in the given pieces. */
function relayed(reader: AnswerReader, pieces: readonly Buffer[]): string {
  return Buffer.concat([...pieces.map((piece) => reader.push(piece)), reader.end()]).toString();
}

/** A stream with everything that is legal and odd: comments, CRLF, empty events, more lines of data, all scripts. */
const ODD_STREAM = [
  ': OPENROUTER PROCESSING\n\n',
  'data: {"choices":[{"delta":{"content":"Grüße, 世界 🎉"}}]}\n\n',
  'data: {"choices":[{"delta":{"content":"the \\"usage\\" of [DONE]"}}]}\r\n\r\n',
  'event: message\nid: 7\ndata: {"choices":\ndata: []}\n\n',
  '\n\n',
  'data: {"choices":[],"prompt_filter_results":[]}\n\n',
  'data: {"x":{"usage":null},"choices":[{"delta":{}}]}\n\n',
].join('');
const USAGE_EVENT = `data: {"choices":[],${USAGE}}\n\n`;
const DONE = 'data: [DONE]\n\n';

function nulls(stream: string): string {
  return stream.replaceAll('"choices":[{', '"usage":null,"choices":[{');
}

describe('a stream whose client asked for usage itself', () => {
  const stream = ODD_STREAM + USAGE_EVENT + DONE;

  it('passes byte for byte, cut in two at every position', () => {
    const bytes = Buffer.from(stream);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new OpenAiStreamReader(false);
      expect(relayed(reader, [bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(stream);
      expect(reader.usage()).toMatchObject({ input: 7, output: 3 });
      expect(reader.isComplete()).toBe(true);
    }
  });

  it('passes byte for byte in pieces of every size', () => {
    const bytes = Buffer.from(stream);
    for (let size = 1; size <= bytes.length; size += 1) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      const reader = new OpenAiStreamReader(false);
      expect(relayed(reader, pieces)).toBe(stream);
      expect(reader.usage()).toMatchObject({ input: 7, output: 3 });
    }
  });

  it('passes the same piece on where nothing is to be done, without a copy', () => {
    const piece = Buffer.from('data: {"choices":[{"delta":{"content":"hi"}}]}\n\n');
    expect(new OpenAiStreamReader(true).push(piece)).toBe(piece);
  });
});

describe('a stream for which usage was asked by the gateway', () => {
  const arrives = nulls(ODD_STREAM) + USAGE_EVENT + DONE;

  it('is the stream that the client asked for, cut in two at every position', () => {
    const bytes = Buffer.from(arrives);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new OpenAiStreamReader(true);
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expect(relayed(reader, pieces)).toBe(ODD_STREAM + DONE);
      expect(reader.usage()).toMatchObject({ input: 7, output: 3 });
      expect(reader.isComplete()).toBe(true);
    }
  });

  it.each([
    ['{"a":1,"usage":null}', '{"a":1}'],
    ['{"usage":null,"a":1}', '{"a":1}'],
    ['{"usage":null}', '{}'],
    ['{"a":1, "usage" : null , "b":2}', '{"a":1 , "b":2}'],
    ['{ "usage": null, "b": 2 }', '{  "b": 2 }'],
    ['{"a":{"usage":null}}', '{"a":{"usage":null}}'],
    ['{"a":"\\"usage\\":null"}', '{"a":"\\"usage\\":null"}'],
    ['{"a":["usage",null]}', '{"a":["usage",null]}'],
    ['{"a":{"usage":null},"usage":null}', '{"a":{"usage":null}}'],
  ])('takes the null out of %s', (arriving, expected) => {
    const reader = new OpenAiStreamReader(true);
    expect(relayed(reader, [Buffer.from(`data: ${arriving}\n\n`)])).toBe(`data: ${expected}\n\n`);
  });

  it('keeps usage that a backend puts on its ordinary chunks, and the last figure counts', () => {
    const chunk = (output: number): string =>
      `data: {"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":5,"completion_tokens":${output},"total_tokens":${5 + output}}}\n\n`;
    const stream = chunk(1) + chunk(2) + chunk(9) + DONE;
    const reader = new OpenAiStreamReader(true);
    expect(relayed(reader, [Buffer.from(stream)])).toBe(stream);
    expect(reader.usage()).toMatchObject({ input: 5, output: 9 });
  });

  it('finds the usage of Groq under x_groq and leaves the chunk alone', () => {
    const stream = `data: {"choices":[{"delta":{}}],"x_groq":{"id":"r",${USAGE}}}\n\n${DONE}`;
    const reader = new OpenAiStreamReader(true);
    expect(relayed(reader, [Buffer.from(stream)])).toBe(stream);
    expect(reader.usage()).toMatchObject({ input: 7, output: 3 });
  });

  it('counts as complete without a blank line at its very end', () => {
    const reader = new OpenAiStreamReader(true);
    expect(relayed(reader, [Buffer.from(`${USAGE_EVENT}data: [DONE]`)])).toBe('data: [DONE]');
    expect(reader.isComplete()).toBe(true);
    expect(reader.usage()).toMatchObject({ input: 7 });
  });

  it('is not complete without its end marker, and text that looks like it does not count', () => {
    const reader = new OpenAiStreamReader(true);
    relayed(reader, [Buffer.from(ODD_STREAM)]);
    expect(reader.isComplete()).toBe(false);
    expect(reader.usage()).toBeNull();
  });
});

describe('a stream that dies', () => {
  const half = 'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\ndata: {"choi';

  it('says so in an event of its own, after whole events only', () => {
    const reader = new OpenAiStreamReader(false);
    const passed = reader.push(Buffer.from(half)).toString();
    expect(passed.endsWith('\n\n')).toBe(true);
    const event = reader.streamError('the backend broke off', 'backend_error').toString();
    expect(event).toBe(
      'data: {"error":{"message":"the backend broke off","type":"server_error","param":null,"code":"backend_error"}}\n\n',
    );
  });

  it('ends the broken line first when its rest was already passed on', () => {
    const reader = new OpenAiStreamReader(false);
    relayed(reader, [Buffer.from(half)]);
    expect(reader.streamError('x', 'y').toString()).toMatch(/^\n\ndata: /);
  });

  it('still has its text for metering: content, reasoning, refusals, tool names and arguments', () => {
    const deltas = [
      { reasoning_content: 'think ' },
      { content: 'say ' },
      { refusal: 'no ' },
      { tool_calls: [{ function: { name: 'f', arguments: '{"a":' } }] },
      { tool_calls: [{ function: { arguments: '1}' } }] },
    ];
    const reader = new OpenAiStreamReader(true);
    for (const delta of deltas) {
      reader.push(Buffer.from(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`));
    }
    reader.push(Buffer.from('data: {"choices":[{"text":" legacy"}]}\n\ndata: not json\n\n'));
    expect(reader.outputText()).toBe('think say no f{"a":1} legacy');
  });

  it('has a text of about the right length also beyond what is kept', () => {
    const reader = new OpenAiStreamReader(true);
    const text = 'abcdefghij'.repeat(10);
    const event = Buffer.from(
      `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`,
    );
    const events = Math.ceil((12 * 1024 * 1024) / event.length);
    for (let count = 0; count < events; count += 1) reader.push(event);
    const expected = events * text.length;
    expect(reader.outputText().length).toBeGreaterThan(expected * 0.99);
    expect(reader.outputText().length).toBeLessThan(expected * 1.01);
  });
});

describe('a JSON answer', () => {
  const answer = (rest: string): Buffer =>
    Buffer.from(`{"choices":[{"message":{"content":"a \\"usage\\": {"}}]${rest}}`);

  it('passes as it is, in pieces of every size, with its usage found', () => {
    const bytes = answer(`,${USAGE},"system_fingerprint":"fp"`);
    for (let size = 1; size <= bytes.length; size += 1) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      const reader = new OpenAiJsonReader('chat');
      expect(relayed(reader, pieces)).toBe(bytes.toString());
      expect(reader.usage()).toMatchObject({ input: 7, output: 3 });
      expect(reader.isComplete()).toBe(true);
    }
  });

  it.each([
    [
      'behind a nested namesake',
      `,${USAGE},"meta":{"usage":{"prompt_tokens":999,"completion_tokens":9}}`,
    ],
    ['before the choices', `,"z":[${'{"usage":1},'.repeat(20)}0],${USAGE}`],
    ['under x_groq', `,"x_groq":{${USAGE}}`],
  ])('has its own usage found %s', (_where, rest) => {
    const reader = new OpenAiJsonReader('chat');
    relayed(reader, [answer(rest)]);
    expect(reader.usage()).toMatchObject({ input: 7, output: 3 });
  });

  it('has no usage where there is none, and then its text', () => {
    const reader = new OpenAiJsonReader('chat');
    relayed(reader, [answer('')]);
    expect(reader.usage()).toBeNull();
    expect(reader.outputText()).toBe('a "usage": {');
  });

  it('has its usage found at the end of a body of any size', () => {
    const reader = new OpenAiJsonReader('embeddings');
    reader.push(Buffer.from('{"data":['));
    const piece = Buffer.from('0.123456789,'.repeat(100_000));
    for (let count = 0; count < 12; count += 1) reader.push(piece);
    relayed(reader, [Buffer.from(`0],${USAGE}}`)]);
    expect(reader.usage()).toMatchObject({ input: 7 });
    expect(reader.outputText()).toBe('');
  });

  it('that was cut off is not complete and is counted by what came', () => {
    const reader = new OpenAiJsonReader('chat');
    reader.push(answer('').subarray(0, 30));
    expect(reader.isComplete()).toBe(false);
    expect(reader.usage()).toBeNull();
    expect(reader.outputText()).not.toBe('');
  });

  it('of junk passes without a throw', () => {
    for (const junk of [
      '',
      '{',
      '"usage":',
      '{"usage":{',
      '{"usage":{}}',
      '[]',
      'null',
      '"usage":"',
    ]) {
      const reader = new OpenAiJsonReader('chat');
      expect(relayed(reader, [Buffer.from(junk)])).toBe(junk);
      expect(reader.usage()).toBeNull();
    }
  });
});

describe('over a real connection', () => {
  const send = async (
    upstream: Upstream,
    body: Record<string, unknown>,
    attempt: Partial<UpstreamAttempt> = {},
  ) => upstream.open(anAttempt({ body, attempt }));

  it('a client that did not ask for usage sees none, and the gateway does', async () => {
    const { server, upstream } = await openAiWithUpstream();
    server.behave({ usage: { input: 20, output: 6, cached: 4 }, pieceBytes: 7 });
    const answer = await send(upstream, { ...CHAT_BODY, stream: true });
    const stream = await readAll(answer);
    expect(stream).not.toContain('usage');
    expect(stream.endsWith(DONE)).toBe(true);
    expect(documentsOf(stream).every(({ choices }) => (choices as unknown[]).length === 1)).toBe(
      true,
    );
    expect(answer).toMatchObject({ status: 200, isStream: true });
    expect(answer.reader.usage()).toMatchObject({ input: 20, cachedInput: 4, output: 6 });
    expect(server.calls[0]?.json?.['stream_options']).toEqual({ include_usage: true });
  });

  it('a client that asked for usage sees all of it, and its body passes as it is', async () => {
    const { server, upstream } = await openAiWithUpstream();
    const body = { ...CHAT_BODY, stream: true, stream_options: { include_usage: true } };
    const stream = await readAll(await send(upstream, body));
    const documents = documentsOf(stream);
    expect(documents.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 12 } });
    expect(documents[0]).toHaveProperty('usage', null);
    expect(server.calls[0]?.body.toString()).toBe(JSON.stringify(body));
  });

  it('an error passes with its status and body', async () => {
    const { server, upstream } = await openAiWithUpstream();
    server.behave({ status: 429, errorMessage: 'slow down', headers: { 'retry-after': '3' } });
    const answer = await send(upstream, { ...CHAT_BODY, stream: true });
    expect(answer).toMatchObject({ status: 429, isStream: false });
    expect(answer.headers).toMatchObject({ 'retry-after': '3' });
    expect(JSON.parse(await readAll(answer))).toEqual({
      error: { message: 'slow down', type: 'requests', param: null, code: 'rate_limit_exceeded' },
    });
    expect(answer.reader).toMatchObject({});
    expect(answer.reader.usage()).toBeNull();
    expect(answer.reader.outputText()).toBe('');
  });
});
