/**
 * Three official clients, each with a normal, a streamed and a tool-calling request, each to an upstream that speaks the
 * real wire format of OpenAI, of Anthropic's Messages API, and of Ollama. What the ledger charges is the provider's usage
 * at the listed price, to the nano-dollar.
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { startOllamaServer } from '../support/ollama-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import {
  allEntries,
  expectBooksToBalance,
  nano,
  startTestGateway,
  type TestGateway,
} from '../support/test-gateway.ts';

const OPENAI_KEY = 'sk-openai-key-of-this-test';
const ANTHROPIC_KEY = 'sk-ant-key-of-this-test';
const CLIENT_KEY = 'a-key-that-no-backend-may-see';
const TEXT = 'Hello there, friend.';
const USAGE = { input: 100, output: 40, cached: 60 };

/** Nano-dollars per token: plain input, cached input, output. From the providers' published price lists. */
const UPSTREAMS = {
  openai: { model: 'gpt-4o', rates: [2_500n, 1_250n, 10_000n] },
  anthropic: { model: 'claude-sonnet-4-5', rates: [3_000n, 300n, 15_000n] },
  ollama: { model: 'llama3', rates: [0n, 0n, 0n] },
} as const;
type UpstreamName = keyof typeof UPSTREAMS;

const WEATHER = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
};
const TOOL_CALL = { name: 'get_weather', arguments: { city: 'Lima' } };

/** What each client is asked to do; every call resolves with the text of the final answer. */
interface Client {
  normal(model: string): Promise<string>;
  streamed(model: string): Promise<string>;
  /** Offers a tool, runs it when it is called, and sends its result back. */
  withTool(model: string): Promise<string>;
}

function openaiClient(baseURL: string): Client {
  const client = new OpenAI({ baseURL, apiKey: CLIENT_KEY });
  const user = { role: 'user' as const, content: 'Hello' };
  return {
    async normal(model) {
      const answer = await client.chat.completions.create({ model, messages: [user] });
      return answer.choices[0]?.message.content ?? '';
    },
    async streamed(model) {
      let text = '';
      const stream = await client.chat.completions.create({
        model,
        messages: [user],
        stream: true,
      });
      // A client that did not ask for usage gets no chunk without choices: this read would throw.
      for await (const { choices } of stream) text += choices[0]!.delta.content ?? '';
      return text;
    },
    async withTool(model) {
      const tools = [
        { type: 'function' as const, function: { name: 'get_weather', parameters: WEATHER } },
      ];
      const first = await client.chat.completions.create({ model, messages: [user], tools });
      const message = first.choices[0]?.message;
      const call = message?.tool_calls?.[0];
      if (message === undefined || call?.type !== 'function') throw new Error('no tool was called');
      expect(JSON.parse(call.function.arguments)).toEqual(TOOL_CALL.arguments);
      const result = { role: 'tool' as const, tool_call_id: call.id, content: 'Sunny, 21 degrees' };
      const messages = [user, message, result];
      const second = await client.chat.completions.create({ model, messages, tools });
      return second.choices[0]?.message.content ?? '';
    },
  };
}

function aiSdk(baseURL: string): Client {
  const provider = createOpenAICompatible({ name: 'nexus', baseURL, apiKey: CLIENT_KEY });
  return {
    normal: async (model) => (await generateText({ model: provider(model), prompt: 'Hello' })).text,
    async streamed(model) {
      let text = '';
      for await (const piece of streamText({ model: provider(model), prompt: 'Hello' }).textStream)
        text += piece;
      return text;
    },
    async withTool(model) {
      const cities: string[] = [];
      const { text } = await generateText({
        model: provider(model),
        prompt: 'Hello',
        stopWhen: stepCountIs(2),
        tools: {
          get_weather: tool({
            inputSchema: jsonSchema<{ city: string }>(WEATHER),
            execute: async ({ city }) => {
              cities.push(city);
              return 'Sunny, 21 degrees';
            },
          }),
        },
      });
      expect(cities).toEqual(['Lima']);
      return text;
    },
  };
}

function langchain(baseURL: string): Client {
  const chat = (model: string) =>
    new ChatOpenAI({
      model,
      apiKey: CLIENT_KEY,
      configuration: { baseURL },
      useResponsesApi: false,
    });
  const user = new HumanMessage('Hello');
  return {
    normal: async (model) => (await chat(model).invoke([user])).text,
    async streamed(model) {
      let text = '';
      for await (const chunk of await chat(model).stream([user])) text += chunk.text;
      return text;
    },
    async withTool(model) {
      const tools = [
        { type: 'function' as const, function: { name: 'get_weather', parameters: WEATHER } },
      ];
      const bound = chat(model).bindTools(tools);
      const first = await bound.invoke([user]);
      const call = first.tool_calls?.[0];
      expect(call).toMatchObject({ name: TOOL_CALL.name, args: TOOL_CALL.arguments });
      const result = new ToolMessage({
        tool_call_id: call?.id ?? '',
        content: 'Sunny, 21 degrees',
      });
      return (await bound.invoke([user, first, result])).text;
    },
  };
}

