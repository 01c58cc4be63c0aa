import { afterAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../src/core/request.ts';
import type { TokenCount } from '../../src/core/usage.ts';
import { createTokenCounter } from '../../src/metering/token-counter.ts';
import { recordingLog } from '../support/recording-log.ts';

const FOX = 'The quick brown fox jumps over the lazy dog';
/** Tokens of FOX as the only message: 9 of text, 7 of frame. */
const FOX_TOKENS = 16;
const counter = createTokenCounter({ log: recordingLog() });
afterAll(() => counter.close());

function count(body: JsonObject, model = 'gpt-4o'): Promise<TokenCount> {
  return counter.count({ route: 'responses', body }, model);
}

async function tokensOf(input: unknown, model?: string): Promise<number> {
  return (await count({ input }, model)).tokens;
}

const WEATHER = {
  type: 'function',
  name: 'get_current_weather',
  description: 'Get the current weather in a given location',
  parameters: {
    type: 'object',
    properties: {
      location: { type: 'string', description: 'The city and state, e.g. San Francisco, CA' },
      unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
    },
    required: ['location', 'unit'],
  },
};

describe("OpenAI's own examples", () => {
  // From the reference of "Create a model response".
  it.each([
    [36, 'gpt-4.1', { input: 'Tell me a three sentence bedtime story about a unicorn.' }],
    [81, 'o3-mini', { input: 'How much wood would a woodchuck chuck?' }],
    [291, 'gpt-4.1', { input: 'What is the weather like in Boston today?', tools: [WEATHER] }],
  ])('billed at %i tokens are held in full (%s)', async (billed, model, body) => {
    const { tokens, bound } = await count(body, model);
    expect(bound).toBeGreaterThanOrEqual(billed);
    expect(tokens).toBeLessThanOrEqual(billed);
  });
});

describe('input', () => {
  it('costs the same as a text, as a message and as parts', async () => {
    expect(await tokensOf(FOX)).toBe(FOX_TOKENS);
    expect(await tokensOf([FOX])).toBe(FOX_TOKENS);
    expect(await tokensOf([{ role: 'user', content: FOX }])).toBe(FOX_TOKENS);
    const content = [{ type: 'input_text', text: FOX }];
    expect(await tokensOf([{ type: 'message', role: 'user', content }])).toBe(FOX_TOKENS);
    const item = { id: 'msg_1', status: 'completed', type: 'message', role: 'user', content };
    expect(await count({ input: [item] })).toEqual(await count({ input: FOX }));
  });

  it('has its instructions as a message of their own', async () => {
    const { tokens } = await count({ instructions: FOX, input: FOX });
    expect(tokens).toBe(FOX_TOKENS + 9 + 4);
    expect((await count({ instructions: null, input: FOX })).tokens).toBe(FOX_TOKENS);
  });

  it('has pictures, files and audio in the shape of this route', async () => {
    const parts = async (part: object): Promise<number> =>
      (await tokensOf([{ role: 'user', content: [part] }])) - 7;
    const image_url = 'https://images.example/cat.png';
    expect(await parts({ type: 'input_image', image_url, detail: 'low' })).toBe(85);
    expect(await parts({ type: 'input_image', file_id: 'file_1', detail: 'auto' })).toBe(
      85 + 8 * 170,
    );
    expect(await parts({ type: 'input_file', file_id: 'file_1' })).toBe(10_000);
    const item = {
      role: 'user',
      content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }],
    };
    expect((await count({ input: [item] })).premiums?.audio).toBe(true);
  });

  it('has calls and what came back', async () => {
    const empty = await tokensOf([]);
    for (const item of [
      { type: 'function_call', call_id: 'c', name: 'f', arguments: JSON.stringify({ a: FOX }) },
      { type: 'custom_tool_call', call_id: 'c', name: 'f', input: FOX },
      { type: 'function_call_output', call_id: 'c', output: FOX },
      { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: FOX }] },
      { type: 'mcp_call', name: 'f', arguments: '{}', output: FOX },
      { type: 'local_shell_call', action: { command: [FOX] } },
      FOX,
    ]) {
      const own = (await tokensOf([item])) - empty;
      expect(own).toBeGreaterThanOrEqual(9);
      expect(own).toBeLessThan(45);
    }
    const screenshot = { type: 'computer_screenshot', image_url: 'https://images.example/a.png' };
    const output = { type: 'computer_call_output', call_id: 'c', output: screenshot };
    expect((await tokensOf([output])) - empty).toBe(85 + 8 * 170);
    expect(await tokensOf([42])).toBeGreaterThan(empty);
    expect(await tokensOf(42)).toBeGreaterThan(empty);
  });

  it('has reasoning: sealed where the provider sealed it, else what can be read', async () => {
    const empty = await tokensOf([]);
    const sealed = { type: 'reasoning', summary: [], encrypted_content: 'A'.repeat(4000) };
    expect((await tokensOf([sealed])) - empty).toBe(750);
    const summary = [{ type: 'summary_text', text: FOX }];
    expect((await tokensOf([{ type: 'reasoning', summary }])) - empty).toBe(9);
    const content = [{ type: 'reasoning_text', text: FOX }];
    expect((await tokensOf([{ type: 'reasoning', summary, content }])) - empty).toBe(9);
  });

  it('has pictures that were made earlier, with their bytes or by their ids', async () => {
    const empty = await tokensOf([]);
    const png = Buffer.alloc(33);
    Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(png);
    png.writeUInt32BE(1024, 16);
    png.writeUInt32BE(1024, 20);
    const made = { type: 'image_generation_call', id: 'ig_1', result: png.toString('base64') };
    expect((await tokensOf([made])) - empty).toBe(85 + 4 * 170);
    expect((await tokensOf([{ ...made, result: null }])) - empty).toBe(1000);
  });

  it('holds what the provider has stored and the request only names', async () => {
    const plain = await count({ input: FOX });
    for (const more of [
      { previous_response_id: 'resp_1' },
      { conversation: 'conv_1' },
      { prompt: { id: 'pmpt_1' } },
    ])
      expect((await count({ input: FOX, ...more })).bound).toBe(plain.bound + 272_000);
    expect(await count({ input: FOX, previous_response_id: null })).toEqual(plain);
    const named = await count({ input: [{ type: 'item_reference', id: 'msg_1' }] });
    expect(named.bound).toBeGreaterThan(32_768);
  });
});

