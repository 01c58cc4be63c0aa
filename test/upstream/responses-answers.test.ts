import { afterEach, describe, expect, it } from '@jest/globals';
import type { Upstream, UpstreamAnswer } from '../../src/core/upstream.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { ResponsesChatStreamReader } from '../../src/upstream/dialects/responses/stream.ts';
import { OpenAiStreamReader } from '../../src/upstream/dialects/openai/answers.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { Behaviour } from '../support/provider-server.ts';
import { aBackend, anAttempt, readAll, silentLog } from '../support/upstream-attempts.ts';
import type { Json } from '../support/test-gateway.ts';

const BODY = { model: 'local-model', input: 'Hello' };
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A backend that speaks chats and nothing newer. */
async function startChatBackend(behaviour: Behaviour): Promise<Upstream> {
  const server = await startOpenAiServer();
  closers.push(() => server.close());
  server.next(behaviour);
  const backends = [aBackend({ type: 'vllm', kind: 'local', url: server.url })];
  const upstream = await createUpstream({ backends, log: silentLog });
  closers.push(() => upstream.close());
  return upstream;
}

async function open(
  behaviour: Behaviour,
  fields: Record<string, unknown> = {},
): Promise<UpstreamAnswer> {
  const upstream = await startChatBackend(behaviour);
  const request = {
    id: 'req_abc-123',
    route: 'responses',
    wantsUsageChunk: true,
    receivedAtMs: 1_700_000_000_900,
  } as const;
  return upstream.open(anAttempt({ body: { ...BODY, ...fields }, request }));
}

async function whole(behaviour: Behaviour, fields: Record<string, unknown> = {}): Promise<Json> {
  return JSON.parse(await readAll(await open(behaviour, fields)));
}

function chat(choice: object, more: object = {}): Behaviour {
  const body = JSON.stringify({ model: 'm-1', choices: [{ index: 0, ...choice }], ...more });
  return { raw: { contentType: 'application/json', body } };
}

