/** What a request of the Messages API becomes for a backend that speaks the chat format. */
import { describe, expect, it } from '@jest/globals';
import { UpstreamFailure } from '../../src/core/upstream.ts';
import { messagesToChat } from '../../src/upstream/dialects/messages/request.ts';
import { anAttempt } from '../support/upstream-attempts.ts';

type Body = Readonly<Record<string, unknown>>;

const HELLO = [{ role: 'user', content: 'Hello' }];

function chatOf(body: Body, model = 'llama3'): Record<string, unknown> {
  const whole = { model: 'asked', max_tokens: 100, messages: HELLO, ...body };
  const attempt = anAttempt({ body: whole, request: { route: 'messages' }, attempt: { model } });
  return messagesToChat(attempt);
}

/** The chat messages of one message, or of several. */
function messagesOf(...messages: readonly object[]): unknown {
  return chatOf({ messages })['messages'];
}

function refusalOf(body: Body): string {
  try {
    chatOf(body);
  } catch (error) {
    if (error instanceof UpstreamFailure && error.kind === 'untranslatable') return error.message;
    throw error;
  }
  throw new Error('it was translated');
}

const PNG = { type: 'base64', media_type: 'image/png', data: 'iVBORw0=' };
const PNG_PART = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0=' } };

describe('messages', () => {
  it('of text are the same', () => {
    const messages = [...HELLO, { role: 'assistant', content: 'Hi!' }, ...HELLO];
    expect(chatOf({ messages })).toEqual({ model: 'llama3', messages });
  });

  it('have the system text in front, as one', () => {
    expect(chatOf({ system: 'Be brief.' })['messages']).toEqual([
      { role: 'system', content: 'Be brief.' },
      ...HELLO,
    ]);
    const system = [
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } },
    ];
    expect(chatOf({ system })['messages']).toEqual([
      { role: 'system', content: 'Be brief.\n\nBe kind.' },
      ...HELLO,
    ]);
    expect(chatOf({ system: '' })['messages']).toEqual(HELLO);
    expect(messagesOf(...HELLO, { role: 'system', content: 'Now in French.' })).toEqual([
      ...HELLO,
      { role: 'system', content: 'Now in French.' },
    ]);
  });

  it('show images by value and by address, and text beside them', () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image', source: PNG },
      { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
    ];
    expect(messagesOf({ role: 'user', content })).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          PNG_PART,
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        ],
      },
    ]);
  });

  it('show documents and search results as text', () => {
    const content = [
      {
        type: 'document',
        title: 'Rules',
        context: 'of the house',
        source: { type: 'text', media_type: 'text/plain', data: 'No shoes.' },
      },
      {
        type: 'document',
        source: { type: 'content', content: [{ type: 'text', text: 'No hats.' }] },
      },
      {
        type: 'search_result',
        title: 'Found',
        source: 'https://example.com',
        content: [{ type: 'text', text: 'Nothing.' }],
      },
      { type: 'text', text: 'Well?' },
    ];
    expect(messagesOf({ role: 'user', content })).toEqual([
      {
        role: 'user',
        content:
          'Rules\nof the house\n\nNo shoes.\n\nNo hats.\n\nFound\nhttps://example.com\n\nNothing.\n\nWell?',
      },
    ]);
  });

  it('tell what tools were called and what came of it, results first', () => {
    const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'it' } };
    const results = [
      { type: 'text', text: 'Here you are.' },
      {
        type: 'tool_result',
        tool_use_id: 'toolu_1',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image', source: PNG },
          { type: 'text', text: 'b' },
        ],
      },
      { type: 'tool_result', tool_use_id: 'toolu_2', content: 'no such file', is_error: true },
      { type: 'tool_result', tool_use_id: 'toolu_3', is_error: true },
      { type: 'tool_result', tool_use_id: 'toolu_4' },
    ];
    const messages = messagesOf(
      ...HELLO,
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'x' },
          { type: 'redacted_thinking', data: 'x' },
          { type: 'text', text: 'Let me ' },
          { type: 'text', text: 'look.' },
          call,
          { ...call, id: 'toolu_2' },
        ],
      },
      { role: 'user', content: results },
    );
    const called = (id: string): object => ({
      id,
      type: 'function',
      function: { name: 'look', arguments: '{"at":"it"}' },
    });
    expect(messages).toEqual([
      ...HELLO,
      {
        role: 'assistant',
        content: 'Let me look.',
        tool_calls: [called('toolu_1'), called('toolu_2')],
      },
      { role: 'tool', tool_call_id: 'toolu_1', content: 'a\n\nb' },
      { role: 'tool', tool_call_id: 'toolu_2', content: 'Error: no such file' },
      { role: 'tool', tool_call_id: 'toolu_3', content: 'Error: the tool failed' },
      { role: 'tool', tool_call_id: 'toolu_4', content: '' },
      { role: 'user', content: [{ type: 'text', text: 'Here you are.' }, PNG_PART] },
    ]);
  });

  it('of an assistant that only thought, or only called, say no more than that', () => {
    const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} };
    const thought = { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm' }] };
    expect(messagesOf(...HELLO, thought, ...HELLO)).toEqual([...HELLO, ...HELLO]);
    expect(messagesOf({ role: 'assistant', content: [call] })).toMatchObject([
      { role: 'assistant', content: null, tool_calls: [{ id: 'toolu_1' }] },
    ]);
  });
});

