/** The official `openai` client. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import type {
  ChatCompletion,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions';
import {
  priceOf,
  startClientStage,
  UPSTREAM_NAMES,
  UPSTREAMS,
  type Stage,
} from '../support/client-stage.ts';
import type { ChatClient, Said } from '../support/chat-client.ts';
import { describeClient } from '../support/client-suite.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { nano } from '../support/test-gateway.ts';
import { toolTurnsOf } from '../support/wire-readers.ts';

function usageOf(usage: ChatCompletion['usage'] | null): Said['usage'] {
  if (!usage) return null;
  return {
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
  };
}

function saidBy({ choices, usage }: ChatCompletion): Said {
  const [choice] = choices;
  return {
    text: choice?.message.content ?? '',
    finish: choice?.finish_reason ?? '',
    usage: usageOf(usage),
  };
}

function openAiClient(openai: OpenAI): ChatClient {
  const { completions } = openai.chat;
  return {
    ask: async ({ model, prompt }) =>
      saidBy(await completions.create({ model, messages: [{ role: 'user', content: prompt }] })),

    async stream({ model, prompt, includeUsage, signal, onPiece }) {
      const stream = await completions.create(
        {
          model,
          messages: [{ role: 'user', content: prompt }],
          stream: true,
          ...(includeUsage ? { stream_options: { include_usage: true } } : {}),
        },
        { signal },
      );
      let text = '';
      let finish = '';
      let usage: ChatCompletion['usage'];
      for await (const chunk of stream) {
        const [choice] = chunk.choices;
        const piece = choice?.delta.content ?? '';
        text += piece;
        onPiece?.(piece);
        finish = choice?.finish_reason ?? finish;
        usage = chunk.usage ?? usage;
      }
      // An aborted stream ends without a word.
      signal?.throwIfAborted();
      return { text, finish, usage: usageOf(usage) };
    },

    async useTools({ model, prompt, stream, tool, run }) {
      const { name, description, schema } = tool;
      const parameters = schema as Record<string, unknown>;
      const tools: ChatCompletionTool[] = [
        { type: 'function', function: { name, description, parameters } },
      ];
      const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: prompt }];
      for (;;) {
        const answer = stream
          ? await completions.stream({ model, messages, tools }).finalChatCompletion()
          : await completions.create({ model, messages, tools });
        const message = answer.choices[0]?.message;
        if (!message?.tool_calls?.length) return saidBy(answer);
        expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
        messages.push(message);
        for (const call of message.tool_calls) {
          if (call.type !== 'function') throw new Error('only functions were offered');
          const content = run(JSON.parse(call.function.arguments));
          messages.push({ role: 'tool', tool_call_id: call.id, content });
        }
      }
    },

    async askJson({ model, prompt, schema }) {
      const answer = await completions.parse({
        model,
        messages: [{ role: 'user', content: prompt }],
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'weather', strict: true, schema: schema as Record<string, unknown> },
        },
      });
      return answer.choices[0]?.message.parsed;
    },

    look: async ({ model, prompt, pngBase64 }) =>
      saidBy(
        await completions.create({
          model,
          messages: [
            {
              role: 'user',
              content: [
                { type: 'text', text: prompt },
                { type: 'image_url', image_url: { url: `data:image/png;base64,${pngBase64}` } },
              ],
            },
          ],
        }),
      ),

    async embed({ model, texts }) {
      const { data } = await openai.embeddings.create({ model, input: [...texts] });
      return data.map(({ embedding }) => embedding);
    },

    readError(error) {
      if (!(error instanceof APIError)) throw error;
      return { status: error.status, message: error.message };
    },
  };
}

describeClient({
  name: 'openai',
  connect: (connection) => openAiClient(new OpenAI(connection)),
  triesWhenExhausted: {
    503: { count: 1, rule: 'it obeys x-should-retry' },
    402: { count: 1, rule: 'no status of 4xx but 408, 409 and 429 is tried again' },
    429: { count: 1, rule: 'it obeys x-should-retry' },
  },
});

describe('openai, beside chats', () => {
  let stage: Stage;
  let openai: OpenAI;

  beforeAll(async () => {
    stage = await startClientStage();
    openai = new OpenAI(stage.connection);
  });
  afterAll(async () => {
    await expectSettledBooks(stage.nexus);
    await stage.expectKeysToStay();
    await stage.stop();
  });

  it('lists the models of every provider, and one of them', async () => {
    const ids: string[] = [];
    for await (const { id } of openai.models.list()) ids.push(id);
    for (const name of UPSTREAM_NAMES) {
      expect(ids).toEqual(expect.arrayContaining(Object.values(UPSTREAMS[name].models)));
    }
    expect(await openai.models.retrieve('claude-sonnet-4-5')).toMatchObject({
      id: 'claude-sonnet-4-5',
      object: 'model',
      owned_by: 'anthropic',
    });
    await expect(openai.models.retrieve('gpt-0')).rejects.toThrow(NotFoundError);
  });

  it('is turned away with a wrong key, before any provider is asked', async () => {
    const stranger = new OpenAI({ ...stage.connection, apiKey: 'sk-wrong' });
    const before = stage.servers.openai.requests.length;
    await expect(stranger.models.list()).rejects.toThrow(AuthenticationError);
    await expect(
      stranger.chat.completions.create({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: 'Hello' }],
      }),
    ).rejects.toThrow(AuthenticationError);
    expect(stage.servers.openai.requests).toHaveLength(before);
  });

  it.each<readonly [string, (client: OpenAI, signal: AbortSignal) => Promise<unknown>]>([
    [
      'an embedding',
      (client, signal) =>
        client.embeddings.create(
          { model: 'text-embedding-3-small', input: ['Bern', 'Rome'] },
          { signal },
        ),
    ],
    [
      'a response',
      (client, signal) =>
        client.responses.create(
          { model: 'gpt-4o-mini', input: 'Hello', max_output_tokens: 50 },
          { signal },
        ),
    ],
  ])('leaves before %s has come, and pays all that it may have cost', async (_what, ask) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.servers.openai.next({ until: promise });
    const arrival = stage.servers.openai.arrival();
    const leave = new AbortController();
    const entries = await entriesMadeBy(stage.nexus, async () => {
      const gone = ask(openai, leave.signal);
      const { finished } = await arrival;
      leave.abort();
      await expect(gone).rejects.toThrow(/abort/i);
      // The gateway waits a moment for the usage, then hangs up.
      expect(await finished).toBe(false);
    });
    resolve();
    expect(entries.map(({ kind, basis }) => [kind, basis])).toEqual([
      ['hold', null],
      ['charge', 'assumed'],
    ]);
    expect(nano(entries[1].settled_usd)).toBe(nano(entries[0].held_usd));
    expect(nano(entries[1].settled_usd)).toBeGreaterThan(0n);
  });

  it('reads the gateway’s request id from answers and errors, and finds it in the ledger', async () => {
    stage.servers.openai.next({}, { status: 400 });
    const entries = await entriesMadeBy(stage.nexus, async () => {
      const ask = () =>
        openai.chat.completions.create({
          model: 'gpt-4o-mini',
          messages: [{ role: 'user', content: 'Hello' }],
        });
      const answer = await ask();
      const error = await ask().catch((thrown: unknown) => thrown);
      if (!(error instanceof BadRequestError)) throw error;
      const { data } = await stage.nexus.getJson('/v1/ledger?limit=1000');
      const ids = data.map((entry: { request_id: string }) => entry.request_id);
      // oxlint-disable-next-line no-underscore-dangle -- the client's own name for it
      expect(ids).toContain(answer._request_id);
      expect(ids).toContain(error.requestID);
    });
    expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge', 'hold', 'void']);
  });

  it.each(['openai', 'ollama'] as const)('asks %s for any JSON', async (name) => {
    stage.servers[name].next({ text: '{"ok":true}' });
    const answer = await openai.chat.completions.create({
      model: UPSTREAMS[name].models.chat,
      messages: [{ role: 'user', content: 'Answer with JSON' }],
      response_format: { type: 'json_object' },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ ok: true });
    expect(stage.servers[name].calls.at(-1)?.json).toMatchObject({
      response_format: { type: 'json_object' },
    });
  });

  it('is told what to ask instead where a provider has no mode for any JSON', async () => {
    const before = stage.servers.anthropic.calls.length;
    const entries = await entriesMadeBy(stage.nexus, async () => {
      const error = await openai.chat.completions
        .create({
          model: 'claude-sonnet-4-5',
          messages: [{ role: 'user', content: 'Answer with JSON' }],
          response_format: { type: 'json_object' },
        })
        .catch((thrown: unknown) => thrown);
      if (!(error instanceof BadRequestError)) throw error;
      expect(error.message).toContain('json_schema with a schema works');
    });
    expect(stage.servers.anthropic.calls).toHaveLength(before);
    expect(entries.map(({ kind, note }) => [kind, note])).toEqual([
      ['hold', null],
      ['void', 'never sent: untranslatable'],
    ]);
  });

  it('streams a plain completion from Ollama, whose chunks carry zeros as usage until the last', async () => {
    const usage = { input: 7, output: 5 };
    stage.servers.ollama.next({ text: 'one two three', usage });
    const raw: object[] = [];
    const entries = await entriesMadeBy(stage.nexus, async () => {
      const stream = await openai.completions.create({
        model: 'llama3',
        prompt: 'Count',
        max_tokens: 20,
        stream: true,
      });
      let text = '';
      for await (const chunk of stream) {
        raw.push(chunk);
        text += chunk.choices[0]?.text ?? '';
      }
      expect(text).toBe('one two three');
    });
    for (const chunk of raw) expect(chunk).not.toHaveProperty('usage');
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'provider' });
    expect(nano(entries[1].settled_usd)).toBe(priceOf(UPSTREAMS.ollama.rates, usage));
  });

  it('breaks such a stream off, and pays for what passed, not for the zeros', async () => {
    stage.servers.ollama.next({ text: 'one two three', pausesAfter: 2 });
    const entries = await entriesMadeBy(stage.nexus, async () => {
      const stream = await openai.completions.create({
        model: 'llama3',
        prompt: 'Count',
        max_tokens: 20,
        stream: true,
      });
      for await (const chunk of stream) if (chunk.choices[0]?.text.includes('two')) break;
    });
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'metered' });
    expect(nano(entries[1].settled_usd)).toBeGreaterThan(0n);
  });

  it('goes on with Anthropic where another server began, whose names of calls it would refuse', async () => {
    stage.servers.anthropic.next({ text: 'Rome is warmer.' });
    const id = 'functions.get_weather:0';
    const answer = await openai.chat.completions.create({
      model: 'claude-sonnet-4-5',
      messages: [
        { role: 'user', content: 'How warm is Rome?' },
        {
          role: 'assistant',
          tool_calls: [
            {
              id,
              type: 'function',
              function: { name: 'get_weather', arguments: '{"city":"Rome"}' },
            },
          ],
        },
        { role: 'tool', tool_call_id: id, content: '21 C' },
      ],
    });
    expect(answer.choices[0]?.message.content).toBe('Rome is warmer.');
    expect(toolTurnsOf('anthropic', stage.servers.anthropic.calls.at(-1)?.json)).toEqual([
      { name: 'get_weather', arguments: { city: 'Rome' }, result: '21 C' },
    ]);
  });

  it('reads over the comment that says what a stream has cost, and finds the cost of an answer in its head', async () => {
    const usage = { input: 7, output: 3 };
    const headers = { 'X-Nexus-Cost-Event': 'true' };
    const ask = {
      model: 'gpt-4o-mini',
      messages: [{ role: 'user' as const, content: 'Count' }],
    };
    stage.servers.openai.next({ text: 'one two three', usage });
    let text = '';
    const stream = await openai.chat.completions.create({ ...ask, stream: true }, { headers });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('one two three');
    expect((await stage.tap.texts()).at(-1)).toMatch(/: nexus-cost 0\.\d+ basis=provider\n\n$/);

    stage.servers.openai.next({ text: 'one two three', usage });
    const { data, response } = await openai.chat.completions
      .create(ask, { headers })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe('one two three');
    expect(nano(response.headers.get('x-nexus-cost-actual') ?? '')).toBe(
      priceOf(UPSTREAMS.openai.rates, usage),
    );
  });
});
