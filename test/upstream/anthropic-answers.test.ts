import { afterEach, describe, expect, it } from '@jest/globals';
import type { Upstream, UpstreamAnswer } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { AnthropicJsonReader } from '../../src/upstream/dialects/anthropic/answers.ts';
import { AnthropicStreamReader } from '../../src/upstream/dialects/anthropic/stream.ts';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { HandClock } from '../support/hand-clock.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import {
  aBackend,
  anAttempt,
  documentsOf,
  readAll,
  silentLog,
} from '../support/upstream-attempts.ts';

const BODY = { model: 'claude-sonnet-4-5', messages: [{ role: 'user', content: 'Hello' }] };
const STREAM = { ...BODY, stream: true };
const STREAM_WITH_USAGE = { ...STREAM, stream_options: { include_usage: true } };
const CREATED = Date.parse('2026-11-10T12:00:00Z') / 1000;
const closers: (() => Promise<void>)[] = [];
let server: ProviderServer;
let upstream: Upstream;

async function startAnthropic(): Promise<void> {
  server = await startAnthropicServer({ apiKey: 'sk-ant' });
  closers.push(async () => server.close());
  const backend = aBackend({ type: 'anthropic', url: server.url, apiKey: 'sk-ant' });
  upstream = await createUpstream({ backends: [backend], log: silentLog, clock: new HandClock() });
  closers.push(async () => upstream.close());
}

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function open(body: Record<string, unknown>): Promise<UpstreamAnswer> {
  return upstream.open(anAttempt({ body }));
}

async function json(answer: UpstreamAnswer): Promise<unknown> {
  return JSON.parse(await readAll(answer));
}

type Chunk = {
  readonly choices: readonly {
    readonly delta: Record<string, unknown>;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: unknown;
};

function chunksOf(stream: string): Chunk[] {
  return documentsOf(stream) as unknown as Chunk[];
}

function joined(chunks: readonly Chunk[], field: string): string {
  const pieces = chunks.map(({ choices }) => choices[0]?.delta[field]);
  return pieces.filter((piece) => typeof piece === 'string').join('');
}

describe('a whole answer of Anthropic', () => {
  it('is a chat completion', async () => {
    await startAnthropic();
    server.behave({ text: 'Hi!', usage: { input: 30, output: 3, cached: 10, cacheWrite: 8 } });
    const answer = await open(BODY);
    expect(answer).toMatchObject({ status: 200, isStream: false });
    expect(await json(answer)).toEqual({
      id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
      object: 'chat.completion',
      created: CREATED,
      model: 'claude-sonnet-4-5',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hi!', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 30,
        completion_tokens: 3,
        total_tokens: 33,
        prompt_tokens_details: { cached_tokens: 10, cache_write_tokens: 8 },
      },
    });
    expect(answer.reader.usage()).toMatchObject({
      input: 30,
      cachedInput: 10,
      cacheWrite: 8,
      output: 3,
    });
    expect(answer.reader.isComplete()).toBe(true);
    expect(server.calls[0]).toMatchObject({ path: '/v1/messages' });
  });

  it('carries reasoning and tool calls', async () => {
    await startAnthropic();
    server.behave({ reasoning: 'hm', toolCall: { name: 'f', arguments: { a: 1 } } });
    const answer = await open(BODY);
    expect(await json(answer)).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            reasoning_content: 'hm',
            tool_calls: [
              {
                id: 'toolu_01A09q90qw',
                type: 'function',
                function: { name: 'f', arguments: '{"a":1}' },
              },
            ],
          },
          finish_reason: 'tool_calls',
        },
      ],
    });
    expect(answer.reader.outputText()).toBe('hmf{"a":1}');
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'content_filter'],
    ['pause_turn', 'stop'],
    ['something_new', 'stop'],
  ])('that ends with %s ends with %s', (stopReason, finishReason) => {
    const reader = new AnthropicJsonReader(0);
    const message = { type: 'message', content: [], stop_reason: stopReason };
    reader.push(Buffer.from(JSON.stringify(message)));
    expect(JSON.parse(reader.end().toString())).toMatchObject({
      choices: [{ finish_reason: finishReason, message: { content: '' } }],
    });
    expect(reader.usage()).toBeNull();
  });

  it('without usage says none', async () => {
    await startAnthropic();
    server.behave({ usage: null });
    const answer = await open(BODY);
    expect(await json(answer)).not.toHaveProperty('usage');
    expect(answer.reader.usage()).toBeNull();
    expect(answer.reader.outputText()).toBe('Hello there, friend.');
  });

  it('that is none becomes an error, and half of one is counted by what came', () => {
    const reader = new AnthropicJsonReader(0);
    reader.push(Buffer.from('{"type":"message","content":[{"type":"te'));
    expect(reader.outputText()).toContain('"content"');
    expect(reader.isComplete()).toBe(false);
    expect(JSON.parse(reader.end().toString())).toMatchObject({ error: { code: 'backend_error' } });
  });
});

