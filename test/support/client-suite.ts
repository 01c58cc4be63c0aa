/** What every official client must be able to do through the gateway, and what the ledger says of it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ExhaustedStatus } from '../../src/core/settings.ts';
import type { ChatClient } from './chat-client.ts';
import { describeAnswers } from './client-answers.ts';
import { PROMPT, type ClientApi } from './client-charges.ts';
import { describeFailures } from './client-failures.ts';
import {
  startClientStage,
  UPSTREAM_NAMES,
  UPSTREAMS,
  type Connection,
  type Stage,
} from './client-stage.ts';
import { eventually } from './eventually.ts';
import { hurryBackOff } from './hurry-back-off.ts';
import { OriginWatch } from './origin-watch.ts';
import { expectSettledBooks } from './settled-books.ts';

export interface ClientSuite {
  readonly name: string;
  /** `chat` when left out. */
  readonly api?: ClientApi;
  /** It asks for the usage of every stream, or its API says it unasked. */
  readonly alwaysGetsUsage?: boolean;
  readonly connect: (connection: Connection) => ChatClient;
  /**
   * Requests that reach the gateway when the budget is exhausted, by `exhausted_status` and the client's own rule, with
   * nothing configured in the client. The README's table says the same.
   */
  readonly triesWhenExhausted: Readonly<Record<ExhaustedStatus, Tries>>;
}

interface Tries {
  readonly count: number;
  readonly rule: string;
}

const EXHAUSTED_STATUSES = [503, 402, 429] as const;

/** Costs more than the whole of a small budget. */
const COSTLY = { input: 1_000, output: 2_000 };

export function describeClient(suite: ClientSuite): void {
  const { name, api = 'chat', alwaysGetsUsage = false, connect, triesWhenExhausted } = suite;
  const watch = new OriginWatch();
  let stage: Stage;
  let client: ChatClient;

  beforeAll(async () => {
    watch.start();
    stage = await startClientStage();
    client = connect(stage.connection);
  });
  afterEach(async () => {
    await stage.expectKeysToStay();
  });
  afterAll(async () => {
    await expectSettledBooks(stage.nexus);
    await stage.stop();
    watch.stop();
    const strangers = [...watch.origins].filter(
      (origin) => !/^http:\/\/127\.0\.0\.1:\d+$/.test(origin),
    );
    // Above all no tokenizer that a client fetches to count for itself.
    expect(strangers).toEqual([]);
  });

  describe.each(UPSTREAM_NAMES)(`${name}, with %s behind the gateway`, (upstream) => {
    const meeting = {
      upstream,
      api,
      canOmitUsage: !alwaysGetsUsage,
      stage: () => stage,
      client: () => client,
    };
    describeAnswers(meeting);
    describeFailures(meeting);
  });

  it.each(EXHAUSTED_STATUSES.map((status) => ({ status, ...triesWhenExhausted[status] })))(
    'sends $count to an exhausted budget that answers $status: $rule',
    async ({ status, count }) => {
      const poor = await startClientStage({ limitUsd: '0.001', exhaustedStatus: status });
      try {
        const asked = connect(poor.connection);
        const { model, usage } = { model: UPSTREAMS.openai.models.chat, usage: COSTLY };
        poor.servers.openai.next({ usage });
        await asked.ask({ model, prompt: PROMPT });
        hurryBackOff();
        const embedding = { model: UPSTREAMS.openai.embeddings ?? '', texts: ['Bern', 'Rome'] };
        const refused = [
          () => asked.ask({ model, prompt: PROMPT }),
          () => asked.stream({ model, prompt: PROMPT, includeUsage: false }),
          () => asked.embed(embedding),
        ];
        for (const call of refused) {
          const before = poor.tap.count;
          // One after the other: each is a client that has just been told.
          // oxlint-disable-next-line no-await-in-loop
          const error: unknown = await call().catch((thrown: unknown) => thrown);
          expect(asked.readError(error)).toEqual({
            status,
            message: expect.stringContaining('the hard limit of the monthly budget is reached'),
          });
          expect(poor.tap.count - before).toBe(count);
        }
        jest.restoreAllMocks();
        await eventually(async () => {
          const { requests, budget } = await poor.nexus.getJson('/v1/stats');
          expect(requests.total).toBe(1 + refused.length * count);
          expect(budget.status).toBe('HardLimit');
        });
        expect(poor.servers.openai.calls).toHaveLength(1);
        await poor.expectKeysToStay();
        await expectSettledBooks(poor.nexus);
      } finally {
        jest.restoreAllMocks();
        await poor.stop();
      }
    },
  );
}
