import { afterAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../src/core/request.ts';
import type { TokenCount } from '../../src/core/usage.ts';
import { createTokenCounter } from '../../src/metering/token-counter.ts';
import { recordingLog } from '../support/recording-log.ts';

const FOX = 'The quick brown fox jumps over the lazy dog';
const counter = createTokenCounter({ log: recordingLog() });
afterAll(() => counter.close());

function count(body: JsonObject, model = 'claude-opus-4-6'): Promise<TokenCount> {
  return counter.count({ route: 'messages', body }, model);
}

function user(content: unknown): JsonObject {
  return { role: 'user', content };
}

const WEATHER = {
  name: 'get_weather',
  description: 'Get the current weather in a given location',
  input_schema: {
    type: 'object',
    properties: {
      location: { type: 'string', description: 'The city and state, e.g. San Francisco, CA' },
    },
    required: ['location'],
  },
};
const QUESTION = "What's the weather like in San Francisco?";

describe("Anthropic's own examples", () => {
  it('of a greeting with a system text: 14 tokens', async () => {
    const body = { system: 'You are a scientist', messages: [user('Hello, Claude')] };
    const { tokens, bound } = await count(body);
    expect(bound).toBeGreaterThanOrEqual(14);
    expect(tokens).toBeLessThan(14 + 10);
  });

  it('of a tool: 403 tokens, of which 313 are the system prompt of Claude 4', async () => {
    const { tokens, bound } = await count(
      { tools: [WEATHER], messages: [user(QUESTION)] },
      'claude-sonnet-4-20250514',
    );
    expect(Math.abs(tokens - 403)).toBeLessThan(0.04 * 403);
    expect(bound).toBeGreaterThanOrEqual(403);
  });
});

describe('the system prompt for tools', () => {
  /** Beyond the rest of the same request. */
  async function promptTokens(model: string, choice?: object): Promise<TokenCount> {
    const messages = [user(FOX)];
    const tools = [{ name: 'f', input_schema: {} }];
    const plain = await count({ messages }, model);
    const tooled = await count({ messages, tools, tool_choice: choice }, model);
    return {
      ...tooled,
      tokens: tooled.tokens - plain.tokens,
      bound: tooled.bound - plain.bound,
    };
  }

  it.each([
    // From the table in "Tool use": where the model may choose, and where it must call one.
    ['claude-3-opus-20240229', 530, 281],
    ['claude-3-5-haiku-20241022', 264, 355],
    ['claude-3-7-sonnet-20250219', 346, 313],
    ['claude-opus-4-1', 313, 315],
    ['claude-sonnet-4-20250514', 313, 315],
    ['claude-haiku-4-5', 496, 588],
    ['claude-sonnet-4-6', 497, 589],
    ['claude-opus-4-7', 675, 804],
    ['claude-opus-4-8', 290, 410],
    ['claude-opus-5', 286, 406],
    ['claude-sonnet-5', 354, 474],
  ])('of %s has %i tokens, %i with a forced call', async (model, free, forced) => {
    // The definition itself takes some ten tokens.
    for (const choice of [undefined, { type: 'auto' }, { type: 'none' }]) {
      const { tokens, bound } = await promptTokens(model, choice);
      expect(tokens).toBeGreaterThanOrEqual(free);
      expect(tokens).toBeLessThan(free + 30);
      expect(bound).toBeGreaterThanOrEqual(Math.max(free, forced));
    }
    for (const choice of [{ type: 'any' }, { type: 'tool', name: 'f' }]) {
      const { tokens } = await promptTokens(model, choice);
      expect(tokens).toBeGreaterThanOrEqual(forced);
      expect(tokens).toBeLessThan(forced + 30);
    }
  });

  it('of a model that came later is held at the dearest of all', async () => {
    expect((await promptTokens('claude-next-9')).bound).toBeGreaterThanOrEqual(804);
  });

  it('comes once, and each further tool has a frame of its own', async () => {
    const tools = (names: readonly string[]): readonly object[] =>
      names.map((name) => ({ ...WEATHER, name }));
    const [one, three] = [
      await count({ messages: [user(FOX)], tools: tools(['a']) }),
      await count({ messages: [user(FOX)], tools: tools(['a', 'b', 'c']) }),
    ];
    const each = (three.tokens - one.tokens) / 2;
    expect(each).toBeGreaterThan(53 + 40);
    expect(each).toBeLessThan(53 + 100);
  });
});

describe('messages', () => {
  it('cost the same with a system text as with the same text in blocks', async () => {
    const messages = [user(FOX)];
    const text = await count({ system: FOX, messages });
    const blocks = await count({ system: [{ type: 'text', text: FOX }], messages });
    expect(blocks).toEqual(text);
    const cached = { type: 'text', text: FOX, cache_control: { type: 'ephemeral' } };
    expect((await count({ system: [cached], messages })).premiums?.cacheWrite).toBe(true);
    const whole = await count({ messages, cache_control: { type: 'ephemeral' } });
    expect(whole.premiums?.cacheWrite).toBe(true);
  });

  it('cost a tool in the same shape for models of other vendors', async () => {
    const nested = { type: 'function', function: { ...WEATHER, parameters: WEATHER.input_schema } };
    const messages = [user(QUESTION)];
    const own = await count({ messages, tools: [WEATHER] }, 'gpt-4o');
    const chat = await counter.count(
      { route: 'chat', body: { messages, tools: [nested] } },
      'gpt-4o',
    );
    expect(own).toEqual(chat);
  });

  it('cost calls, results and search hits by what is in them', async () => {
    const messages = (content: unknown): JsonObject => ({ messages: [user(content)] });
    const tokens = async (content: unknown): Promise<number> =>
      (await count(messages(content), 'gpt-4o')).tokens;
    const empty = await tokens([]);
    const hit = { type: 'web_search_result', title: FOX, url: 'https://a.example' };
    for (const part of [
      { type: 'tool_use', id: 'toolu_1', name: 'f', input: { text: FOX } },
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: FOX } },
      { type: 'tool_result', tool_use_id: 'toolu_1', content: FOX },
      { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: FOX }] },
      {
        type: 'search_result',
        source: 'https://a.example',
        title: FOX,
        content: [{ type: 'text', text: FOX }],
      },
      { type: 'web_search_tool_result', tool_use_id: 's', content: [hit] },
      {
        type: 'web_fetch_tool_result',
        tool_use_id: 's',
        content: {
          type: 'web_fetch_result',
          url: FOX,
          content: { type: 'document', source: { type: 'text', data: FOX } },
        },
      },
      { type: 'container_upload', file_id: FOX },
    ]) {
      const own = (await tokens([part])) - empty;
      expect(own).toBeGreaterThanOrEqual(9);
      expect(own).toBeLessThan(60);
    }
  });

  it('cost sealed content a token for four bytes, for three in the bound', async () => {
    const sealed = 'A'.repeat(4000);
    const cost = async (part: object): Promise<{ tokens: number; bound: number }> => {
      const [whole, frame] = [
        await count({ messages: [user([part])] }, 'gpt-4o'),
        await count({ messages: [user([])] }, 'gpt-4o'),
      ];
      return { tokens: whole.tokens - frame.tokens, bound: whole.bound - frame.bound };
    };
    const whole = { tokens: 750, bound: 1000 };
    expect(await cost({ type: 'redacted_thinking', data: sealed })).toEqual(whole);
    expect(await cost({ type: 'thinking', thinking: '', signature: sealed })).toEqual(whole);
    const hit = { type: 'web_search_result', encrypted_content: sealed };
    const found = await cost({ type: 'web_search_tool_result', content: [hit] });
    expect(found.tokens).toBeGreaterThan(750);
    expect(found.tokens).toBeLessThan(780);
    // A summary is read; the whole of the thinking may be.
    const summary = await cost({ type: 'thinking', thinking: FOX, signature: sealed });
    expect(summary).toEqual({ tokens: 9, bound: 9 + 1000 });
    expect(await cost({ type: 'redacted_thinking', data: 7 })).toEqual({ tokens: 0, bound: 0 });
  });

  it('cost a schema for the answer', async () => {
    const messages = [user(FOX)];
    const schema = { type: 'object', properties: { answer: { type: 'string' } } };
    const format = { type: 'json_schema', schema };
    const plain = await count({ messages });
    for (const more of [{ output_config: { format } }, { output_format: format }]) {
      const { tokens, bound } = await count({ messages, ...more });
      expect(tokens).toBeGreaterThan(plain.tokens + 20);
      expect(bound).toBeGreaterThan(plain.bound + 50);
    }
    expect(await count({ messages, output_config: { effort: 'low' } })).toEqual(plain);
  });
});

