/** The AI SDK (`ai`) with `@ai-sdk/openai`, which asks over the Responses API unless it is told otherwise. */
import { createOpenAI } from '@ai-sdk/openai';
import { beforeAll, describe } from '@jest/globals';
import { aiSdkClient } from '../support/ai-sdk-client.ts';
import { describeClient } from '../support/client-suite.ts';

const TRIES = {
  503: { count: 3, rule: 'it tries every 5xx twice more, whatever x-should-retry says' },
  402: { count: 1, rule: 'no status of 4xx but 408, 409 and 429 is tried again' },
  429: { count: 3, rule: 'it tries a 429 twice more, whatever x-should-retry says' },
};

beforeAll(() => {
  // It warns of models that it does not know.
  globalThis.AI_SDK_LOG_WARNINGS = false;
});

describe('over the Responses API', () => {
  describeClient({
    name: 'ai with @ai-sdk/openai',
    api: 'responses',
    alwaysGetsUsage: true,
    connect(connection) {
      const nexus = createOpenAI(connection);
      return aiSdkClient({
        language: (id) => nexus(id),
        embedding: (id) => nexus.embeddingModel(id),
      });
    },
    triesWhenExhausted: TRIES,
  });
});

describe('over chats', () => {
  describeClient({
    name: 'ai with @ai-sdk/openai and its chat models',
    alwaysGetsUsage: true,
    connect(connection) {
      const nexus = createOpenAI(connection);
      return aiSdkClient({
        language: (id) => nexus.chat(id),
        embedding: (id) => nexus.embeddingModel(id),
      });
    },
    triesWhenExhausted: TRIES,
  });
});
