/** `exhausted_status`: one status for an exhausted budget on every route, and for nothing else. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import { startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const MESSAGES = [{ role: 'user', content: 'Hello' }];
/** At 30 USD per million output tokens nearly the whole budget below. */
const DEAR = { max_tokens: 1000 };

const ROUTES: readonly (readonly [string, object])[] = [
  ['/v1/chat/completions', { model: MODEL, messages: MESSAGES }],
  ['/v1/chat/completions', { model: MODEL, messages: MESSAGES, stream: true }],
  ['/v1/completions', { model: MODEL, prompt: 'Hello' }],
  ['/v1/embeddings', { model: MODEL, input: 'Hello' }],
];

let provider: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  provider = await startHandProvider([MODEL]);
});
afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
});

async function start(status: string, action = 'block_all'): Promise<void> {
  nexus = await startTestGateway(
    NO_PROBES +
      budgetToml('0.0304', `hard_limit_action = "${action}"\n${status}`) +
      backendToml({ name: 'cloud', url: provider.url }),
    { env: KEYS },
  );
}

async function spendAll(): Promise<void> {
  const spending = nexus.chat(MODEL, 'Hello', DEAR);
  (await provider.call()).json('Hi', usageDocument({ input: 40, output: 1000 }));
  await (await spending).arrayBuffer();
}

async function refusal(route: string, body: object): Promise<{ answer: Response; json: Json }> {
  const answer = await nexus.post(route, body);
  return { answer, json: await answer.json() };
}

describe.each([
  ['nothing said', '', 503],
  ['exhausted_status = 503', 'exhausted_status = 503', 503],
  ['exhausted_status = 402', 'exhausted_status = 402', 402],
  ['exhausted_status = 429', 'exhausted_status = 429', 429],
])('an exhausted budget with %s', (_words, toml, status) => {
  it(`answers ${status} on every route, the same but for that, and advises against a retry`, async () => {
    await start(toml);
    await spendAll();

    for (const [route, body] of ROUTES) {
      const { answer, json } = await refusal(route, body);

      expect([route, answer.status]).toEqual([route, status]);
      expect(answer.headers.get('x-should-retry')).toBe('false');
      expect(answer.headers.get('retry-after')).toBeNull();
      expect(json.error).toMatchObject({ code: 'budget_exhausted', type: 'insufficient_quota' });
      expect(json.context).toMatchObject({
        limit_usd: '0.0304',
        resets_at: '2026-12-01T00:00:00.000Z',
      });
    }
    const labels = `model="gpt_4_turbo",backend="none",status="${status}"`;
    expect(await nexus.metric(`nexus_requests_total{${labels}}`)).toBe(ROUTES.length);
  });

  it(`says ${status} in an estimate`, async () => {
    await start(toml);
    await spendAll();

    const { answer, json } = await refusal('/v1/estimate', { model: MODEL, messages: MESSAGES });

    expect(answer.status).toBe(200);
    expect(json.refusal).toMatchObject({ code: 'budget_exhausted', status });
  });

  it(`answers ${status} to a request that alone does not fit, and says so in its estimate`, async () => {
    await start(toml, 'block_cloud');
    const body = { model: MODEL, messages: [{ role: 'user', content: 'word '.repeat(4000) }] };

    const { answer, json } = await refusal('/v1/chat/completions', body);
    const estimated = await refusal('/v1/estimate', body);

    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(json.error.code).toBe('budget_exhausted');
    expect(json.context.needed_usd).toBeDefined();
    expect(estimated.json.refusal).toMatchObject({ code: 'budget_exhausted', status });
  });
});

it('leaves every other refusal as it is: what waits for requests in flight is 503, to be tried again', async () => {
  await start('exhausted_status = 402', 'block_cloud');
  const holding = nexus.chat(MODEL, 'Hello', DEAR);
  const call = await provider.call();

  const { answer, json } = await refusal('/v1/chat/completions', {
    model: MODEL,
    messages: MESSAGES,
    ...DEAR,
  });
  const unknown = await nexus.chat('nobody-has-it', 'Hello');

  expect([answer.status, json.error.code]).toEqual([503, 'budget_reserved']);
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(answer.headers.get('x-should-retry')).toBeNull();
  expect(unknown.status).toBe(404);
  call.json('Hi', usageDocument({ input: 8, output: 5 }));
  await (await holding).arrayBuffer();
});