describe("tools of Anthropic's own", () => {
  async function costOf(tool: object, model = 'claude-opus-4-8'): Promise<TokenCount> {
    const messages = [user(FOX)];
    const own = { ...WEATHER, name: 'own' };
    const [with_, without] = [
      await count({ messages, tools: [own, tool] }, model),
      await count({ messages, tools: [own] }, model),
    ];
    return { ...with_, tokens: with_.tokens - without.tokens, bound: with_.bound - without.bound };
  }

  it.each([
    ['bash_20250124', 325],
    ['text_editor_20250728', 700],
    ['computer_20250124', 735 + 499],
  ])('cost what its documentation states: %s, %i', async (type, stated) => {
    const { tokens, bound } = await costOf({ type, name: 'x' });
    expect(tokens).toBe(stated);
    expect(bound).toBeGreaterThan(stated);
  });

  it.each(['web_search_20250305', 'memory_20250818', 'teleport_20270101'])(
    'cost a definition of usual size where it states none, and more in the bound: %s',
    async (type) => {
      const { tokens, bound } = await costOf({ type, name: 'x' });
      expect(tokens).toBe(600);
      expect(bound).toBeGreaterThan(1000);
    },
  );

  it('teach nothing about text', async () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
    const searching = await count({ messages: [user(FOX)], tools });
    expect(searching.scalable?.isTextOnly).toBe(false);
    const plain = await count({ messages: [user(FOX)], tools: [WEATHER] });
    expect(plain.scalable?.isTextOnly).toBe(true);
  });

  it('come unseen with the servers that a request names', async () => {
    const messages = [user(FOX)];
    const plain = await count({ messages });
    const remote = await count({ messages, mcp_servers: [{ url: 'https://mcp.example' }, 'odd'] });
    expect(remote.bound).toBe(plain.bound + 2 * 32_000);
    expect(await count({ messages, mcp_servers: 'none' })).toEqual(plain);
  });
});
