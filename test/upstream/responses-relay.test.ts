import { afterEach, describe, expect, it } from '@jest/globals';
import type { BackendSettings } from '../../src/core/settings.ts';
import type { AnswerReader, Upstream } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import {
  ResponsesJsonReader,
  ResponsesStreamReader,
} from '../../src/upstream/dialects/responses/native.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { aBackend, anAttempt, readAll, silentLog } from '../support/upstream-attempts.ts';

const BODY = { model: 'gpt-5', input: 'Hello', store: true };
const RESPONSES = { route: 'responses', wantsUsageChunk: true } as const;
const USAGE =
  '"usage":{"input_tokens":70,"input_tokens_details":{"cached_tokens":20},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":79}';
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function openAiWithUpstream(
  settings: Partial<BackendSettings> = {},
): Promise<{ server: ProviderServer; upstream: Upstream }> {
  const server = await startOpenAiServer();
  closers.push(async () => server.close());
  const backends = [aBackend({ ...settings, url: server.url })];
  const upstream = await createUpstream({ backends, log: silentLog });
  closers.push(async () => upstream.close());
  return { server, upstream };
}

function relayed(reader: AnswerReader, pieces: readonly Buffer[]): string {
  return Buffer.concat([...pieces.map((piece) => reader.push(piece)), reader.end()]).toString();
}

