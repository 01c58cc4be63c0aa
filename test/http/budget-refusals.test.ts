/** What a refusal for lack of money advises: never what would not help. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import { startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
/** At 30 USD per million output tokens nearly the whole budget below. */
const DEAR = { max_tokens: 1000 };

let provider: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  provider = await startHandProvider([MODEL]);
});
afterEach(async () => {
  await nexus.stop();
  await provider.close();
});

async function start(action: string): Promise<void> {
  nexus = await startTestGateway(
    NO_PROBES +
      budgetToml('0.0304', `hard_limit_action = "${action}"`) +
      backendToml({ name: 'cloud', url: provider.url }),
    { env: KEYS },
  );
}

async function refused(): Promise<Json> {
  const answer = await nexus.chat(MODEL, 'Hello', DEAR);
  expect(answer.status).toBe(503);
  return answer.json();
}

describe('the advice of a refusal', () => {
  it('is to come again, while requests in flight hold what is left', async () => {
    await start('block_cloud');
    const holding = nexus.chat(MODEL, 'Hello', DEAR);
    const call = await provider.call();

    const { error, context } = await refused();

    expect(error.code).toBe('budget_reserved');
    expect(context.what_to_do).toMatch(/^Send the request again/);
    call.json('Hi', usageDocument({ input: 8, output: 5 }));
    await (await holding).arrayBuffer();
    await expectSettledBooks(nexus);
  });

  it.each([
    ['block_cloud', /^Use a local model/],
    ['block_all', /^Raise monthly_limit_usd/],
  ])('with %s names what is still open', async (action, advice) => {
    await start(action);
    const spending = nexus.chat(MODEL, 'Hello', DEAR);
    (await provider.call()).json('Hi', usageDocument({ input: 8, output: 1000 }));
    await (await spending).arrayBuffer();

    const { error, context } = await refused();

    expect(error.code).toBe('budget_exhausted');
    expect(context.what_to_do).toMatch(advice);
    await expectSettledBooks(nexus);
  });
});