describe('a whole chat answer as a response', () => {
  it('says the request’s fields again, and nothing that is kept', async () => {
    const fields = {
      instructions: 'Be brief.',
      metadata: { trip: '7' },
      temperature: 0.5,
      max_output_tokens: 90,
      store: true,
      reasoning: { effort: 'low' },
      text: { format: { type: 'text' }, verbosity: 'low' },
    };
    expect(
      await whole({ text: 'Hi!', usage: { input: 30, output: 3, cached: 10 } }, fields),
    ).toEqual({
      id: 'resp_abc123',
      object: 'response',
      created_at: 1_700_000_000,
      status: 'completed',
      background: false,
      error: null,
      incomplete_details: null,
      instructions: 'Be brief.',
      max_output_tokens: null,
      max_tool_calls: null,
      metadata: { trip: '7' },
      model: 'local-model',
      output: [
        {
          id: 'msg_abc123_0',
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Hi!', annotations: [], logprobs: [] }],
        },
      ],
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: 'low', summary: null },
      store: false,
      temperature: 0.5,
      text: { format: { type: 'text' }, verbosity: 'low' },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: null,
      truncation: 'disabled',
      user: null,
      usage: {
        input_tokens: 30,
        input_tokens_details: { cached_tokens: 10, cache_write_tokens: 0 },
        output_tokens: 3,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 33,
      },
    });
  });

  it('has an item for the reasoning, the words and each call', async () => {
    const calls = ['Bern', 'Rome'].map((city, index) => ({
      id: `call_${index}`,
      type: 'function',
      function: { name: 'get_weather', arguments: `{"city":"${city}"}` },
    }));
    const message = { content: 'Looking.', reasoning: 'Two cities.', tool_calls: calls };
    const { output, status, usage } = await whole(chat({ message, finish_reason: 'tool_calls' }));
    expect([status, usage]).toEqual(['completed', null]);
    expect(output).toMatchObject([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Two cities.' }] },
      { type: 'message', content: [{ text: 'Looking.' }] },
      {
        type: 'function_call',
        call_id: 'call_0',
        name: 'get_weather',
        arguments: '{"city":"Bern"}',
      },
      {
        type: 'function_call',
        call_id: 'call_1',
        name: 'get_weather',
        arguments: '{"city":"Rome"}',
      },
    ]);
    expect(new Set(output.map(({ id }: Json) => id)).size).toBe(4);
  });

  it.each([
    ['length', 'incomplete', { reason: 'max_output_tokens' }],
    ['content_filter', 'incomplete', { reason: 'content_filter' }],
    ['stop', 'completed', null],
    ['something new', 'completed', null],
  ])('that ended with %s is %s', async (reason, status, details) => {
    const answer = await whole(chat({ message: { content: 'Hi' }, finish_reason: reason }));
    expect(answer).toMatchObject({ status, incomplete_details: details, model: 'm-1' });
    expect(answer.output).toMatchObject([{ status }]);
  });

  it('keeps a refusal, parts and log probabilities', async () => {
    const logprobs = { content: [{ token: 'Hi', logprob: -0.1, top_logprobs: [] }] };
    const content = [
      { type: 'text', text: 'H' },
      { type: 'text', text: 'i' },
    ];
    const spoken = await whole(chat({ message: { content }, logprobs, finish_reason: 'stop' }));
    expect(spoken.output[0].content).toEqual([
      { type: 'output_text', text: 'Hi', annotations: [], logprobs: logprobs.content },
    ]);
    const refused = await whole(chat({ message: { content: null, refusal: 'No.' } }));
    expect(refused.output[0].content).toEqual([{ type: 'refusal', refusal: 'No.' }]);
    const silent = await whole(chat({ message: { content: '' } }));
    expect(silent.output[0].content).toMatchObject([{ type: 'output_text', text: '' }]);
  });

  it.each([
    ['no JSON', '<html>', 'no chat completion'],
    ['no choices', '{"choices":[]}', 'no chat completion'],
    ['an error of its own', '{"error":{"message":"out of memory"}}', 'out of memory'],
  ])('is an error when the backend answered with %s', async (_what, body, message) => {
    const answer = await whole({ raw: { contentType: 'application/json', body } });
    expect(answer.error.message).toContain(message);
  });

  it('is not held without bound', async () => {
    const long = `{"choices":[{"message":{"content":"${'x'.repeat(9 * 1024 * 1024)}"}}]}`;
    const answer = await whole({ raw: { contentType: 'application/json', body: long } });
    expect(answer.error.message).toContain('no chat completion');
  });

  it('passes an error of the backend on: its shape is the same on both routes', async () => {
    const answer = await open({ status: 400, errorMessage: 'too hot' });
    expect(answer.status).toBe(400);
    expect(JSON.parse(await readAll(answer))).toMatchObject({ error: { message: 'too hot' } });
  });
});

function event(document: unknown): string {
  return `data: ${JSON.stringify(document)}\n\n`;
}

function delta(said: object, finish: string | null = null): string {
  return event({ model: 'm-1', choices: [{ index: 0, delta: said, finish_reason: finish }] });
}

const USAGE = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
const END = `${event({ choices: [], usage: USAGE })}data: [DONE]\n\n`;
const FRAME = {
  id: 'x',
  createdAtS: 1,
  model: 'asked',
  maxOutputTokens: null,
  asked: { model: 'asked', input: 'Hello' },
};

function readerOf(): ResponsesChatStreamReader {
  return new ResponsesChatStreamReader(FRAME, new OpenAiStreamReader(false));
}