function piecesOf(text: string, size: number): Buffer[] {
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

/** A stream with everything that is legal and odd: comments, CRLF, spaces, words of the protocol in what is said. */
const STREAM = [
  ': keep-alive\n\n',
  'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"usage":null}}\n\n',
  'event: response.output_item.added\r\ndata: {"type":"response.output_item.added","sequence_number":1,"item":{"type":"function_call","name":"look_up"}}\r\n\r\n',
  'data: {"type": "response.function_call_arguments.delta", "sequence_number": 2, "delta": "{\\"city\\":"}\n\n',
  'data: {"type":"response.output_text.delta","sequence_number":3,"delta":"Grüße, 世界 \\"response.completed\\" 🎉"}\n\n',
  'data: {"type":"response.output_text.done","sequence_number":4,"text":"said before"}\n\n',
].join('');
const LAST = `event: response.completed\ndata: {"type":"response.completed","sequence_number":5,"response":{"output":[],${USAGE}}}\n\n`;

describe('a stream of the Responses API', () => {
  it('passes byte for byte in pieces of every size, and its last event tells the usage', () => {
    const stream = STREAM + LAST;
    for (let size = 1; size <= Buffer.byteLength(stream); size += 1) {
      const reader = new ResponsesStreamReader();
      expect(relayed(reader, piecesOf(stream, size))).toBe(stream);
      expect(reader.isComplete()).toBe(true);
      expect(reader.usage()).toMatchObject({ input: 70, cachedInput: 20, output: 9, reasoning: 4 });
    }
  });

  it.each(['incomplete', 'failed'])('is whole when the response is %s', (end) => {
    const reader = new ResponsesStreamReader();
    relayed(reader, [Buffer.from(LAST.replaceAll('response.completed', `response.${end}`))]);
    expect(reader.isComplete()).toBe(true);
    expect(reader.usage()).toMatchObject({ input: 70, output: 9 });
  });

  it('is not whole when it merely ends, and then knows what was said: texts and names, each once', () => {
    const reader = new ResponsesStreamReader();
    expect(relayed(reader, [Buffer.from(STREAM)])).toBe(STREAM);
    expect(reader.isComplete()).toBe(false);
    expect(reader.usage()).toBeNull();
    expect(reader.outputText()).toBe('look_up{"city":Grüße, 世界 "response.completed" 🎉');
  });

  it('says an error of the gateway as the event that SDKs throw on, numbered behind the last', () => {
    const reader = new ResponsesStreamReader();
    relayed(reader, [Buffer.from(STREAM)]);
    expect(reader.streamError('it broke off', 'backend_error').toString()).toBe(
      'event: error\ndata: {"type":"error","sequence_number":5,"code":"backend_error","message":"it broke off","param":null}\n\n',
    );
  });

  it('ends the block first that the backend left open', () => {
    const reader = new ResponsesStreamReader();
    relayed(reader, [Buffer.from('data: {"type":"respo')]);
    expect(reader.streamError('x', 'y').toString()).toMatch(/^\n\nevent: error\n/);
    expect(reader.streamError('x', 'y').toString()).toContain('"sequence_number":0');
  });

  it('judges the text of an answer that is longer than what is kept of it', () => {
    const reader = new ResponsesStreamReader();
    const event = `data: {"type":"response.output_text.delta","delta":"${'word '.repeat(2000)}"}\n\n`;
    for (let count = 0; count < 200; count += 1) reader.push(Buffer.from(event));
    expect(reader.outputText().length).toBeGreaterThan(1_500_000);
  });
});

describe('a whole response', () => {
  const whole = `{"id":"resp_1","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm. "}]},{"type":"message","content":[{"type":"output_text","text":"Hi "},{"type":"refusal","refusal":"No."}]},{"type":"function_call","name":"f","arguments":"{}"}],"tools":[],${USAGE},"metadata":{}}`;

  it('passes as it is; its usage and text are read', () => {
    const reader = new ResponsesJsonReader();
    expect(relayed(reader, piecesOf(whole, 7))).toBe(whole);
    expect(reader.isComplete()).toBe(true);
    expect(reader.usage()).toMatchObject({ input: 70, output: 9 });
    expect(reader.outputText()).toBe('Hm. Hi No.f{}');
  });

  it('tells its usage also when it is too long to be kept', () => {
    const image = 'A'.repeat(9 * 1024 * 1024);
    const reader = new ResponsesJsonReader();
    const body = `{"output":[{"type":"image_generation_call","result":"${image}"}],${USAGE},"user":null}`;
    relayed(reader, piecesOf(body, 1024 * 1024));
    expect(reader.usage()).toMatchObject({ input: 70, output: 9 });
  });

  it('that is half says its raw text, so that it is not counted as nothing', () => {
    const reader = new ResponsesJsonReader();
    relayed(reader, [Buffer.from('{"output":[{"type":"message"')]);
    expect(reader.usage()).toBeNull();
    expect(reader.outputText()).toBe('{"output":[{"type":"message"');
  });
});

describe('a request of the Responses API for OpenAI', () => {
  it('goes out with the client’s very bytes and query', async () => {
    const { server, upstream } = await openAiWithUpstream();
    const rawBody = Buffer.from(`{ "model" : "gpt-5",\n"input":"Hell\\u006f", "store":true}`);
    const attempt = anAttempt({ body: BODY, request: { ...RESPONSES, rawBody } });
    attempt.clientRequest.url = '/v1/responses?trace=1&x=%20';
    const answer = await upstream.open(attempt);
    const [call] = server.calls;
    expect(call).toMatchObject({ path: '/v1/responses', query: '?trace=1&x=%20', body: rawBody });
    expect(JSON.parse(await readAll(answer))).toMatchObject({ object: 'response' });
    expect(answer.reader.usage()).toMatchObject({ input: 12, output: 5 });
  });

  it('differs only in the model and the maximum that the gateway gave it', async () => {
    const { server, upstream } = await openAiWithUpstream();
    const body = { ...BODY, stream: true, max_output_tokens: 500 };
    const request = {
      ...RESPONSES,
      maxOutputTokens: 500,
      maxOutputField: 'max_output_tokens' as const,
    };
    const attempt = { model: 'gpt-5-mini', maxOutputTokens: 40 };
    const answer = await upstream.open(anAttempt({ body, request, attempt }));
    await readAll(answer);
    expect(server.calls[0]?.json).toEqual({ ...body, model: 'gpt-5-mini', max_output_tokens: 40 });
    expect(answer.isStream && answer.reader.isComplete()).toBe(true);
  });

  it.each<readonly [string, Partial<BackendSettings>, string]>([
    ['an openai backend', {}, '/v1/responses'],
    ['one that has no such API', { responsesApi: false }, '/v1/chat/completions'],
    ['a vLLM', { type: 'vllm' }, '/v1/chat/completions'],
    ['a vLLM that has it', { type: 'vllm', responsesApi: true }, '/v1/responses'],
  ])('is asked in the words that the backend knows: %s', async (_what, settings, path) => {
    const { server, upstream } = await openAiWithUpstream(settings);
    const answer = await upstream.open(anAttempt({ body: BODY, request: RESPONSES }));
    expect(JSON.parse(await readAll(answer))).toMatchObject({ object: 'response' });
    expect(server.calls[0]?.path).toBe(path);
    expect(upstream.routesOf('backend')).toContain('responses');
  });
});
