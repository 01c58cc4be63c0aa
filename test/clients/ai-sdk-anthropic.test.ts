/** The AI SDK (`ai`) with `@ai-sdk/anthropic`. */
import { createAnthropic } from '@ai-sdk/anthropic';
import {
  APICallError,
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
import type { Connection } from '../support/client-stage.ts';
import type { Said, ToolCallAsked } from '../support/chat-client.ts';
import { describeMessagesClient, type MessagesClient } from '../support/messages-suite.ts';

const MAX_TOKENS = 800;

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

function aiSdkClient({ baseURL, apiKey, fetch }: Connection): MessagesClient {
  const nexus = createAnthropic({ baseURL, apiKey, fetch });
  return {
    async ask({ model, prompt }) {
      const asked = { model: nexus(model), prompt, maxOutputTokens: MAX_TOKENS };
      const { text, finishReason, usage } = await generateText(asked);
      return { text, finish: finishReason, usage: usageOf(usage) };
    },

    stream: ({ model, prompt, signal, onPiece }) =>
      streamed((onError) => {
        const asked = { model: nexus(model), prompt, onError, maxOutputTokens: MAX_TOKENS };
        return streamText(signal ? { ...asked, abortSignal: signal } : asked);
      }, onPiece).then((said) => {
        // An aborted stream ends without a word.
        signal?.throwIfAborted();
        return said;
      }),

    async useTools(call) {
      const asked = {
        model: nexus(call.model),
        prompt: call.prompt,
        tools: toolSet(call),
        maxOutputTokens: MAX_TOKENS,
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
        maxOutputTokens: MAX_TOKENS,
        providerOptions: { anthropic: { structuredOutputMode: 'outputFormat' } },
        output: Output.object({ schema: jsonSchema(schema) }),
      });
      return output;
    },

    async look({ model, prompt, pngBase64 }) {
      const { text, finishReason, usage } = await generateText({
        model: nexus(model),
        maxOutputTokens: MAX_TOKENS,
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

describeMessagesClient({
  name: 'ai with @ai-sdk/anthropic',
  connect: aiSdkClient,
  finish: 'stop',
  triesByStatus: { 503: 3, 402: 1, 429: 3 },
  rule: 'it tries every 429 and 5xx twice more, whatever x-should-retry says',
});
