import { describe, expect, it } from '@jest/globals';
import { UpstreamFailure } from '../../src/core/upstream.ts';
import { toAnthropicRequest } from '../../src/upstream/dialects/anthropic/request.ts';
import { anAttempt } from '../support/upstream-attempts.ts';

const MODEL = 'claude-sonnet-4-5';
const HELLO = [{ role: 'user', content: 'Hello' }];
const HELLO_THERE = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }];
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    strict: true,
  },
};

type Fields = Record<string, unknown>;

function translated(
  fields: Fields,
  attempt: { maxOutputTokens?: number; model?: string } = {},
): Fields {
  const body = { model: MODEL, messages: HELLO, ...fields };
  return { ...toAnthropicRequest(anAttempt({ body, attempt })) };
}

function failureOf(fields: Fields): unknown {
  try {
    return translated(fields);
  } catch (error) {
    return error;
  }
}

describe('a chat request for Anthropic', () => {
  it('is the smallest that its API takes', () => {
    expect(translated({})).toEqual({ model: MODEL, max_tokens: 4096, messages: HELLO_THERE });
  });

  it('says the maximum of the attempt, else that of the client', () => {
    expect(translated({ max_tokens: 100 })).toMatchObject({ max_tokens: 100 });
    expect(translated({ max_completion_tokens: 200 })).toMatchObject({ max_tokens: 200 });
    expect(translated({ max_tokens: 100 }, { maxOutputTokens: 50 })).toMatchObject({
      max_tokens: 50,
    });
  });

  it('carries a whole conversation with tools', () => {
    const call = (id: string, city: string): Fields => ({
      id,
      type: 'function',
      function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
    });
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: [{ type: 'text', text: 'Use metric units.' }] },
      { role: 'user', name: 'ann', content: 'Weather in Bern and Rome?' },
      { role: 'assistant', content: null, tool_calls: [call('c1', 'Bern'), call('c2', 'Rome')] },
      { role: 'tool', tool_call_id: 'c1', content: '12 C' },
      { role: 'tool', tool_call_id: 'c2', content: [{ type: 'text', text: '21 C' }] },
      { role: 'user', content: 'And now?' },
      { role: 'assistant', content: 'Rome is warmer.', reasoning_content: 'hidden' },
      { role: 'user', content: [{ type: 'text', text: 'Thanks' }] },
    ];
    expect(translated({ messages, tools: [WEATHER] })).toEqual({
      model: MODEL,
      max_tokens: 4096,
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'Use metric units.' },
      ],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Weather in Bern and Rome?' }] },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'c1', name: 'get_weather', input: { city: 'Bern' } },
            { type: 'tool_use', id: 'c2', name: 'get_weather', input: { city: 'Rome' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: '12 C' }] },
            { type: 'tool_result', tool_use_id: 'c2', content: [{ type: 'text', text: '21 C' }] },
            { type: 'text', text: 'And now?' },
          ],
        },
        { role: 'assistant', content: [{ type: 'text', text: 'Rome is warmer.' }] },
        { role: 'user', content: [{ type: 'text', text: 'Thanks' }] },
      ],
      tools: [
        {
          name: 'get_weather',
          description: 'Weather of a city',
          input_schema: WEATHER.function.parameters,
        },
      ],
    });
  });

  it('carries images by value and by address', () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      {
        type: 'image_url',
        image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' },
      },
      { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg' } },
    ];
    expect(translated({ messages: [{ role: 'user', content }] })['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          {
            type: 'image',
            source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
          },
          { type: 'image', source: { type: 'url', url: 'https://example.com/cat.jpg' } },
        ],
      },
    ]);
  });

  it('leaves empty texts out, which the API refuses, and keeps an empty tool result', () => {
    const messages = [
      {
        role: 'user',
        content: [
          { type: 'text', text: '' },
          { type: 'text', text: 'a' },
        ],
      },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'c', function: { name: 'f', arguments: '' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '' },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
      { role: 'assistant', content: '' },
    ];
    expect(translated({ messages })['messages']).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'a' }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'no' }] },
    ]);
  });

  it.each<[string, unknown, unknown, unknown]>([
    ['auto', 'auto', undefined, { type: 'auto' }],
    ['none', 'none', false, { type: 'none' }],
    ['required', 'required', undefined, { type: 'any' }],
    [
      'one function',
      { type: 'function', function: { name: 'f' } },
      undefined,
      { type: 'tool', name: 'f' },
    ],
    ['nothing, one at a time', undefined, false, { type: 'auto', disable_parallel_tool_use: true }],
    [
      'required, one at a time',
      'required',
      false,
      { type: 'any', disable_parallel_tool_use: true },
    ],
    ['nothing', undefined, true, undefined],
  ])('with tool_choice %s', (_name, choice, parallel, expected) => {
    const fields = { tools: [WEATHER], tool_choice: choice, parallel_tool_calls: parallel };
    expect(translated(fields)['tool_choice']).toEqual(expected);
  });

  it('says no tool_choice without tools', () => {
    const fields = { tools: [], tool_choice: 'auto', parallel_tool_calls: false };
    expect(translated(fields)).not.toHaveProperty('tool_choice');
  });

  it('gives a tool without parameters an empty schema', () => {
    const tools = [{ type: 'function', function: { name: 'now' } }];
    expect(translated({ tools })['tools']).toEqual([
      { name: 'now', input_schema: { type: 'object', properties: {} } },
    ]);
  });

  it('carries sampling, stops and the user, with the temperature capped at 1', () => {
    const fields = {
      temperature: 1.7,
      top_p: 0.9,
      stop: ['a', '', 'b'],
      user: 'u-1',
      stream: true,
    };
    expect(translated(fields)).toMatchObject({
      temperature: 1,
      top_p: 0.9,
      stop_sequences: ['a', 'b'],
      metadata: { user_id: 'u-1' },
      stream: true,
    });
    expect(translated({ stop: 'x', temperature: 0 })).toMatchObject({
      stop_sequences: ['x'],
      temperature: 0,
    });
  });

  it('leaves sampling out for the models that refuse it', () => {
    for (const model of ['claude-opus-4-7', 'claude-opus-5-5', 'claude-fable-5', 'claude-latest']) {
      expect(translated({ temperature: 0.5, top_p: 0.5 }, { model })).toEqual({
        model,
        max_tokens: 4096,
        messages: HELLO_THERE,
      });
    }
    const model = 'claude-opus-4-20250514';
    expect(translated({ temperature: 0.5 }, { model })).toMatchObject({ temperature: 0.5 });
  });

  it('leaves out what only tunes', () => {
    const tuning = { seed: 1, presence_penalty: 0.5, frequency_penalty: 1, store: true, n: 1 };
    const more = { logprobs: false, top_logprobs: 0, logit_bias: {}, modalities: ['text'] };
    expect(translated({ ...tuning, ...more, response_format: { type: 'text' } })).toEqual(
      translated({}),
    );
  });

  it.each<[string, string, Fields, Fields]>([
    [
      'effort on new models',
      'claude-opus-4-6',
      { reasoning_effort: 'high' },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } },
    ],
    [
      'the least effort',
      'claude-opus-5',
      { reasoning_effort: 'minimal' },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } },
    ],
    [
      'a budget on older ones',
      'claude-sonnet-4-5',
      { reasoning_effort: 'medium', max_tokens: 20_000, temperature: 0.5, top_p: 0.9 },
      { thinking: { type: 'enabled', budget_tokens: 8192 } },
    ],
    [
      'a budget that fits',
      'claude-3-7-sonnet-20250219',
      { reasoning_effort: 'high', max_tokens: 4096 },
      { thinking: { type: 'enabled', budget_tokens: 3072 } },
    ],
    [
      'nothing where none fits',
      'claude-sonnet-4-5',
      { reasoning_effort: 'high', max_tokens: 2000 },
      {},
    ],
    ['nothing for none', 'claude-opus-5', { reasoning_effort: 'none' }, {}],
    [
      'nothing where thinking is unknown',
      'claude-3-5-haiku-20241022',
      { reasoning_effort: 'high' },
      {},
    ],
    ['nothing for an unknown effort', 'claude-sonnet-4-5', { reasoning_effort: 'heroic' }, {}],
  ])('with reasoning_effort as %s', (_name, model, fields, expected) => {
    const {
      thinking,
      output_config: config,
      temperature,
      top_p: topP,
    } = translated(fields, { model });
    const said = { thinking, output_config: config, temperature, top_p: topP };
    expect(JSON.parse(JSON.stringify(said))).toEqual(expected);
  });

  it('does not think with a forced tool, which the API refuses', () => {
    const fields = { reasoning_effort: 'high', tools: [WEATHER], tool_choice: 'required' };
    expect(translated(fields, { model: 'claude-opus-5' })).not.toHaveProperty('thinking');
  });

  it('carries a JSON schema beside an effort', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    const format = { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } };
    const fields = { response_format: format, reasoning_effort: 'low' };
    expect(translated(fields, { model: 'claude-opus-5' })['output_config']).toEqual({
      effort: 'low',
      format: { type: 'json_schema', schema },
    });
  });
});

