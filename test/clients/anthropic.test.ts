/** Anthropic's own SDK. */
import Anthropic, { APIError, BadRequestError } from '@anthropic-ai/sdk';
import type { Message, MessageParam, ToolResultBlockParam } from '@anthropic-ai/sdk/resources';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  startClientStage,
  UPSTREAMS,
  type Connection,
  type Stage,
} from '../support/client-stage.ts';
import type { Said } from '../support/chat-client.ts';
import { describeMessagesClient, type MessagesClient } from '../support/messages-suite.ts';
import { allEntries } from '../support/test-gateway.ts';

const MAX_TOKENS = 800;

function sdkFor({ baseURL, apiKey, fetch }: Connection): Anthropic {
  return new Anthropic({ baseURL: baseURL.replace(/\/v1$/, ''), apiKey, fetch });
}

function textOf({ content }: Message): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

function saidBy(message: Message): Said {
  const { usage } = message;
  const cached = usage.cache_read_input_tokens ?? 0;
  return {
    text: textOf(message),
    finish: String(message.stop_reason),
    usage: {
      input: usage.input_tokens + cached + (usage.cache_creation_input_tokens ?? 0),
      output: usage.output_tokens,
      cached,
    },
  };
}

function anthropicClient(connection: Connection): MessagesClient {
  const anthropic = sdkFor(connection);
  const asked = (model: string, prompt: string) => ({
    model,
    max_tokens: MAX_TOKENS,
    messages: [{ role: 'user' as const, content: prompt }],
  });
  return {
    ask: async ({ model, prompt }) => saidBy(await anthropic.messages.create(asked(model, prompt))),

    async stream({ model, prompt, signal, onPiece }) {
      const stream = anthropic.messages.stream(asked(model, prompt), signal ? { signal } : {});
      stream.on('text', (piece) => onPiece?.(piece));
      return saidBy(await stream.finalMessage());
    },

    async useTools({ model, prompt, stream, tool, run }) {
      const { name, description, schema } = tool;
      const tools = [{ name, description, input_schema: schema as Anthropic.Tool.InputSchema }];
      const messages: MessageParam[] = [{ role: 'user', content: prompt }];
      for (;;) {
        const turn = { model, max_tokens: MAX_TOKENS, tools, messages };
        const message = stream
          ? await anthropic.messages.stream(turn).finalMessage()
          : await anthropic.messages.create(turn);
        if (message.stop_reason !== 'tool_use') return saidBy(message);
        messages.push({ role: 'assistant', content: message.content });
        const results = message.content.flatMap((block): ToolResultBlockParam[] =>
          block.type === 'tool_use'
            ? [{ type: 'tool_result', tool_use_id: block.id, content: run(block.input) }]
            : [],
        );
        messages.push({ role: 'user', content: results });
      }
    },

    async askJson({ model, prompt, schema }) {
      const message = await anthropic.messages.create({
        ...asked(model, prompt),
        output_config: {
          format: { type: 'json_schema', schema: schema as Record<string, unknown> },
        },
      });
      return JSON.parse(textOf(message)) as unknown;
    },

    async look({ model, prompt, pngBase64 }) {
      const message = await anthropic.messages.create({
        model,
        max_tokens: MAX_TOKENS,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: prompt },
              {
                type: 'image',
                source: { type: 'base64', media_type: 'image/png', data: pngBase64 },
              },
            ],
          },
        ],
      });
      return saidBy(message);
    },

    readError(error) {
      if (!(error instanceof APIError)) throw error;
      return { status: error.status as number | undefined, message: error.message };
    },
  };
}

// It warns of models that will be gone one day.
beforeEach(() => {
  jest.spyOn(console, 'warn').mockImplementation(() => undefined);
});

describeMessagesClient({
  name: '@anthropic-ai/sdk',
  connect: anthropicClient,
  finish: 'end_turn',
  triesByStatus: { 503: 1, 402: 1, 429: 1 },
  rule: 'it obeys x-should-retry',
});

describe('what only the SDK of the API does', () => {
  let stage: Stage;
  let anthropic: Anthropic;
  beforeAll(async () => {
    stage = await startClientStage();
    anthropic = sdkFor(stage.connection);
  });
  afterAll(() => stage.stop());

  const { models } = UPSTREAMS.anthropic;
  const messages = [{ role: 'user' as const, content: 'Hello' }];

  it('asks for a beta, in its own version of the API', async () => {
    await anthropic.beta.messages.create({
      model: models.chat,
      max_tokens: 10,
      messages,
      betas: ['context-1m-2025-08-07'],
    });
    const call = stage.servers.anthropic.calls.at(-1);
    expect(call?.headers).toMatchObject({
      'anthropic-beta': 'context-1m-2025-08-07',
      // The SDK's own, and not the gateway's.
      'anthropic-version': '2026-10-21',
    });
  });

  it('reads the id of the gateway, of answers and of errors', async () => {
    const { request_id: id } = await anthropic.messages
      .create({ model: models.chat, max_tokens: 10, messages })
      .withResponse();
    const [hold] = (await allEntries(stage.nexus)).slice(-2);
    expect(hold.request_id).toBe(id);
    stage.servers.anthropic.next({ status: 400, errorMessage: 'temperature: too high' });
    const error: unknown = await anthropic.messages
      .create({ model: models.chat, max_tokens: 10, messages })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect((error as APIError).requestID).toMatch(/^req_[0-9a-z]{20}/);
  });

  it('names what another backend can not be told, and the API has', async () => {
    const error: unknown = await anthropic.messages
      .create({
        model: UPSTREAMS.openai.models.chat,
        max_tokens: 10,
        messages,
        tools: [{ type: 'web_search_20250305', name: 'web_search' }],
      })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect((error as APIError).error).toMatchObject({ error: { param: 'tools[0].type' } });
  });

  it('counts tokens, by the provider where it serves the model and else by the gateway, for nothing', async () => {
    const before = (await allEntries(stage.nexus)).length;
    const counted = await anthropic.messages.countTokens({ model: models.chat, messages });
    expect(counted).toEqual({ input_tokens: 4711 });
    for (const { models: others } of [UPSTREAMS.openai, UPSTREAMS.ollama]) {
      const { input_tokens: tokens } = await anthropic.messages.countTokens({
        model: others.chat,
        messages,
      });
      expect(tokens).toBeGreaterThan(1);
      expect(tokens).toBeLessThan(20);
    }
    expect(await allEntries(stage.nexus)).toHaveLength(before);
  });
});