/** The events that a client gets for a chat stream, each checked for its name and its number. */
function eventsOf(stream: string, pieceBytes = Infinity): Json[] {
  const reader = readerOf();
  const bytes = Buffer.from(stream);
  const said: Buffer[] = [];
  const size = Math.min(pieceBytes, bytes.length);
  for (let at = 0; at < bytes.length; at += size)
    said.push(reader.push(bytes.subarray(at, at + size)));
  said.push(reader.end());
  const blocks = Buffer.concat(said).toString().split('\n\n').slice(0, -1);
  const events = blocks.flatMap((block) => {
    const parts = /^event: (.*)\ndata: (.*)$/.exec(block);
    if (!parts) return [];
    const document = JSON.parse(parts[2] ?? '');
    expect(document.type).toBe(parts[1]);
    return [document];
  });
  expect(events.map(({ sequence_number: number }) => number)).toEqual([...events.keys()]);
  return events;
}

/** `type` without its first word, and where it happens. */
function outline(events: readonly Json[]): string[] {
  return events.map(({ type, output_index: at, delta: said }) =>
    [type.replace('response.', ''), at, said].filter((part) => part !== undefined).join(' '),
  );
}

describe('a chat stream as events of the Responses API', () => {
  it('opens, tells and closes what the model thinks and says, whatever the pieces', () => {
    const stream = [
      ': OPENROUTER PROCESSING\n\n',
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning_content: 'Hm' }),
      delta({ reasoning_content: 'm.' }),
      delta({ content: 'Grü' }),
      delta({ content: 'ße' }),
      delta({}, 'stop'),
      END,
    ].join('');
    for (const size of [1, 7, Infinity]) {
      const events = eventsOf(stream, size);
      expect(outline(events)).toEqual([
        'created',
        'in_progress',
        'output_item.added 0',
        'reasoning_summary_part.added 0',
        'reasoning_summary_text.delta 0 Hm',
        'reasoning_summary_text.delta 0 m.',
        'reasoning_summary_text.done 0',
        'reasoning_summary_part.done 0',
        'output_item.done 0',
        'output_item.added 1',
        'content_part.added 1',
        'output_text.delta 1 Grü',
        'output_text.delta 1 ße',
        'output_text.done 1',
        'content_part.done 1',
        'output_item.done 1',
        'completed',
      ]);
      const { response } = events.at(-1);
      expect(response).toMatchObject({
        id: 'resp_x',
        model: 'm-1',
        status: 'completed',
        output: [
          { id: 'rs_x_0', summary: [{ text: 'Hmm.' }] },
          { id: 'msg_x_1', status: 'completed', content: [{ text: 'Grüße' }] },
        ],
        usage: { input_tokens: 7, output_tokens: 3, total_tokens: 10 },
      });
      const done = events.filter(({ type }) => type === 'response.output_item.done');
      expect(done.map(({ item }) => item)).toEqual(response.output);
    }
  });

  it('tells calls that come in turns each on its own', () => {
    const call = (index: number, more: object): string =>
      delta({ tool_calls: [{ index, ...more }] });
    const events = eventsOf(
      [
        delta({ content: 'Looking. ' }),
        call(0, { id: 'c0', function: { name: 'f', arguments: '' } }),
        call(1, { id: 'c1', function: { name: 'g', arguments: '{"b"' } }),
        call(0, { function: { arguments: '{"a":1}' } }),
        call(1, { function: { arguments: ':2}' } }),
        delta({}, 'tool_calls'),
        END,
      ].join(''),
    );
    expect(outline(events).slice(4)).toEqual([
      'output_text.delta 0 Looking. ',
      'output_text.done 0',
      'content_part.done 0',
      'output_item.done 0',
      'output_item.added 1',
      'output_item.added 2',
      'function_call_arguments.delta 2 {"b"',
      'function_call_arguments.delta 1 {"a":1}',
      'function_call_arguments.delta 2 :2}',
      'function_call_arguments.done 1',
      'output_item.done 1',
      'function_call_arguments.done 2',
      'output_item.done 2',
      'completed',
    ]);
    expect(events.at(-1).response.output.slice(1)).toMatchObject([
      { type: 'function_call', call_id: 'c0', name: 'f', arguments: '{"a":1}' },
      { type: 'function_call', call_id: 'c1', name: 'g', arguments: '{"b":2}' },
    ]);
  });

  it('tells calls apart that a server sends whole, without an index', () => {
    const wholeCall = (id: string): object => ({
      id,
      type: 'function',
      function: { name: 'f', arguments: `{"id":"${id}"}` },
    });
    const stream =
      delta({ tool_calls: [wholeCall('a'), wholeCall('b')] }) + delta({}, 'tool_calls') + END;
    expect(eventsOf(stream).at(-1).response.output).toMatchObject([
      { call_id: 'a', arguments: '{"id":"a"}' },
      { call_id: 'b', arguments: '{"id":"b"}' },
    ]);
  });

  it('tells a refusal, and why a response is not complete', () => {
    const events = eventsOf(
      delta({ content: 'Well, ' }) + delta({ refusal: 'no.' }) + delta({}, 'content_filter') + END,
    );
    expect(outline(events).slice(3, -1)).toEqual([
      'content_part.added 0',
      'output_text.delta 0 Well, ',
      'content_part.added 0',
      'refusal.delta 0 no.',
      'output_text.done 0',
      'content_part.done 0',
      'refusal.done 0',
      'content_part.done 0',
      'output_item.done 0',
    ]);
    expect(events.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
    });
  });

  it('passes log probabilities along', () => {
    const logprobs = { content: [{ token: 'Hi', logprob: -0.1, top_logprobs: [] }] };
    const choice = { index: 0, delta: { content: 'Hi' }, logprobs };
    const events = eventsOf(event({ choices: [choice] }) + END);
    const said = events.find(({ type }) => type === 'response.output_text.delta');
    expect(said.logprobs).toEqual(logprobs.content);
    expect(events.at(-1).response.output[0].content[0].logprobs).toEqual(logprobs.content);
  });

  it('is a message without a word when the model said none', () => {
    expect(outline(eventsOf(END))).toEqual([
      'created',
      'in_progress',
      'output_item.added 0',
      'content_part.added 0',
      'output_text.done 0',
      'content_part.done 0',
      'output_item.done 0',
      'completed',
    ]);
  });

  it('says an error of the backend as the event that SDKs throw on, once', () => {
    const reader = readerOf();
    const error = event({ error: { message: 'out of memory', type: 'server_error', code: 507 } });
    const said = reader.push(
      Buffer.from(delta({ content: 'Hi' }) + error + delta({ content: 'x' })),
    );
    expect(said.toString().split('\n\n').at(-2)).toBe(
      'event: error\ndata: {"type":"error","sequence_number":5,"code":"server_error","message":"out of memory","param":null}',
    );
    expect(reader.streamError('it broke off', 'backend_error')).toHaveLength(0);
    expect(reader.outputText()).toBe('Hix');
  });

  it('says an error of the gateway when the backend merely ends', () => {
    const reader = readerOf();
    reader.push(Buffer.from(delta({ content: 'Hi' })));
    reader.end();
    expect(reader.isComplete()).toBe(false);
    expect(reader.usage()).toBeNull();
    expect(reader.streamError('it broke off', 'backend_error').toString()).toBe(
      'event: error\ndata: {"type":"error","sequence_number":5,"code":"backend_error","message":"it broke off","param":null}\n\n',
    );
  });

  it('gives a backend up that opens items without end', () => {
    const reader = readerOf();
    const said: string[] = [];
    for (let index = 0; index < 1100; index += 1) {
      const call = { index, id: `c${index}`, function: { name: 'f', arguments: '{}' } };
      said.push(reader.push(Buffer.from(delta({ tool_calls: [call] }))).toString());
    }
    expect(said.filter((text) => text.includes('event: error'))).toHaveLength(1);
    expect(said.at(-1)).toBe('');
  });
});
