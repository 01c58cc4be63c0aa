/** What chat answers become for a client of the Messages API. */
import { describe, expect, it } from '@jest/globals';
import type { AnswerReader } from '../../src/core/upstream.ts';
import { ErrorReader } from '../../src/upstream/dialects/error-reader.ts';
import { messagesFormat } from '../../src/upstream/dialects/messages/format.ts';
import {
  OpenAiJsonReader,
  OpenAiStreamReader,
} from '../../src/upstream/dialects/openai/answers.ts';
import { anAttempt } from '../support/upstream-attempts.ts';

type Json = Record<string, unknown>;

const ATTEMPT = anAttempt({
  request: { id: 'req_abc', route: 'messages' },
  attempt: { model: 'llama3', inputTokens: 12 },
});
const USAGE = {
  prompt_tokens: 100,
  completion_tokens: 7,
  total_tokens: 107,
  prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
};
const TOLD_USAGE = {
  input_tokens: 30,
  cache_creation_input_tokens: 10,
  cache_read_input_tokens: 60,
  output_tokens: 7,
};

function readerOf(status: number, isStream: boolean): AnswerReader {
  const head = { status, isStream };
  if (status >= 400) return messagesFormat.reader(ATTEMPT, new ErrorReader(null, (b) => b), head);
  const chat = isStream ? new OpenAiStreamReader(false) : new OpenAiJsonReader('chat');
  return messagesFormat.reader(ATTEMPT, chat, head);
}

function told(reader: AnswerReader, text: string): string {
  const bytes = Buffer.from(text);
  const half = Math.floor(bytes.length / 2);
  const pieces = [bytes.subarray(0, half), bytes.subarray(half)];
  return Buffer.concat([...pieces.map((piece) => reader.push(piece)), reader.end()]).toString();
}

