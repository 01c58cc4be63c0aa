import { afterEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { randomInt } from 'node:crypto';
import type { ModelRoute } from '../../src/core/policy.ts';
import type { JsonObject } from '../../src/core/request.ts';
import { loadEncoding } from '../../src/metering/encodings.ts';
import { createTokenCounter, type WarmTokenCounter } from '../../src/metering/token-counter.ts';
import { recordingLog } from '../support/recording-log.ts';

const FOX = 'The quick brown fox jumps over the lazy dog';
const MODELS = [
  'gpt-4-turbo',
  'gpt-4o',
  'claude-3-opus-20240229',
  'gemini-2.5-pro',
  'llama3.2',
  'unknown-model-v1',
];

const counters: WarmTokenCounter[] = [];

function aCounter(
  options: Partial<Parameters<typeof createTokenCounter>[0]> = {},
): WarmTokenCounter {
  const counter = createTokenCounter({ log: recordingLog(), ...options });
  counters.push(counter);
  return counter;
}

afterEach(async () => {
  await Promise.all(counters.splice(0).map((counter) => counter.close()));
});

function chat(...messages: readonly unknown[]): { route: ModelRoute; body: JsonObject } {
  return { route: 'chat', body: { messages } };
}

function user(content: unknown): JsonObject {
  return { role: 'user', content };
}

describe('counting a chat', () => {
  it.each([
    // 9 tokens of text and 7 of overhead: 3 for the message, 1 for the role, 3 that prime the reply.
    ['gpt-4-turbo', { tokens: 16, bound: 16, tier: 'exact' }],
    ['gpt-4o', { tokens: 16, bound: 16, tier: 'exact' }],
    // 16 x 1.15 and 16 x 1.40, rounded up.
    ['claude-3-opus-20240229', { tokens: 19, bound: 23, tier: 'approximation' }],
    // 43 characters / 4 = 11, x 1.15 = 12.65.
    ['unknown-model-v1', { tokens: 13, bound: 13, tier: 'heuristic' }],
  ])('of one sentence for %s', async (model, expected) => {
    expect(await aCounter().count(chat(user(FOX)), model)).toMatchObject(expected);
  });

  // The example of OpenAI's cookbook "How to count tokens with tiktoken" (MIT), with the figures of OpenAI's own API.
  const JARGON = [
    [
      'system',
      null,
      'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.',
    ],
    ['system', 'example_user', 'New synergies will help drive top-line growth.'],
    ['system', 'example_assistant', 'Things working well together will increase revenue.'],
    [
      'system',
      'example_user',
      "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    ],
    [
      'system',
      'example_assistant',
      "Let's talk later when we're less busy about how to do better.",
    ],
    [
      'user',
      null,
      "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    ],
  ].map(([role, name, content]) => ({ role, ...(name !== null && { name }), content }));

  it.each([
    ['gpt-3.5-turbo', 129],
    ['gpt-4-0613', 129],
    ['gpt-4', 129],
    ['gpt-4o', 124],
    ['gpt-4o-mini', 124],
  ])('with names agrees with what the API of %s billed: %i', async (model, billed) => {
    expect(await aCounter().count(chat(...JARGON), model)).toMatchObject({
      tokens: billed,
      bound: billed,
    });
  });

  const WEATHER_TOOL = {
    type: 'function',
    function: {
      name: 'get_current_weather',
      description: 'Get the current weather in a given location',
      parameters: {
        type: 'object',
        properties: {
          location: { type: 'string', description: 'The city and state, e.g. San Francisco, CA' },
          unit: {
            type: 'string',
            description: 'The unit of temperature to return',
            enum: ['celsius', 'fahrenheit'],
          },
        },
        required: ['location'],
      },
    },
  };
  const WEATHER = {
    route: 'chat' as const,
    body: {
      messages: [
        {
          role: 'system',
          content: 'You are a helpful assistant that can answer to questions about the weather.',
        },
        user("What's the weather like in San Francisco?"),
      ],
      tools: [WEATHER_TOOL],
    },
  };

  it.each([
    ['gpt-3.5-turbo', 105],
    ['gpt-4', 105],
    ['gpt-4o', 101],
    ['gpt-4o-mini', 101],
  ])('with a tool agrees with what the API of %s billed: %i', async (model, billed) => {
    const count = await aCounter().count(WEATHER, model);
    expect(count.tokens).toBe(billed);
    expect(count.bound).toBeGreaterThan(billed);
  });

  it('counts tools for every family, and more for those whose vendor adds a system prompt', async () => {
    const counter = aCounter();
    const without = { route: 'chat' as const, body: { messages: WEATHER.body.messages } };
    for (const model of MODELS) {
      const [plain, tooled] = [
        await counter.count(without, model),
        await counter.count(WEATHER, model),
      ];
      expect(tooled.tokens).toBeGreaterThan(plain.tokens + 40);
      expect(tooled.bound).toBeGreaterThanOrEqual(tooled.tokens);
    }
    const claude = await counter.count(WEATHER, 'claude-sonnet-4-5');
    expect(claude.tokens).toBeGreaterThan(346);
  });

  it('counts nested schemas, older functions, response formats and choices of a tool', async () => {
    const counter = aCounter();
    const base = await counter.count(chat(user(FOX)), 'gpt-4o');
    const nested = {
      type: 'object',
      properties: {
        a: { type: 'array', items: { type: 'object', properties: { deep: { type: 'string' } } } },
        b: 1,
      },
      $defs: { c: {} },
    };
    for (const extra of [
      { tools: [{ type: 'function', function: { name: 'f', parameters: nested } }] },
      { tools: [{ name: 'flat', description: 'Flat form.', parameters: nested }] },
      { functions: [{ name: 'old', parameters: {} }] },
      { tools: 'not a list' },
      { tools: ['not an object', null] },
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: nested } } },
    ]) {
      const count = await counter.count(
        { route: 'chat', body: { messages: [user(FOX)], ...extra } },
        'gpt-4o',
      );
      expect(count.tokens).toBeGreaterThan(base.tokens);
    }
    const chosen = {
      messages: [user(FOX)],
      tool_choice: { type: 'function', function: { name: 'f' } },
      function_call: { name: 'f' },
      response_format: { type: 'json_object' },
    };
    const count = await counter.count({ route: 'chat', body: chosen }, 'gpt-4o');
    expect(count.tokens).toBe(base.tokens);
    expect(count.bound).toBeGreaterThan(base.bound);
  });

  it('counts calls that the model made and what came back', async () => {
    const counter = aCounter();
    const call = {
      id: 'call_1',
      type: 'function',
      function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
    };
    const turns = chat(
      user(FOX),
      { role: 'assistant', content: null, tool_calls: [call, 7] },
      { role: 'tool', tool_call_id: 'call_1', content: '{"temperature":20}' },
    );
    const count = await counter.count(turns, 'gpt-4o');
    const silent = await counter.count(
      chat(user(FOX), { role: 'assistant', content: null }, { role: 'tool', content: null }),
      'gpt-4o',
    );
    expect(count.tokens).toBeGreaterThan(silent.tokens + 15);
    expect(count.bound).toBeGreaterThan(count.tokens);
    const legacy = chat(
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
      { role: 'assistant', function_call: 'f', tool_calls: 'f', refusal: 'No.' },
    );
    expect((await counter.count(legacy, 'gpt-4o')).tokens).toBeGreaterThan(15);
  });

  it('reads content as text, as parts, as nothing and as anything else', async () => {
    const counter = aCounter();
    const tokens = async (content: unknown): Promise<number> =>
      (await counter.count(chat(user(content)), 'gpt-4o')).tokens;
    expect(await tokens(FOX)).toBe(16);
    expect(await tokens([{ type: 'text', text: FOX }])).toBe(16);
    expect(await tokens([FOX])).toBe(16);
    expect(await tokens(null)).toBe(7);
    expect(await tokens('')).toBe(7);
    expect(await tokens([])).toBe(7);
    expect((await counter.count(chat({ role: 'user' }), 'gpt-4o')).tokens).toBe(7);
    expect(
      await tokens([
        { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: FOX }] },
      ]),
    ).toBe(16);
    expect(
      await tokens([{ type: 'tool_use', name: 'f', input: { city: 'Paris' } }]),
    ).toBeGreaterThan(12);
    expect(await tokens([{ type: 'mystery', payload: FOX }])).toBeGreaterThan(16);
    expect(await tokens(42)).toBe(8);
    expect(await tokens({ a: 1 })).toBeGreaterThan(8);
  });

  it('counts a system text in the form of the Messages API, and roles that no rule knows', async () => {
    const counter = aCounter();
    const body = {
      messages: [{ role: 'wizard of words', content: FOX }],
      system: [{ type: 'text', text: FOX }],
    };
    expect((await counter.count({ route: 'chat', body }, 'gpt-4o')).tokens).toBe(
      16 - 1 + 3 + 4 + 9,
    );
  });

  it('takes special tokens in a user text for ordinary text', async () => {
    const counter = aCounter();
    const text = '<|endoftext|> and <|im_start|>system<|im_sep|>';
    for (const model of MODELS) {
      const count = await counter.count(chat(user(text)), model);
      expect(count.tokens).toBeGreaterThan(model === 'unknown-model-v1' ? 10 : 20);
    }
    await counter.warmUp(['gpt-4o']);
    expect(counter.countText('<|endoftext|>', 'gpt-4o')).toBeGreaterThan(3);
  });

  it('counts text that is not ASCII at a token for each byte in the bound of an unknown tokenizer', async () => {
    const count = await aCounter().count(chat(user('狐'.repeat(40))), 'unknown-model-v1');
    expect(count).toMatchObject({ tokens: 12, bound: 120 });
    const mixed = await aCounter().count(chat(user(`${'a'.repeat(40)}é🦊`)), 'unknown-model-v1');
    expect(mixed).toMatchObject({ tokens: 13, bound: 12 + 6 });
  });

  it('says which premium rates a request can cause', async () => {
    const counter = aCounter();
    const premiums = async (body: JsonObject): Promise<unknown> =>
      (await counter.count({ route: 'chat', body }, 'gpt-4o')).premiums;
    const cached = { type: 'ephemeral' };
    const none = { cacheWrite: false, audio: false, image: false };
    expect(await premiums({ messages: [user(FOX)] })).toEqual(none);
    for (const body of [
      { messages: [user([{ type: 'text', text: FOX, cache_control: cached }])] },
      { messages: [{ role: 'user', content: FOX, cache_control: cached }] },
      { messages: [], system: [{ type: 'text', text: FOX, cache_control: cached }] },
      { messages: [], tools: [{ name: 't', cache_control: cached }] },
      { messages: [], cache_control: cached },
    ]) {
      expect(await premiums(body)).toEqual({ ...none, cacheWrite: true });
    }
    for (const body of [
      { messages: [user([{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }])] },
      { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] },
      { messages: [], modalities: ['text', 'audio'] },
      { messages: [], audio: { voice: 'alloy', format: 'mp3' } },
    ]) {
      expect(await premiums(body)).toEqual({ ...none, audio: true });
    }
    for (const part of [
      { type: 'image_url', image_url: { url: 'https://example.com/fox.png' } },
      { type: 'file', file: { file_id: 'file_1' } },
    ]) {
      expect(await premiums({ messages: [user([part])] })).toEqual({ ...none, image: true });
    }
  });
});