describe('tools', () => {
  const tools = [
    { name: 'look', description: 'Looks', input_schema: { type: 'object' }, strict: true },
    { type: 'custom', name: 'hear', cache_control: { type: 'ephemeral' } },
  ];

  it('are functions', () => {
    expect(chatOf({ tools })).toMatchObject({
      tools: [
        {
          type: 'function',
          function: {
            name: 'look',
            description: 'Looks',
            parameters: { type: 'object' },
            strict: true,
          },
        },
        {
          type: 'function',
          function: { name: 'hear', parameters: { type: 'object', properties: {} } },
        },
      ],
    });
  });

  it.each([
    [{ type: 'auto' }, { tool_choice: 'auto' }],
    [{ type: 'any' }, { tool_choice: 'required' }],
    [{ type: 'none' }, { tool_choice: 'none' }],
    [
      { type: 'tool', name: 'look', disable_parallel_tool_use: true },
      {
        tool_choice: { type: 'function', function: { name: 'look' } },
        parallel_tool_calls: false,
      },
    ],
  ])('are chosen among by %j', (choice, expected) => {
    const {
      tools: _tools,
      model: _model,
      messages: _messages,
      ...rest
    } = chatOf({
      tools,
      tool_choice: choice,
    });
    expect(rest).toEqual(expected);
  });

  it('are not chosen among where there are none', () => {
    expect(chatOf({ tools: [], tool_choice: { type: 'any' } })).toEqual({
      model: 'llama3',
      messages: HELLO,
    });
  });
});