describe('a whole answer', () => {
  function messageOf(message: Json, finish = 'stop', more: Json = { usage: USAGE }): Json {
    const completion = {
      id: 'chatcmpl-1',
      model: 'llama3:latest',
      choices: [{ message, finish_reason: finish }],
      ...more,
    };
    const reader = readerOf(200, false);
    const text = told(reader, JSON.stringify(completion));
    expect(reader.isComplete()).toBe(true);
    return JSON.parse(text) as Json;
  }

  it('is a message', () => {
    expect(messageOf({ content: 'Hi!' })).toEqual({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'llama3:latest',
      content: [{ type: 'text', text: 'Hi!' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: TOLD_USAGE,
    });
  });

  it('holds thinking, text and calls, in that order', () => {
    const call = (id: string, text: string): Json => ({
      id,
      type: 'function',
      function: { name: 'look', arguments: text },
    });
    const message = {
      reasoning_content: 'hm',
      content: [{ type: 'text', text: 'Let me look.' }],
      tool_calls: [call('call_1', '{"at":{"a":1}}'), call('', ''), call('call_3', '{"at":')],
    };
    expect(messageOf(message, 'tool_calls')).toMatchObject({
      content: [
        { type: 'thinking', thinking: 'hm', signature: '' },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_use', id: 'call_1', name: 'look', input: { at: { a: 1 } } },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
        { type: 'tool_use', id: 'call_3', name: 'look', input: { arguments: '{"at":' } },
      ],
      stop_reason: 'tool_use',
    });
  });

  it.each([
    ['stop', 'end_turn'],
    ['length', 'max_tokens'],
    ['tool_calls', 'tool_use'],
    ['content_filter', 'refusal'],
    ['brand_new', 'end_turn'],
  ])('that ended with %s ended with %s', (finish, reason) => {
    expect(messageOf({ content: 'x' }, finish)['stop_reason']).toBe(reason);
  });

  it('that calls tools waits for them, whatever the backend says', () => {
    const calls = { tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{}' } }] };
    expect(messageOf(calls, 'stop')['stop_reason']).toBe('tool_use');
    expect(messageOf(calls, 'length')['stop_reason']).toBe('max_tokens');
  });

  it('that was refused says why, and one without a word has no content', () => {
    expect(messageOf({ content: null, refusal: 'No.' })['content']).toEqual([
      { type: 'text', text: 'No.' },
    ]);
    expect(messageOf({ content: '' })['content']).toEqual([]);
  });

  it('has figures also where the backend gave none, and an id of its own', () => {
    expect(messageOf({ content: 'x' }, 'stop', { id: undefined })).toMatchObject({
      id: 'msg_abc',
      usage: { input_tokens: 0, output_tokens: 0 },
    });
  });

  it.each(['<html></html>', '{"choices":[]}', '', '{"error":{"message":"x"}}', 'null'])(
    'that is none (%s) is not complete, so that somebody else is asked',
    (text) => {
      const reader = readerOf(200, false);
      expect(told(reader, text)).toBe('');
      expect(reader.isComplete()).toBe(false);
    },
  );
});

describe('an error', () => {
  it.each<[number, string, Json]>([
    [
      400,
      '{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}',
      { type: 'invalid_request_error', message: 'too long', code: 'context_length_exceeded' },
    ],
    [401, '{"error":{"message":"no key"}}', { type: 'authentication_error', message: 'no key' }],
    [404, '{"error":"model not found"}', { type: 'not_found_error', message: 'model not found' }],
    [429, '{"message":"slow down"}', { type: 'rate_limit_error', message: 'slow down' }],
    [503, '<html>nginx</html>', { type: 'overloaded_error', message: '<html>nginx</html>' }],
    [500, '', { type: 'api_error', message: 'the backend gave no reason' }],
  ])('of %i with %s has the shape of the API', (status, body, error) => {
    const reader = readerOf(status, false);
    expect(JSON.parse(told(reader, body))).toEqual({ type: 'error', error });
    expect(reader.usage()).toBeNull();
  });
});

interface StreamEvent {
  readonly event: string;
  readonly data: Json;
}

function eventsOf(stream: string): readonly StreamEvent[] {
  return stream
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      return { event, data: JSON.parse(data) as Json };
    });
}

function chunk(delta: Json, finish: string | null = null): string {
  const document = {
    id: 'chatcmpl-1',
    model: 'llama3:latest',
    choices: [{ index: 0, delta, finish_reason: finish }],
  };
  return `data: ${JSON.stringify(document)}\n\n`;
}
const USAGE_CHUNK = `data: ${JSON.stringify({ choices: [], usage: USAGE })}\n\n`;
const DONE = 'data: [DONE]\n\n';

/** One line for each event, short enough to read. */
function story(stream: string): readonly string[] {
  return eventsOf(stream).map(({ event, data }) => {
    expect(data['type']).toBe(event);
    const { content_block: block, delta, message, usage } = data as Record<string, Json>;
    const at = Number(data['index']);
    switch (event) {
      case 'message_start':
        return `start ${JSON.stringify(message?.['usage'])}`;
      case 'content_block_start':
        return `${at} ${JSON.stringify(block)}`;
      case 'content_block_delta':
        return `${at} ${JSON.stringify(Object.values(delta ?? {}).at(-1))}`;
      case 'content_block_stop':
        return `${at} stop`;
      case 'message_delta':
        return `${String(delta?.['stop_reason'])} ${JSON.stringify(usage)}`;
      case 'error':
        return `error ${JSON.stringify(data['error'])}`;
      default:
        return event;
    }
  });
}

const START = `start ${JSON.stringify({ ...TOLD_USAGE, input_tokens: 12, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 })}`;
const USED = JSON.stringify(TOLD_USAGE);

function called(index: number, call: Json): Json {
  const { id, name, text } = call as Record<string, string>;
  return {
    ...(index < 0 ? {} : { index }),
    ...(id === undefined ? {} : { id, type: 'function' }),
    function: { ...(name === undefined ? {} : { name }), arguments: text ?? '' },
  };
}

describe('a stream', () => {
  it('begins, says its blocks one after another, and ends with its usage', () => {
    const reader = readerOf(200, true);
    const stream = told(
      reader,
      chunk({ role: 'assistant', content: '' }) +
        chunk({ reasoning: 'h' }) +
        chunk({ reasoning_content: 'm' }) +
        chunk({ content: 'Hi' }) +
        chunk({ content: '!' }) +
        chunk({}, 'stop') +
        USAGE_CHUNK +
        DONE,
    );
    expect(story(stream)).toEqual([
      START,
      'ping',
      '0 {"type":"thinking","thinking":"","signature":""}',
      '0 "h"',
      '0 "m"',
      '0 stop',
      '1 {"type":"text","text":""}',
      '1 "Hi"',
      '1 "!"',
      '1 stop',
      `end_turn ${USED}`,
      'message_stop',
    ]);
    expect(eventsOf(stream)[0]?.data).toMatchObject({
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'llama3:latest',
        content: [],
      },
    });
    expect(reader.isComplete()).toBe(true);
    expect(reader.usage()).toMatchObject({ input: 100, cachedInput: 60, output: 7 });
    expect(reader.outputText()).toBe('hmHi!');
  });

  const CALLS = [
    START,
    'ping',
    '0 {"type":"tool_use","id":"a","name":"f","input":{}}',
    '0 "{\\"x\\":"',
    '0 "1}"',
    '0 stop',
    '1 {"type":"tool_use","id":"b","name":"g","input":{}}',
    '1 "{\\"y\\":2}"',
    '1 stop',
    `tool_use ${USED}`,
    'message_stop',
  ];

  it.each<[string, readonly string[]]>([
    [
      'one after another, as OpenAI sends them',
      [
        chunk({ tool_calls: [called(0, { id: 'a', name: 'f' })] }),
        chunk({ tool_calls: [called(0, { text: '{"x":' })] }),
        chunk({ tool_calls: [called(0, { text: '1}' })] }),
        chunk({ tool_calls: [called(1, { id: 'b', name: 'g' })] }),
        chunk({ tool_calls: [called(1, { text: '{"y":2}' })] }),
      ],
    ],
    [
      'side by side',
      [
        chunk({
          tool_calls: [called(0, { id: 'a', name: 'f' }), called(1, { id: 'b', name: 'g' })],
        }),
        chunk({ tool_calls: [called(1, { text: '{"y":' })] }),
        chunk({ tool_calls: [called(0, { text: '{"x":' })] }),
        chunk({ tool_calls: [called(1, { text: '2}' })] }),
        chunk({ tool_calls: [called(0, { text: '1}' })] }),
      ],
    ],
    [
      'whole, and all in the same place',
      [
        chunk({ tool_calls: [called(0, { id: 'a', name: 'f', text: '{"x":' })] }),
        chunk({ tool_calls: [called(0, { text: '1}' })] }),
        chunk({ tool_calls: [called(0, { id: 'b', name: 'g', text: '{"y":2}' })] }),
      ],
    ],
    [
      'without a place',
      [
        chunk({ tool_calls: [called(-1, { id: 'a', name: 'f', text: '{"x":' })] }),
        chunk({ tool_calls: [called(-1, { text: '1}' })] }),
        chunk({ tool_calls: [called(-1, { id: 'b', name: 'g', text: '{"y":2}' })] }),
      ],
    ],
  ])('has its calls in order: %s', (_name, chunks) => {
    const stream = told(
      readerOf(200, true),
      chunks.join('') + chunk({}, 'tool_calls') + USAGE_CHUNK + DONE,
    );
    expect(story(stream)).toEqual(CALLS);
  });

  it('tells calls apart by their names where the backend names neither place nor id', () => {
    const chunks = [
      chunk({ tool_calls: [called(-1, { name: 'f', text: '{}' })] }),
      chunk({ tool_calls: [called(-1, { name: 'f', text: '{"x":1}' })] }),
    ];
    expect(story(told(readerOf(200, true), chunks.join('') + DONE))).toEqual([
      START,
      'ping',
      '0 {"type":"tool_use","id":"toolu_0","name":"f","input":{}}',
      '0 "{}"',
      '0 stop',
      '1 {"type":"tool_use","id":"toolu_1","name":"f","input":{}}',
      '1 "{\\"x\\":1}"',
      '1 stop',
      expect.stringMatching(/^tool_use .*"input_tokens":0/),
      'message_stop',
    ]);
  });

  it('says what came beside a call when the calls are through', () => {
    const chunks = [
      chunk({ content: 'Let me see.' }),
      chunk({ tool_calls: [called(0, { id: 'a', name: 'f', text: '{' })] }),
      chunk({ content: 'And ' }),
      chunk({ content: 'so on.', tool_calls: [called(0, { text: '}' })] }),
    ];
    expect(story(told(readerOf(200, true), chunks.join('') + DONE)).slice(2, -2)).toEqual([
      '0 {"type":"text","text":""}',
      '0 "Let me see."',
      '0 stop',
      '1 {"type":"tool_use","id":"a","name":"f","input":{}}',
      '1 "{"',
      '1 "}"',
      '1 stop',
      '2 {"type":"text","text":""}',
      '2 "And "',
      '2 "so on."',
      '2 stop',
    ]);
  });

  it('keeps the connection alive where the backend does', () => {
    const reader = readerOf(200, true);
    expect(reader.push(Buffer.from(': waiting\n\n'))).toHaveLength(0);
    reader.push(Buffer.from(chunk({ content: 'x' })));
    expect(story(reader.push(Buffer.from(': ping\n\n: ping\n\n')).toString())).toEqual(['ping']);
  });

  it('that fails says so, once, and nothing more', () => {
    const reader = readerOf(200, true);
    const error =
      'data: {"error":{"message":"The server is overloaded","type":"server_error"}}\n\n';
    const stream = told(reader, chunk({ content: 'x' }) + error + chunk({ content: 'y' }) + DONE);
    expect(story(stream).at(-1)).toBe(
      'error {"type":"api_error","message":"The server is overloaded","code":"server_error"}',
    );
    expect(reader.streamError('It broke off.', 'backend_error')).toHaveLength(0);
  });

  it('that breaks off is told in the words of the API', () => {
    const reader = readerOf(200, true);
    told(reader, chunk({ content: 'x' }));
    expect(reader.isComplete()).toBe(false);
    expect(story(reader.streamError('It broke off.', 'backend_error').toString())).toEqual([
      'error {"type":"api_error","message":"It broke off.","code":"backend_error"}',
    ]);
  });

  it('without a single chunk is an empty answer', () => {
    expect(story(told(readerOf(200, true), DONE)).map((line) => line.split(' ')[0])).toEqual([
      'start',
      'ping',
      'end_turn',
      'message_stop',
    ]);
  });
});