describe('counting completions and embeddings', () => {
  it.each<[string, unknown, number]>([
    ['a text', FOX, 9],
    ['texts', [FOX, FOX], 18],
    ['token ids', [1, 2, 3, 4], 4],
    ['lists of token ids', [[1, 2], [3]], 3],
    ['nothing', undefined, 0],
    ['null', null, 0],
    ['an empty text', '', 0],
  ])('of %s', async (_form, input, expected) => {
    const counter = aCounter();
    for (const [route, body] of [
      ['completions', { prompt: input }],
      ['embeddings', { input }],
    ] as const) {
      expect(await counter.count({ route, body }, 'text-embedding-3-small')).toMatchObject({
        tokens: expected,
        bound: expected,
      });
    }
  });

  it('adds the suffix of a completion', async () => {
    const count = await aCounter().count(
      { route: 'completions', body: { prompt: FOX, suffix: FOX } },
      'gpt-3.5-turbo-instruct',
    );
    expect(count.tokens).toBe(18);
  });

  it('counts token ids also where the tokenizer is unknown', async () => {
    const count = await aCounter().count(
      { route: 'embeddings', body: { input: [1, 2, 3] } },
      'unknown-model-v1',
    );
    expect(count).toMatchObject({ tokens: 3, bound: 3, tier: 'heuristic' });
  });
});

