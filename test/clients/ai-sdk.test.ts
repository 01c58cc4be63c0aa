/** The AI SDK (`ai`) with `@ai-sdk/openai-compatible`. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  APICallError,
  embedMany,
  generateText,
  isStepCount,
  jsonSchema,
  Output,
  RetryError,
  streamText,
  tool,
  type LanguageModelUsage,
  type ToolSet,
} from 'ai';
import {
  startClientStage,
  UPSTREAMS,
  type Connection,
  type Stage,
} from '../support/client-stage.ts';
import type { ChatClient, Said, ToolCallAsked } from '../support/chat-client.ts';
import { describeClient } from '../support/client-suite.ts';

/** Tokens are undefined where the provider said nothing. */
function usageOf({
  inputTokens,
  outputTokens,
  inputTokenDetails,
}: LanguageModelUsage): Said['usage'] {
  if (inputTokens === undefined || outputTokens === undefined) return null;
  const cached = inputTokenDetails.cacheReadTokens ?? 0;
  return { input: inputTokens, output: outputTokens, cached };
}

function toolSet({ tool: offered, run }: ToolCallAsked): ToolSet {
  const { name, description, schema } = offered;
  const inputSchema = jsonSchema(schema);
  return { [name]: tool({ description, inputSchema, execute: (args: unknown) => run(args) }) };
}

/** In the AI SDK a stream that fails says so to `onError`; what it has said until then is an answer. */
async function streamed(
  start: (onError: (event: { error: unknown }) => void) => ReturnType<typeof streamText>,
  onPiece?: (text: string) => void,
): Promise<Said> {
  const errors: unknown[] = [];
  const result = start(({ error }) => errors.push(error));
  let text = '';
  for await (const piece of result.textStream) {
    text += piece;
    onPiece?.(piece);
  }
  if (errors.length > 0) throw errors[0];
  return { text, finish: await result.finishReason, usage: usageOf(await result.usage) };
}

function aiSdkClient({ baseURL, apiKey, fetch }: Connection): ChatClient {
  const settings = { name: 'nexus', baseURL, apiKey, fetch, supportsStructuredOutputs: true };
  const nexus = createOpenAICompatible(settings);
  const counting = createOpenAICompatible({ ...settings, includeUsage: true });
  return {
    async ask({ model, prompt }) {
      const { text, finishReason, usage } = await generateText({ model: nexus(model), prompt });
      return { text, finish: finishReason, usage: usageOf(usage) };
    },

    stream: ({ model, prompt, includeUsage, signal, onPiece }) =>
      streamed((onError) => {
        const provider = includeUsage ? counting : nexus;
        const asked = { model: provider(model), prompt, onError };
        return streamText(signal ? { ...asked, abortSignal: signal } : asked);
      }, onPiece).then((said) => {
        // An aborted stream ends without a word.
        signal?.throwIfAborted();
        return said;
      }),

    async useTools(call) {
      const tools = toolSet(call);
      const asked = {
        model: nexus(call.model),
        prompt: call.prompt,
        tools,
        stopWhen: isStepCount(5),
      };
      if (call.stream) return streamed((onError) => streamText({ ...asked, onError }));
      const { text, finishReason, usage } = await generateText(asked);
      return { text, finish: finishReason, usage: usageOf(usage) };
    },

    async askJson({ model, prompt, schema }) {
      const { output } = await generateText({
        model: nexus(model),
        prompt,
        output: Output.object({ schema: jsonSchema(schema) }),
      });
      return output;
    },

    async look({ model, prompt, pngBase64 }) {
      const { text, finishReason, usage } = await generateText({
        model: nexus(model),
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: prompt },
              { type: 'file', mediaType: 'image/png', data: pngBase64 },
            ],
          },
        ],
      });
      return { text, finish: finishReason, usage: usageOf(usage) };
    },

    async embed({ model, texts }) {
      const { embeddings } = await embedMany({
        model: nexus.embeddingModel(model),
        values: [...texts],
      });
      return embeddings;
    },

    readError(error) {
      const last = RetryError.isInstance(error) ? error.lastError : error;
      if (APICallError.isInstance(last)) return { status: last.statusCode, message: last.message };
      // The error of a stream is the document that came in it.
      if (typeof last === 'object' && last !== null && 'message' in last) {
        return { status: undefined, message: String(last.message) };
      }
      throw error;
    },
  };
}

describeClient({
  name: 'ai with @ai-sdk/openai-compatible',
  connect: aiSdkClient,
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