describe('tools and formats', () => {
  it('cost a flat function what the nested one of a chat costs', async () => {
    const { type, ...definition } = WEATHER;
    const body = {
      messages: [{ role: 'user', content: FOX }],
      tools: [{ type, function: definition }],
    };
    const chat = await counter.count({ route: 'chat', body }, 'gpt-4o');
    expect((await count({ input: FOX, tools: [WEATHER] })).tokens).toBe(chat.tokens);
    const grouped = { type: 'namespace', name: 'n', description: 'd', tools: [WEATHER] };
    expect((await count({ input: FOX, tools: [grouped] })).tokens).toBeGreaterThan(chat.tokens);
    const later = [FOX, { type: 'additional_tools', tools: [WEATHER] }];
    expect((await count({ input: later })).tokens).toBe(chat.tokens);
  });

  it('cost a grammar, a schema and a forced tool', async () => {
    const plain = await count({ input: FOX });
    const grammar = {
      type: 'custom',
      name: 'sql',
      format: { type: 'grammar', syntax: 'lark', definition: FOX },
    };
    expect((await count({ input: FOX, tools: [grammar] })).tokens).toBeGreaterThan(
      plain.tokens + 20,
    );
    const format = { type: 'json_schema', name: 'n', schema: { type: 'object', title: FOX } };
    expect((await count({ input: FOX, text: { format } })).tokens).toBeGreaterThan(
      plain.tokens + 20,
    );
    expect((await count({ input: FOX, text: { verbosity: 'low' } })).tokens).toBe(plain.tokens);
    const forced = await count({ input: FOX, tool_choice: { type: 'function', name: 'f' } });
    expect(forced.tokens).toBe(plain.tokens);
    expect(forced.bound).toBeGreaterThan(plain.bound);
  });

  it.each([
    'web_search',
    'file_search',
    'mcp',
    'code_interpreter',
    'image_generation',
    'tool_search',
  ])(
    'cost a definition of usual size for a tool of OpenAI, and more in the bound: %s',
    async (type) => {
      const plain = await count({ input: FOX });
      const { tokens, bound } = await count({ input: FOX, tools: [{ type }] });
      expect(tokens).toBeGreaterThan(plain.tokens + 100);
      expect(bound - plain.bound).toBeGreaterThan(tokens - plain.tokens + 500);
    },
  );
});
