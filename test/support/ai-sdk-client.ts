/** The AI SDK (`ai`) as a client, over whichever of its providers. */
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
  type EmbeddingModel,
  type LanguageModel,
  type LanguageModelUsage,
  type ToolSet,
} from 'ai';
import type { ChatClient, Said, ToolCallAsked } from './chat-client.ts';

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

/** What differs between the providers of the AI SDK. */
export interface AiSdkModels {
  readonly language: (id: string) => LanguageModel;
  /** The same, but for streams that are to say their usage. */
  readonly counting?: (id: string) => LanguageModel;
  readonly embedding: (id: string) => EmbeddingModel;
}

/** A client out of a provider of the AI SDK. */
export function aiSdkClient({ language, counting = language, embedding }: AiSdkModels): ChatClient {
  return {
    async ask({ model, prompt }) {
      const { text, finishReason, usage } = await generateText({ model: language(model), prompt });
      return { text, finish: finishReason, usage: usageOf(usage) };
    },

    stream: ({ model, prompt, includeUsage, signal, onPiece }) =>
      streamed((onError) => {
        const asked = { model: (includeUsage ? counting : language)(model), prompt, onError };
        return streamText(signal ? { ...asked, abortSignal: signal } : asked);
      }, onPiece).then((said) => {
        // An aborted stream ends without a word.
        signal?.throwIfAborted();
        return said;
      }),

    async useTools(call) {
      const tools = toolSet(call);
      const asked = {
        model: language(call.model),
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
        model: language(model),
        prompt,
        output: Output.object({ schema: jsonSchema(schema) }),
      });
      return output;
    },

    async look({ model, prompt, pngBase64 }) {
      const { text, finishReason, usage } = await generateText({
        model: language(model),
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
        model: embedding(model),
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
