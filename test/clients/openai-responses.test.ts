/** The official `openai` client over the Responses API. */
import { expect } from '@jest/globals';
import OpenAI, { APIError } from 'openai';
import type {
  FunctionTool,
  Response,
  ResponseInputItem,
} from 'openai/resources/responses/responses';
import type { ChatClient, Said } from '../support/chat-client.ts';
import { describeClient } from '../support/client-suite.ts';

function saidBy({ output_text: text, status, usage }: Response): Said {
  return {
    text,
    finish: status === 'completed' ? 'stop' : String(status),
    usage: usage
      ? {
          input: usage.input_tokens,
          output: usage.output_tokens,
          cached: usage.input_tokens_details.cached_tokens,
        }
      : null,
  };
}

function openAiClient(openai: OpenAI): ChatClient {
  const { responses } = openai;
  return {
    ask: async ({ model, prompt }) => saidBy(await responses.create({ model, input: prompt })),

    async stream({ model, prompt, signal, onPiece }) {
      const stream = await responses.create({ model, input: prompt, stream: true }, { signal });
      let text = '';
      let last: Response | null = null;
      let number = -1;
      for await (const event of stream) {
        expect(event.sequence_number).toBe(number + 1);
        number = event.sequence_number;
        if (event.type === 'response.output_text.delta') {
          text += event.delta;
          onPiece?.(event.delta);
        }
        if (event.type === 'response.completed') last = event.response;
      }
      // An aborted stream ends without a word.
      signal?.throwIfAborted();
      if (last === null) throw new Error('the stream had no end');
      // The client adds `output_text` to whole answers only.
      return saidBy({ ...last, output_text: text });
    },

    async useTools({ model, prompt, stream, tool, run }) {
      const { name, description, schema } = tool;
      const parameters = schema as Record<string, unknown>;
      const tools: FunctionTool[] = [
        { type: 'function', name, description, parameters, strict: true },
      ];
      const input: ResponseInputItem[] = [{ role: 'user', content: prompt }];
      for (;;) {
        const answer = stream
          ? await responses.stream({ model, input, tools }).finalResponse()
          : await responses.create({ model, input, tools });
        const calls = answer.output.flatMap((item) => (item.type === 'function_call' ? item : []));
        if (calls.length === 0) return saidBy(answer);
        for (const item of answer.output) {
          const { parsed_arguments: _parsed, ...sent } = item as typeof item & {
            parsed_arguments?: unknown;
          };
          input.push(sent as ResponseInputItem);
        }
        for (const call of calls) {
          const output = run(JSON.parse(call.arguments));
          input.push({ type: 'function_call_output', call_id: call.call_id, output });
        }
      }
    },

    async askJson({ model, prompt, schema }) {
      const answer = await responses.parse({
        model,
        input: prompt,
        text: {
          format: {
            type: 'json_schema',
            name: 'weather',
            strict: true,
            schema: schema as Record<string, unknown>,
          },
        },
      });
      return answer.output_parsed;
    },

    look: async ({ model, prompt, pngBase64 }) =>
      saidBy(
        await responses.create({
          model,
          input: [
            {
              role: 'user',
              content: [
                { type: 'input_text', text: prompt },
                {
                  type: 'input_image',
                  detail: 'auto',
                  image_url: `data:image/png;base64,${pngBase64}`,
                },
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
  name: 'openai over responses',
  api: 'responses',
  alwaysGetsUsage: true,
  connect: (connection) => openAiClient(new OpenAI(connection)),
  triesWhenExhausted: {
    503: { count: 1, rule: 'it obeys x-should-retry' },
    402: { count: 1, rule: 'no status of 4xx but 408, 409 and 429 is tried again' },
    429: { count: 1, rule: 'it obeys x-should-retry' },
  },
});
