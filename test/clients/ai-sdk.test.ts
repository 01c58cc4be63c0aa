/** The AI SDK (`ai`) with `@ai-sdk/openai-compatible`. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { APICallError, generateText, jsonSchema, Output } from 'ai';
import { aiSdkClient } from '../support/ai-sdk-client.ts';
import {
  startClientStage,
  UPSTREAMS,
  type Connection,
  type Stage,
} from '../support/client-stage.ts';
import type { ChatClient } from '../support/chat-client.ts';
import { describeClient } from '../support/client-suite.ts';

function compatibleClient({ baseURL, apiKey, fetch }: Connection): ChatClient {
  const settings = { name: 'nexus', baseURL, apiKey, fetch, supportsStructuredOutputs: true };
  const nexus = createOpenAICompatible(settings);
  const counting = createOpenAICompatible({ ...settings, includeUsage: true });
  return aiSdkClient({
    language: (id) => nexus(id),
    counting: (id) => counting(id),
    embedding: (id) => nexus.embeddingModel(id),
  });
}

describeClient({
  name: 'ai with @ai-sdk/openai-compatible',
  connect: compatibleClient,
  triesWhenExhausted: {
    503: { count: 3, rule: 'it tries every 5xx twice more, whatever x-should-retry says' },
    402: { count: 1, rule: 'no status of 4xx but 408, 409 and 429 is tried again' },
    429: { count: 3, rule: 'it tries a 429 twice more, whatever x-should-retry says' },
  },
});

describe('ai with a provider that was not told of schemas', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startClientStage();
    // It warns of what these tests are about.
    globalThis.AI_SDK_LOG_WARNINGS = false;
  });
  afterAll(() => stage.stop());

  const ask = (model: string): Promise<{ output: unknown }> => {
    const nexus = createOpenAICompatible({ name: 'nexus', ...stage.connection });
    const schema = jsonSchema({
      type: 'object',
      properties: { city: { type: 'string' } },
    });
    return generateText({
      model: nexus(model),
      prompt: 'Name a city, as JSON.',
      output: Output.object({ schema }),
    });
  };

  it('asks for any JSON, and gets it from OpenAI and Ollama', async () => {
    for (const name of ['openai', 'ollama'] as const) {
      stage.servers[name].next({ text: '{"city":"Rome"}' });
      expect((await ask(UPSTREAMS[name].models.chat)).output).toEqual({ city: 'Rome' });
      expect(stage.servers[name].calls.at(-1)?.json).toMatchObject({
        response_format: { type: 'json_object' },
      });
    }
  });

  it('is told once what would work with Anthropic', async () => {
    const before = stage.tap.count;
    const error: unknown = await ask('claude-sonnet-4-5').catch((thrown: unknown) => thrown);
    if (!APICallError.isInstance(error)) throw error;
    expect(error).toMatchObject({ statusCode: 400, isRetryable: false });
    expect(error.message).toContain('json_schema with a schema works');
    expect(stage.tap.count - before).toBe(1);
    expect(stage.servers.anthropic.calls).toHaveLength(0);
  });
});
