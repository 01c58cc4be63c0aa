/** LangChain's `ChatAnthropic`. */
import { expect } from '@jest/globals';
import { ChatAnthropic } from '@langchain/anthropic';
import { concat } from '@langchain/core/utils/stream';
import {
  HumanMessage,
  ToolMessage,
  type AIMessage,
  type AIMessageChunk,
  type BaseMessage,
  type UsageMetadata,
} from '@langchain/core/messages';
import type { Connection } from '../support/client-stage.ts';
import type { Said } from '../support/chat-client.ts';
import { describeMessagesClient, type MessagesClient } from '../support/messages-suite.ts';

type Answer = Pick<AIMessage, 'text' | 'response_metadata' | 'additional_kwargs'> & {
  readonly usage_metadata?: UsageMetadata | undefined;
};

function saidBy(answer: Answer): Said {
  const { usage_metadata: usage, response_metadata: facts, additional_kwargs: more } = answer;
  return {
    text: answer.text,
    finish: String(facts['stop_reason'] ?? more['stop_reason']),
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

function langChainClient({ baseURL, apiKey, fetch }: Connection): MessagesClient {
  const chatModel = (model: string): ChatAnthropic =>
    new ChatAnthropic({
      model,
      apiKey,
      anthropicApiUrl: baseURL.replace(/\/v1$/, ''),
      maxTokens: 800,
      clientOptions: { fetch },
    });

  return {
    ask: async ({ model, prompt }) => saidBy(await chatModel(model).invoke(prompt)),

    async stream({ model, prompt, signal, onPiece }) {
      const stream = await chatModel(model).stream(prompt, signal ? { signal } : {});
      return saidBy(await whole(stream, onPiece));
    },

    async useTools({ model, prompt, stream, tool, run }) {
      const { name, description, schema } = tool;
      const input_schema = schema as { type: 'object' };
      const chat = chatModel(model).bindTools([{ name, description, input_schema }]);
      const messages: BaseMessage[] = [new HumanMessage(prompt)];
      for (;;) {
        const message = stream
          ? await whole(await chat.stream(messages))
          : await chat.invoke(messages);
        if (!message.tool_calls?.length) return saidBy(message);
        messages.push(message);
        for (const call of message.tool_calls) {
          const content = run(call.args);
          messages.push(new ToolMessage({ tool_call_id: call.id ?? '', content }));
        }
      }
    },

    askJson: ({ model, prompt, schema }) =>
      chatModel(model)
        .withStructuredOutput(schema as Record<string, unknown>, { method: 'jsonSchema' })
        .invoke(prompt),

    async look({ model, prompt, pngBase64 }) {
      const content = [
        { type: 'text', text: prompt },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${pngBase64}` } },
      ];
      return saidBy(await chatModel(model).invoke([new HumanMessage({ content })]));
    },

    readError(error) {
      if (!(error instanceof Error)) throw error;
      const status = 'status' in error ? error.status : undefined;
      return { status: typeof status === 'number' ? status : undefined, message: error.message };
    },
  };
}

describeMessagesClient({
  name: 'LangChain with ChatAnthropic',
  connect: langChainClient,
  finish: 'end_turn',
  // It adds the output of `message_start` to the cumulative one, and reads no input at the end.
  misreadsUsage: () => expect.any(Object),
  triesByStatus: { 503: 7, 402: 1, 429: 1 },
  rule: 'it tries every 5xx six times more, and a 429 that speaks of billing never',
});