const CLIENTS = { openai: openaiClient, 'ai-sdk': aiSdk, langchain };

let servers: Record<UpstreamName, ProviderServer>;
let nexus: TestGateway;

beforeAll(async () => {
  servers = {
    openai: await startOpenAiServer({ apiKey: OPENAI_KEY, models: ['gpt-4o'] }),
    anthropic: await startAnthropicServer({ apiKey: ANTHROPIC_KEY }),
    ollama: await startOllamaServer(),
  };
  const backends = (Object.keys(UPSTREAMS) as UpstreamName[]).map(
    (name) => `
[[backends]]
name = "${name}"
type = "${name}"
url = "${servers[name].url}"
models = ["${UPSTREAMS[name].model}"]
`,
  );
  const budget = `
[routing.budget]
monthly_limit_usd = 100
hard_limit_action = "block_cloud"
`;
  nexus = await startTestGateway(backends.join('') + budget, {
    env: { OPENAI_API_KEY: OPENAI_KEY, ANTHROPIC_API_KEY: ANTHROPIC_KEY },
  });
});
afterAll(async () => {
  await nexus.stop();
  await Promise.all(Object.values(servers).map((server) => server.close()));
});

let seen = 0;
beforeEach(async () => {
  seen = (await allEntries(nexus)).length;
});

/** Every charge since the test began is the price of the usage that the provider reported. */
async function expectExactCharges(upstream: UpstreamName, calls: number): Promise<void> {
  const [input, cached, output] = UPSTREAMS[upstream].rates;
  const cost =
    BigInt(USAGE.input - USAGE.cached) * input +
    BigInt(USAGE.cached) * cached +
    BigInt(USAGE.output) * output;
  const charges = (await allEntries(nexus)).slice(seen).filter(({ kind }) => kind === 'charge');
  expect(charges.map((entry) => [entry.backend, nano(entry.settled_usd), entry.basis])).toEqual(
    Array.from({ length: calls }, () => [upstream, cost, 'provider']),
  );
  await expectBooksToBalance(nexus);
}

function expectKeysToStayApart(upstream: UpstreamName): void {
  const { calls } = servers[upstream];
  expect(calls.length).toBeGreaterThan(0);
  for (const { headers, body } of calls) {
    expect(`${JSON.stringify(headers)} ${body.toString()}`).not.toContain(CLIENT_KEY);
  }
}

describe.each(Object.entries(CLIENTS))('the client %s', (_client, connect) => {
  describe.each(Object.keys(UPSTREAMS) as UpstreamName[])(
    'with %s behind the gateway',
    (upstream) => {
      const { model } = UPSTREAMS[upstream];

      it('completes a normal request', async () => {
        servers[upstream].behave({ text: TEXT, usage: USAGE });
        expect(await connect(`${nexus.url}/v1`).normal(model)).toBe(TEXT);
        await expectExactCharges(upstream, 1);
        expectKeysToStayApart(upstream);
      });

      it('completes a streamed request', async () => {
        servers[upstream].behave({ text: TEXT, usage: USAGE });
        expect(await connect(`${nexus.url}/v1`).streamed(model)).toBe(TEXT);
        await expectExactCharges(upstream, 1);
      });

      it('calls a tool, sends its result back and gets the final answer', async () => {
        servers[upstream].behave({ text: TEXT, usage: USAGE });
        servers[upstream].next({ toolCall: TOOL_CALL, usage: USAGE });
        expect(await connect(`${nexus.url}/v1`).withTool(model)).toBe(TEXT);
        await expectExactCharges(upstream, 2);
      });
    },
  );
});

describe('an exhausted budget', () => {
  it('is tried once by openai, which reads x-should-retry, and reaches it as an error with its code', async () => {
    const poor = await startTestGateway(
      `
[[backends]]
name = "openai"
type = "openai"
url = "${servers.openai.url}"
models = ["gpt-4o"]
[routing.budget]
monthly_limit_usd = 0.000000001
hard_limit_action = "block_cloud"
`,
      { env: { OPENAI_API_KEY: OPENAI_KEY } },
    );
    try {
      await expect(openaiClient(`${poor.url}/v1`).normal('gpt-4o')).rejects.toMatchObject({
        status: 503,
        code: 'budget_exhausted',
        type: 'insufficient_quota',
      });
      expect((await poor.getJson('/v1/stats')).requests.total).toBe(1);
      expect((await poor.getJson('/v1/stats')).budget.status).toBe('HardLimit');
    } finally {
      await poor.stop();
    }
  });
});