describe('what Anthropic has no words for', () => {
  it.each<[string, Fields]>([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['top_logprobs', { top_logprobs: 3 }],
    ['logit_bias', { logit_bias: { '50256': -100 } }],
    ['audio', { audio: { voice: 'alloy', format: 'wav' } }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['prediction', { prediction: { type: 'content', content: 'x' } }],
    ['web_search_options', { web_search_options: {} }],
    ['functions', { functions: [] }],
    ['response_format', { response_format: { type: 'json_object' } }],
    ['tools[0].type', { tools: [{ type: 'custom', custom: { name: 'x' } }] }],
    ['tool_choice', { tools: [WEATHER], tool_choice: { type: 'allowed_tools' } }],
    ['messages', { messages: 'Hello' }],
    ['messages[0]', { messages: ['Hello'] }],
    ['messages[0].role', { messages: [{ role: 'function', name: 'f', content: '1' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content[0]', { messages: [{ role: 'user', content: ['x'] }] }],
    [
      'messages[0].content[0].type',
      { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] },
    ],
    [
      'messages[0].content[0].image_url.url',
      {
        messages: [
          {
            role: 'user',
            content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }],
          },
        ],
      },
    ],
    [
      'messages[0].function_call',
      { messages: [{ role: 'assistant', function_call: { name: 'f' } }] },
    ],
    ['messages[0].audio', { messages: [{ role: 'assistant', audio: { id: 'a' } }] }],
    [
      'messages[0].tool_calls[0]',
      { messages: [{ role: 'assistant', tool_calls: [{ type: 'custom' }] }] },
    ],
    [
      'messages[0].tool_calls[0].function.arguments',
      {
        messages: [
          {
            role: 'assistant',
            tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{"a":' } }],
          },
        ],
      },
    ],
  ])('is refused by the name of its field: %s', (field, fields) => {
    const failure = failureOf(fields);
    expect(failure).toBeInstanceOf(UpstreamFailure);
    expect(failure).toMatchObject({ kind: 'untranslatable', wasSent: false });
    const { message } = failure as UpstreamFailure;
    expect(message.slice(0, message.indexOf(':'))).toBe(field);
    expect(message).toContain('can not be translated for an Anthropic backend');
  });
});