describe('an error of Anthropic', () => {
  it.each([
    [400, 'invalid_request_error', 'invalid_request_error'],
    [401, 'authentication_error', 'authentication_error'],
    [404, 'invalid_request_error', 'not_found_error'],
    [429, 'rate_limit_error', 'rate_limit_error'],
    [500, 'server_error', 'api_error'],
    [529, 'server_error', 'overloaded_error'],
  ])('keeps its status %i and says it in the shape of OpenAI', async (status, type, code) => {
    await startAnthropic();
    server.behave({ status, errorMessage: 'because' });
    for (const body of [BODY, STREAM]) {
      const answer = await open(body);
      expect(answer).toMatchObject({ status, isStream: false });
      expect(answer.headers).toMatchObject({ 'content-type': 'application/json' });
      expect(await json(answer)).toEqual({
        error: { message: 'because', type, param: null, code },
      });
    }
  });

  it('from something in between is passed on as its text', async () => {
    await startAnthropic();
    server.behave({ status: 502, raw: { contentType: 'text/html', body: '<h1>Bad gateway</h1>' } });
    expect(await json(await open(BODY))).toEqual({
      error: { message: '<h1>Bad gateway</h1>', type: 'server_error', param: null, code: null },
    });
  });
});

describe('a stream of Anthropic', () => {
  it('is a stream of chat chunks with an end marker, and usage only for the gateway', async () => {
    await startAnthropic();
    server.behave({
      text: 'One two three',
      usage: { input: 30, output: 9, cached: 10 },
      pieceBytes: 11,
    });
    const answer = await open(STREAM);
    expect(answer.isStream).toBe(true);
    const stream = await readAll(answer);
    const chunks = chunksOf(stream);
    expect(chunks[0]).toEqual({
      id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
      object: 'chat.completion.chunk',
      created: CREATED,
      model: 'claude-sonnet-4-5',
      choices: [
        {
          index: 0,
          delta: { role: 'assistant', content: '' },
          logprobs: null,
          finish_reason: null,
        },
      ],
    });
    expect(joined(chunks, 'content')).toBe('One two three');
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(stream.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(stream).not.toContain('usage');
    expect(stream).toContain(': ping\n\n');
    expect(answer.reader.usage()).toMatchObject({ input: 30, cachedInput: 10, output: 9 });
    expect(answer.reader.isComplete()).toBe(true);
    expect(answer.reader.outputText()).toBe('One two three');
  });

  it('ends with a usage chunk for a client that asked', async () => {
    await startAnthropic();
    server.behave({ usage: { input: 30, output: 9 } });
    const chunks = chunksOf(await readAll(await open(STREAM_WITH_USAGE)));
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 30, completion_tokens: 9, total_tokens: 39 },
    });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it('carries reasoning and the pieces of tool arguments', async () => {
    await startAnthropic();
    const city = { city: 'São Paulo', days: [1, 2] };
    server.behave({
      reasoning: 'let me see',
      text: 'Looking.',
      toolCall: { name: 'w', arguments: city },
    });
    const chunks = chunksOf(await readAll(await open(STREAM)));
    expect(joined(chunks, 'reasoning_content')).toBe('let me see');
    expect(joined(chunks, 'content')).toBe('Looking.');
    const calls = chunks.flatMap(({ choices }) => choices[0]?.delta['tool_calls'] ?? []) as {
      index: number;
      id?: string;
      function: { name?: string; arguments: string };
    }[];
    expect(calls[0]).toEqual({
      index: 0,
      id: 'toolu_01A09q90qw',
      type: 'function',
      function: { name: 'w', arguments: '' },
    });
    expect(JSON.parse(calls.map((call) => call.function.arguments).join(''))).toEqual(city);
    expect(calls.every(({ index }) => index === 0)).toBe(true);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('gives a call without arguments a JSON text all the same', async () => {
    await startAnthropic();
    server.behave({ toolCall: { name: 'now', arguments: {} } });
    const stream = await readAll(await open(STREAM));
    expect(stream).toContain('{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}');
  });

  it('reads the same in pieces of every size', async () => {
    await startAnthropic();
    server.behave({
      text: 'Grüße 世界',
      reasoning: 'a\nb',
      toolCall: { name: 'f', arguments: { x: '🎉' } },
    });
    const first = await open(STREAM_WITH_USAGE);
    const raw: Buffer[] = [];
    for await (const chunk of first.body) raw.push(chunk as Buffer);
    const bytes = Buffer.concat(raw);
    const whole = new AnthropicStreamReader(1, true);
    const expected = Buffer.concat([whole.push(bytes), whole.end()]).toString();
    expect(expected).toContain('Grüße');
    for (let size = 1; size < bytes.length; size += 1) {
      const reader = new AnthropicStreamReader(1, true);
      const said: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size)
        said.push(reader.push(bytes.subarray(at, at + size)));
      said.push(reader.end());
      expect(Buffer.concat(said).toString()).toBe(expected);
    }
  });

  it('that dies has no usage, however much its first event said, but its text', async () => {
    await startAnthropic();
    server.behave({ text: 'One two three', dies: 5 });
    const answer = await open(STREAM);
    await expect(readAll(answer)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(answer.reader.usage()).toBeNull();
    expect(answer.reader.isComplete()).toBe(false);
    expect(answer.reader.outputText()).toBe('One two');
  });

  it('carries an error in its middle, without an end marker', () => {
    const reader = new AnthropicStreamReader(1, false);
    const event = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    const said = reader.push(Buffer.from(`event: error\ndata: ${JSON.stringify(event)}\n\n`));
    expect(said.toString()).toBe(
      'data: {"error":{"message":"Overloaded","type":"server_error","param":null,"code":"overloaded_error"}}\n\n',
    );
    expect(reader.isComplete()).toBe(false);
    expect(reader.streamError('gone', 'backend_error').toString()).toContain('"backend_error"');
  });

  it('takes what message_delta corrects, and keeps what it sets to null', () => {
    const reader = new AnthropicStreamReader(1, false);
    const start = { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 };
    const events = [
      { type: 'message_start', message: { usage: start } },
      {
        type: 'message_delta',
        delta: {},
        usage: { input_tokens: 12, cache_read_input_tokens: null, output_tokens: 40 },
      },
      { type: 'message_delta', delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 50 } },
    ];
    for (const event of events) reader.push(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
    expect(reader.usage()).toMatchObject({ input: 17, cachedInput: 5, output: 50 });
  });

  it('passes over events that it does not know and over junk', () => {
    const reader = new AnthropicStreamReader(1, false);
    const odd = [
      'data: {"type":"new_thing"}',
      'data: junk',
      ': comment',
      'data: {"type":"content_block_delta"}',
    ];
    expect(reader.push(Buffer.from(odd.map((line) => `${line}\n\n`).join(''))).toString()).toBe('');
  });
});
