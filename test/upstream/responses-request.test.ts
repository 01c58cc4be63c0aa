import { describe, expect, it } from '@jest/globals';
import { UpstreamFailure } from '../../src/core/upstream.ts';
import { toChatRequest } from '../../src/upstream/dialects/responses/request.ts';
import { anAttempt } from '../support/upstream-attempts.ts';

const MODEL = 'llama3';
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const TOOL = { type: 'function', name: 'get_weather', description: 'Weather', parameters: SCHEMA };
const CHAT_TOOL = {
  type: 'function',
  function: { name: 'get_weather', description: 'Weather', parameters: SCHEMA },
};

type Fields = Record<string, unknown>;

function translated(fields: Fields): Fields {
  const body = { model: 'asked-for', input: 'Hello', ...fields };
  return { ...toChatRequest(anAttempt({ body, attempt: { model: MODEL } })) };
}

function messagesOf(input: unknown): unknown {
  return translated({ input })['messages'];
}

function failureOf(fields: Fields): unknown {
  try {
    return translated(fields);
  } catch (error) {
    return error;
  }
}

describe('a request of the Responses API as a chat', () => {
  it('is a message of the user, for the model that serves it', () => {
    expect(translated({})).toEqual({
      model: MODEL,
      messages: [{ role: 'user', content: 'Hello' }],
    });
  });

  it('begins with the instructions', () => {
    expect(translated({ instructions: 'Be brief.' })['messages']).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello' },
    ]);
  });

  it('asks for the usage of a stream', () => {
    expect(translated({ stream: true })).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('makes one message of a turn with words and calls, and leaves the reasoning out', () => {
    const call = (id: string, city: string): Fields => ({
      type: 'function_call',
      id: `fc_${id}`,
      call_id: id,
      name: 'get_weather',
      arguments: `{"city":"${city}"}`,
      status: 'completed',
    });
    const chatCall = (id: string, city: string): Fields => ({
      id,
      type: 'function',
      function: { name: 'get_weather', arguments: `{"city":"${city}"}` },
    });
    expect(
      messagesOf([
        { role: 'developer', content: 'Use metric units.' },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Warmer?' }] },
        { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAA' },
        { type: 'item_reference', id: 'rs_2' },
        {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [
            { type: 'output_text', text: 'Let me ', annotations: [] },
            { type: 'output_text', text: 'look.', annotations: [] },
          ],
        },
        call('c1', 'Bern'),
        call('c2', 'Rome'),
        { type: 'function_call_output', call_id: 'c1', output: '12 C' },
        {
          type: 'function_call_output',
          call_id: 'c2',
          output: [{ type: 'input_text', text: '21 C' }],
        },
        { role: 'assistant', content: [{ type: 'refusal', refusal: 'I will not say.' }] },
        { role: 'user', content: 'Do.' },
      ]),
    ).toEqual([
      { role: 'system', content: 'Use metric units.' },
      { role: 'user', content: 'Warmer?' },
      {
        role: 'assistant',
        content: 'Let me look.',
        tool_calls: [chatCall('c1', 'Bern'), chatCall('c2', 'Rome')],
      },
      { role: 'tool', tool_call_id: 'c1', content: '12 C' },
      { role: 'tool', tool_call_id: 'c2', content: '21 C' },
      { role: 'assistant', content: 'I will not say.' },
      { role: 'user', content: 'Do.' },
    ]);
  });

  it('keeps words behind a call in its message, since the result must follow it', () => {
    const call = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' };
    const said = (text: string): Fields => ({ role: 'assistant', content: text });
    const chatCall = {
      id: 'c1',
      type: 'function',
      function: { name: 'f', arguments: '{}' },
    };
    expect(messagesOf([call, said('One. ')])).toEqual([
      { role: 'assistant', content: 'One. ', tool_calls: [chatCall] },
    ]);
    expect(messagesOf([said('Zero. '), call, said('One.')])).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Zero. ' },
          { type: 'text', text: 'One.' },
        ],
        tool_calls: [chatCall],
      },
    ]);
  });

  it('carries images and sound, of a user and in the result of a tool', () => {
    const image = { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' };
    const chatImage = { type: 'image_url', image_url: { url: image.image_url } };
    const sound = { type: 'input_audio', input_audio: { data: 'UklG', format: 'wav' } };
    const text = { type: 'input_text', text: 'What is this?' };
    expect(
      messagesOf([
        { role: 'user', content: [text, { ...image, detail: 'low' }, sound] },
        { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: [image] },
      ]),
    ).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: image.image_url, detail: 'low' } },
          sound,
        ],
      },
      expect.objectContaining({ role: 'assistant' }),
      { role: 'tool', tool_call_id: 'c1', content: [chatImage] },
    ]);
  });

  it('offers tools in the nested form, and says which have to be used', () => {
    const tools = [
      { ...TOOL, strict: true },
      { type: 'function', name: 'bare' },
    ];
    const chatTools = [
      { ...CHAT_TOOL, function: { ...CHAT_TOOL.function, strict: true } },
      { type: 'function', function: { name: 'bare' } },
    ];
    expect(translated({ tools, parallel_tool_calls: false })).toMatchObject({
      tools: chatTools,
      parallel_tool_calls: false,
    });
    for (const choice of ['auto', 'none', 'required']) {
      expect(translated({ tools, tool_choice: choice })).toMatchObject({ tool_choice: choice });
    }
    expect(translated({ tools, tool_choice: { type: 'function', name: 'bare' } })).toMatchObject({
      tools: chatTools,
      tool_choice: { type: 'function', function: { name: 'bare' } },
    });
  });

  it('says a choice among allowed tools by offering only those', () => {
    const tools = [TOOL, { type: 'function', name: 'bare' }];
    const allowed = (mode?: string): Fields => ({
      type: 'allowed_tools',
      ...(mode === undefined ? {} : { mode }),
      tools: [{ type: 'function', name: 'bare' }],
    });
    const only = { tools: [{ type: 'function', function: { name: 'bare' } }] };
    expect(translated({ tools, tool_choice: allowed('required') })).toMatchObject({
      ...only,
      tool_choice: 'required',
    });
    expect(translated({ tools, tool_choice: allowed() })).toMatchObject({
      ...only,
      tool_choice: 'auto',
    });
  });

  it('says nothing of a choice where no tool is offered: backends refuse it', () => {
    expect(translated({ tools: [], tool_choice: 'auto', parallel_tool_calls: true })).toEqual(
      translated({}),
    );
  });

  it('asks for the format of the answer', () => {
    const formatted = (format: Fields): unknown => translated({ text: { format } });
    expect(formatted({ type: 'text' })).toEqual(translated({}));
    expect(formatted({ type: 'json_object' })).toMatchObject({
      response_format: { type: 'json_object' },
    });
    expect(
      formatted({ type: 'json_schema', name: 'weather', strict: true, schema: SCHEMA }),
    ).toMatchObject({
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'weather', strict: true, schema: SCHEMA },
      },
    });
  });

  it('carries what tunes the answer, and leaves out what only OpenAI does with it', () => {
    expect(
      translated({
        temperature: 0.2,
        top_p: 0.9,
        user: 'ann',
        top_logprobs: 3,
        reasoning: { effort: 'low', summary: 'auto' },
        text: { verbosity: 'low' },
        // Left out.
        store: true,
        metadata: { a: 'b' },
        truncation: 'auto',
        prompt_cache_key: 'k',
        include: ['reasoning.encrypted_content'],
        previous_response_id: null,
        conversation: null,
        background: false,
        max_output_tokens: 100,
      }),
    ).toEqual({
      ...translated({}),
      temperature: 0.2,
      top_p: 0.9,
      user: 'ann',
      logprobs: true,
      top_logprobs: 3,
      reasoning_effort: 'low',
      verbosity: 'low',
    });
    expect(translated({ include: ['message.output_text.logprobs'] })).toMatchObject({
      logprobs: true,
    });
  });
});

