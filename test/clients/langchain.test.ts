/** LangChain's `ChatOpenAI` and `OpenAIEmbeddings`, over chats and over the Responses API. */
import { describe, expect } from '@jest/globals';
import { concat } from '@langchain/core/utils/stream';
import {
  HumanMessage,
  ToolMessage,
  type AIMessage,
  type AIMessageChunk,
  type BaseMessage,
  type UsageMetadata,
} from '@langchain/core/messages';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import type { Connection } from '../support/client-stage.ts';
import type { ChatClient, Said } from '../support/chat-client.ts';
import { describeClient } from '../support/client-suite.ts';

type Answer = Pick<AIMessage, 'text' | 'response_metadata'> & {
  readonly usage_metadata?: UsageMetadata | undefined;
};

function saidBy({ text, response_metadata: facts, usage_metadata: usage }: Answer): Said {
  return {
    text,
    // The Responses API has a status in its place.
    finish: facts['status'] === 'completed' ? 'stop' : String(facts['finish_reason']),
    usage: usage
      ? {
          input: usage.input_tokens,
          output: usage.output_tokens,
          cached: usage.input_token_details?.cache_read ?? 0,
        }
      : null,
  };
}

async function whole(
  stream: AsyncIterable<AIMessageChunk>,
  onPiece?: (text: string) => void,
): Promise<AIMessageChunk> {
  let message: AIMessageChunk | undefined;
  for await (const chunk of stream) {
    message = message ? concat(message, chunk) : chunk;
    onPiece?.(chunk.text);
  }
  if (!message) throw new Error('the stream said nothing');
  return message;
}

function langChainClient(
  { baseURL, apiKey, fetch }: Connection,
  useResponsesApi: boolean,
): ChatClient {
  const configuration = { baseURL, fetch };
  const chatModel = (model: string): ChatOpenAI =>
    new ChatOpenAI({ model, apiKey, configuration, useResponsesApi });

  return {
    ask: async ({ model, prompt }) => saidBy(await chatModel(model).invoke(prompt)),

    async stream({ model, prompt, includeUsage, signal, onPiece }) {
      const chat = new ChatOpenAI({
        model,
        apiKey,
        configuration,
        useResponsesApi,
        streamUsage: includeUsage,
      });
      const stream = await chat.stream(prompt, signal ? { signal } : {});
      return saidBy(await whole(stream, onPiece));
    },

    async useTools({ model, prompt, stream, tool, run }) {
      const { name, description, schema } = tool;
      const parameters = schema as Record<string, unknown>;
      const chat = chatModel(model).bindTools([
        { type: 'function', function: { name, description, parameters } },
      ]);
      const messages: BaseMessage[] = [new HumanMessage(prompt)];
      for (;;) {
        const message = stream
          ? await whole(await chat.stream(messages))
          : await chat.invoke(messages);
        if (!message.tool_calls?.length) return saidBy(message);
        if (!useResponsesApi) expect(message.response_metadata['finish_reason']).toBe('tool_calls');
        messages.push(message);
        for (const call of message.tool_calls) {
          const content = run(call.args);
          messages.push(new ToolMessage({ tool_call_id: call.id ?? '', content }));
        }
      }
    },

    askJson: ({ model, prompt, schema }) =>
      chatModel(model)
        .withStructuredOutput(schema as Record<string, unknown>, {
          name: 'weather',
          method: 'jsonSchema',
        })
        .invoke(prompt),

    async look({ model, prompt, pngBase64 }) {
      const content = [
        { type: 'text', text: prompt },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${pngBase64}` } },
      ];
      return saidBy(await chatModel(model).invoke([new HumanMessage({ content })]));
    },

    embed: ({ model, texts }) =>
      new OpenAIEmbeddings({ model, apiKey, configuration }).embedDocuments([...texts]),

    readError(error) {
      if (!(error instanceof Error)) throw error;
      const status = 'status' in error ? error.status : undefined;
      return { status: typeof status === 'number' ? status : undefined, message: error.message };
    },
  };
}

const TRIES = {
  503: { count: 7, rule: 'it tries every 5xx six times more' },
  402: { count: 1, rule: 'it never tries a 402 again' },
  429: { count: 1, rule: 'it does not try an insufficient_quota again' },
};

describe('over chats', () => {
  describeClient({
    name: 'LangChain',
    connect: (connection) => langChainClient(connection, false),
    triesWhenExhausted: TRIES,
  });
});

describe('over the Responses API', () => {
  describeClient({
    name: 'LangChain with useResponsesApi',
    api: 'responses',
    alwaysGetsUsage: true,
    connect: (connection) => langChainClient(connection, true),
    triesWhenExhausted: TRIES,
  });
});