describe('odd bodies', () => {
  it('never make counting throw, and never give a bound below the estimate', async () => {
    const seed = randomInt(2 ** 31);
    const counter = aCounter();
    const json = fc.jsonValue({ maxDepth: 5 });
    const part = fc.record(
      {
        type: fc.constantFrom(
          'text',
          'image_url',
          'input_audio',
          'file',
          'document',
          'image',
          'tool_use',
          'tool_result',
          'thinking',
          'redacted_thinking',
          'search_result',
          'web_search_tool_result',
          'web_fetch_tool_result',
          'x',
        ),
        text: json,
        image_url: json,
        source: json,
        input_audio: json,
        file: json,
        content: json,
        input: json,
        thinking: json,
        signature: json,
        data: json,
      },
      { requiredKeys: ['type'] },
    );
    const item = fc.record(
      {
        type: fc.constantFrom(
          'message',
          'function_call',
          'function_call_output',
          'computer_call_output',
          'reasoning',
          'image_generation_call',
          'item_reference',
          'additional_tools',
          'x',
        ),
        role: json,
        content: fc.oneof(json, fc.array(part)),
        name: json,
        arguments: json,
        output: fc.oneof(json, part),
        summary: json,
        encrypted_content: json,
        result: json,
        tools: json,
      },
      { requiredKeys: ['type'] },
    );
    const tool = fc.record(
      {
        type: fc.oneof(json, fc.constantFrom('function', 'custom', 'namespace', 'web_search')),
        name: json,
        parameters: json,
        input_schema: json,
        format: json,
        tools: fc.oneof(json, fc.array(json)),
        max_uses: json,
      },
      { requiredKeys: [] },
    );
    const message = fc.oneof(
      json,
      fc.record(
        {
          role: json,
          content: fc.oneof(json, fc.array(part)),
          name: json,
          tool_calls: json,
          function_call: json,
          audio: json,
          refusal: json,
        },
        { requiredKeys: [] },
      ),
    );
    const body = fc.record(
      {
        messages: fc.oneof(json, fc.array(message)),
        prompt: json,
        input: fc.oneof(json, fc.array(fc.oneof(json, item))),
        system: json,
        instructions: json,
        text: json,
        mcp_servers: json,
        output_config: json,
        tools: fc.oneof(json, fc.array(fc.oneof(json, tool))),
        functions: json,
        response_format: json,
        tool_choice: json,
        modalities: json,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        body,
        fc.constantFrom('chat', 'completions', 'embeddings', 'messages', 'responses'),
        fc.constantFrom(...MODELS),
        async (fields, route, model) => {
          const count = await counter.count({ route, body: fields }, model);
          expect(Number.isSafeInteger(count.tokens) && count.tokens >= 0).toBe(true);
          expect(count.bound).toBeGreaterThanOrEqual(count.tokens);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  it('are counted although they are nested too deeply to be written as JSON', async () => {
    const nested = JSON.parse(`${'['.repeat(200_000)}"${FOX}"${']'.repeat(200_000)}`) as unknown;
    const count = await aCounter().count(chat(user({ nested, key: [1, true, null] })), 'gpt-4o');
    expect(count.tokens).toBeGreaterThan(9);
    expect(count.premiums).toEqual({ cacheWrite: true, audio: true, image: true });
  });
});

describe('the work of counting', () => {
  function countingLoader(): { load: typeof loadEncoding; counted: string[]; loads: number } {
    const work = {
      counted: [] as string[],
      loads: 0,
      load: async (name: Parameters<typeof loadEncoding>[0]) => {
        work.loads += 1;
        const count = await loadEncoding(name);
        return (text: string): number => {
          work.counted.push(text);
          return count(text);
        };
      },
    };
    return work;
  }

  it('of a next turn is the work of its new message', async () => {
    const work = countingLoader();
    const counter = aCounter({ load: work.load });
    const turns = Array.from({ length: 20 }, (_, at) => user(`Message number ${at}: ${FOX}`));
    const first = await counter.count(chat(...turns), 'gpt-4o');
    expect(work.counted).toHaveLength(20);
    work.counted.length = 0;
    const copy = JSON.parse(
      JSON.stringify([...turns, user('And one more.')]),
    ) as readonly unknown[];
    const second = await counter.count(chat(...copy), 'gpt-4o');
    expect(work.counted).toEqual(['And one more.']);
    expect(second.tokens).toBe(first.tokens + 8);
  });

  it('is kept apart by encoding', async () => {
    const work = countingLoader();
    const counter = aCounter({ load: work.load });
    await counter.count(chat(user(FOX)), 'gpt-4o');
    await counter.count(chat(user(FOX)), 'gpt-4');
    await counter.count(chat(user(FOX)), 'claude-3-opus');
    expect(work.counted).toEqual([FOX, FOX]);
  });

  it('loads an encoding on first need, once, and ahead of it when told to', async () => {
    const work = countingLoader();
    const counter = aCounter({ load: work.load });
    await counter.count(chat(user(FOX)), 'unknown-model-v1');
    expect(work.loads).toBe(0);
    expect(counter.countText(FOX, 'gpt-4o')).toBe(13);
    await counter.warmUp(['unknown-model-v1', 'gpt-4o', 'gpt-5', 'gpt-4o-mini']);
    await Promise.all([
      counter.count(chat(user(FOX)), 'gpt-4o'),
      counter.count(chat(user(FOX)), 'o3'),
    ]);
    expect(work.loads).toBe(1);
    expect(counter.countText(FOX, 'gpt-4o')).toBe(9);
  });

  it('goes on by bounds when an encoding can not be loaded', async () => {
    const log = recordingLog();
    const counter = aCounter({ log, load: () => Promise.reject(new Error('file is gone')) });
    expect(await counter.count(chat(user(FOX)), 'gpt-4o')).toMatchObject({
      tokens: 13 + 7,
      bound: 43 + 7,
      tier: 'heuristic',
    });
    expect(counter.countText(FOX, 'gpt-4o')).toBe(13);
    expect(log.lines.map(({ level }) => level)).toContain('error');
  });
});

describe('counting output text', () => {
  it('gives the tokens of the text alone, with the factor of its family', async () => {
    const counter = aCounter();
    await counter.warmUp(['gpt-4o', 'gpt-4']);
    expect(counter.countText(FOX, 'gpt-4-turbo')).toBe(9);
    expect(counter.countText(FOX, 'claude-3-opus')).toBe(11);
    expect(counter.countText(FOX, 'unknown-model-v1')).toBe(13);
    expect(counter.countText('', 'gpt-4o')).toBe(0);
    expect(counter.countText('', 'unknown-model-v1')).toBe(0);
  });

  it('judges a long text by samples: not below the truth for even text, and never above its bytes', async () => {
    const counter = aCounter();
    await counter.warmUp(['gpt-4o']);
    const prose = `${FOX}. `.repeat(5000);
    const truth = (await counter.count({ route: 'completions', body: { prompt: prose } }, 'gpt-4o'))
      .tokens;
    const judged = counter.countText(prose, 'gpt-4o');
    expect(judged).toBeGreaterThanOrEqual(truth);
    expect(judged).toBeLessThan(truth * 1.2);
    const dense = Array.from({ length: 30_000 }, (_, at) =>
      String.fromCodePoint(0x20000 + at),
    ).join('');
    expect(counter.countText(dense, 'gpt-4o')).toBeLessThanOrEqual(Buffer.byteLength(dense));
  });
});