describe('what only OpenAI can do', () => {
  it.each<readonly [string, Fields]>([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: { id: 'conv_1' } }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['context_management', { context_management: [{ type: 'compaction' }] }],
    ['moderation', { moderation: { model: 'omni-moderation-latest' } }],
    ['tools[1].type', { tools: [TOOL, { type: 'web_search' }] }],
    ['tools[0].type', { tools: ['web_search'] }],
    ['tool_choice', { tools: [TOOL], tool_choice: { type: 'file_search' } }],
    ['text.format', { text: { format: { type: 'grammar' } } }],
    ['input[0]', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['input[0]', { input: [{ id: 'msg_1' }] }],
    ['input[0]', { input: ['Hello'] }],
    ['input[0].type', { input: [{ type: 'web_search_call', id: 'ws_1' }] }],
    ['input[0].role', { input: [{ role: 'critic', content: 'x' }] }],
    ['input[0].content', { input: [{ role: 'user', content: 7 }] }],
    ['input[0].content[0]', { input: [{ role: 'user', content: ['x'] }] }],
    [
      'input[0].content[0].type',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] },
    ],
    [
      'input[0].content[0].file_id',
      { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1' }] }] },
    ],
    [
      'input[0].output[0].type',
      {
        input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_file' }] }],
      },
    ],
  ])('is refused by the name of its field: %s', (field, fields) => {
    const failure = failureOf(fields);
    expect(failure).toBeInstanceOf(UpstreamFailure);
    expect(failure).toMatchObject({ kind: 'untranslatable', wasSent: false });
    expect((failure as Error).message).toMatch(
      new RegExp(`^${field.replaceAll(/[[\].]/g, '\\$&')}: .* can not be translated`),
    );
  });

  it('says what to do instead', () => {
    expect(String(failureOf({ previous_response_id: 'resp_1' }))).toContain(
      'send the earlier items in `input`',
    );
    expect(String(failureOf({ input: [{ type: 'item_reference', id: 'msg_1' }] }))).toContain(
      'providerOptions.openai.store = false',
    );
  });
});