describe('fields', () => {
  it('that tune the answer go along, and those that no other backend knows do not', () => {
    const body = {
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stop_sequences: ['\n'],
      metadata: { user_id: `user_${'a'.repeat(80)}` },
      service_tier: 'auto',
      cache_control: { type: 'ephemeral' },
      context_management: { edits: [] },
      mcp_servers: [],
      container: null,
    };
    expect(chatOf(body)).toEqual({
      model: 'llama3',
      messages: HELLO,
      temperature: 0.5,
      top_p: 0.9,
      stop: ['\n'],
      user: `user_${'a'.repeat(59)}`,
    });
  });

  it('ask a stream for its usage', () => {
    expect(chatOf({ stream: true })).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it.each<[string, Body, string | undefined]>([
    ['gpt-5', { thinking: { type: 'enabled', budget_tokens: 1024 } }, 'low'],
    ['gpt-5', { thinking: { type: 'enabled', budget_tokens: 8192 } }, 'medium'],
    ['gpt-5', { thinking: { type: 'enabled', budget_tokens: 31_999 } }, 'high'],
    ['o3', { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }, 'high'],
    ['openai/gpt-6-luna', { output_config: { effort: 'low' } }, 'low'],
    ['qwen3:8b', { output_config: { effort: 'medium' } }, 'medium'],
    ['gpt-5', { thinking: { type: 'adaptive' } }, undefined],
    ['gpt-5', { thinking: { type: 'disabled' }, output_config: { effort: 'high' } }, undefined],
    ['gpt-5', { thinking: { type: 'enabled' } }, undefined],
    // They do not reason, and refuse to be asked to.
    ['gpt-4o', { thinking: { type: 'enabled', budget_tokens: 8192 } }, undefined],
    ['llama3', { output_config: { effort: 'high' } }, undefined],
  ])('let %s think as with %j', (model, body, effort) => {
    expect(chatOf(body, model)['reasoning_effort']).toBe(effort);
  });

  it('hold the answer to a schema, to the letter where OpenAI can', () => {
    const strict = {
      type: 'object',
      properties: { a: { type: 'array', items: { type: 'string' } } },
      required: ['a'],
      additionalProperties: false,
    };
    const loose = { ...strict, required: [] };
    const nested = { ...strict, properties: { a: { type: 'object', properties: {} } } };
    const formatOf = (schema: object, field = 'output_config'): unknown => {
      const format = { type: 'json_schema', schema };
      const body = field === 'output_config' ? { output_config: { format } } : { [field]: format };
      return chatOf(body)['response_format'];
    };
    const expected = (schema: object, more: object): object => ({
      type: 'json_schema',
      json_schema: { name: 'answer', schema, ...more },
    });
    expect(formatOf(strict)).toEqual(expected(strict, { strict: true }));
    expect(formatOf(strict, 'output_format')).toEqual(expected(strict, { strict: true }));
    expect(formatOf(loose)).toEqual(expected(loose, {}));
    expect(formatOf(nested)).toEqual(expected(nested, {}));
  });
});

describe('what no chat backend can be told is named', () => {
  const user = (block: unknown): Body => ({ messages: [{ role: 'user', content: [block] }] });
  it.each<[string, Body]>([
    ['tools[0].type', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['tools[1].type', { tools: [{ name: 'f' }, { type: 'bash_20250124', name: 'bash' }] }],
    ['tools[0]', { tools: ['f'] }],
    ['tool_choice.type', { tools: [{ name: 'f' }], tool_choice: { type: 'some' } }],
    ['mcp_servers', { mcp_servers: [{ name: 'x' }] }],
    ['container', { container: 'c' }],
    ['output_config.format', { output_config: { format: { type: 'grammar' } } }],
    ['messages[0].role', { messages: [{ role: 'tool', content: 'x' }] }],
    ['messages[0]', { messages: ['x'] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content[0]', user('x')],
    ['messages[0].content[0].type', user({ type: 'container_upload', file_id: 'f' })],
    ['messages[0].content[0].source.type', user({ type: 'image', source: { type: 'file' } })],
    ['messages[0].content[0].source.type', user({ type: 'document', source: { type: 'base64' } })],
    [
      'messages[0].content[0].content[0].type',
      user({ type: 'tool_result', content: [{ type: 'tool_reference', tool_name: 'f' }] }),
    ],
    [
      'messages[0].content[0].type',
      { messages: [{ role: 'assistant', content: [{ type: 'server_tool_use' }] }] },
    ],
    ['system[0].type', { system: [{ type: 'audio' }] }],
  ])('%s', (field, body) => {
    expect(refusalOf(body)).toMatch(
      new RegExp(`^${field.replaceAll(/[.[\]]/g, '\\$&')}: .* can not be translated`),
    );
  });
});
