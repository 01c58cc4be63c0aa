/**
 * Every provider's usage on the real path: a server that answers with the bytes of the fixture, the gateway over HTTP,
 * and the entry in its ledger, to the nano-dollar.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { budgetToml, NO_PROBES } from '../support/cloud-toml.ts';
import { ProviderServer } from '../support/provider-server.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { nano, startTestGateway, type TestGateway } from '../support/test-gateway.ts';
import {
  bytesOf,
  costOfFixture,
  QUESTIONS,
  ROUTES,
  USAGE_FIXTURES,
  usageOfFixture,
  type UsageFixture,
} from '../support/usage-fixtures.ts';

const KEYS = { OPENAI_API_KEY: 'sk-1', ANTHROPIC_API_KEY: 'sk-2', GEMINI_API_KEY: 'sk-3' };

const models = [...new Set(USAGE_FIXTURES.map(({ model }) => model))];

const provider = new ProviderServer({
  modelPaths: [
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/embeddings',
    '/v1/messages',
    '/v1/responses',
    '/v1beta/openai/chat/completions',
  ],
  answer: () => ({}),
  events: () => [],
  error: (_status, message) => ({ error: { message } }),
  other: () => ({
    data: models.map((id) => ({ id, object: 'model', type: 'model' })),
    models: models.map((name) => ({ name, model: name })),
    has_more: false,
  }),
  refuses: () => null,
});
let nexus: TestGateway;

/** The fixtures of one backend in the gateway: one type, and prices from one place. */
function backendOf({ backend, prices }: UsageFixture): string {
  return `${backend}-${prices.from}`;
}

/** The prices of a model in the file; fixtures of one model must agree. */
function pricesToml(fixtures: readonly UsageFixture[]): string {
  const byModel = new Map<string, Map<string, string>>();
  for (const { model, prices } of fixtures) {
    const known = byModel.get(model) ?? new Map<string, string>();
    byModel.set(model, known);
    for (const [key, price] of Object.entries(prices)) {
      if (key === 'from') continue;
      if ((known.get(key) ?? price) !== price) throw new Error(`two prices of ${model}: ${key}`);
      known.set(key, price);
    }
  }
  return [...byModel]
    .map(([model, prices]) => {
      const pairs = [...prices].map(([key, price]) => `${key} = "${price}"`);
      return `"${model}" = { ${pairs.join(', ')} }`;
    })
    .join('\n');
}

function backendToml([name, fixtures]: readonly [string, readonly UsageFixture[]]): string {
  const [first] = fixtures;
  if (first === undefined) return '';
  const served = [...new Set(fixtures.map(({ model }) => model))];
  return [
    '[[backends]]',
    `name = "${name}"`,
    `type = "${first.backend}"`,
    `url = "${provider.url}"`,
    `models = ${JSON.stringify(served)}`,
    ...(first.prices.from === 'file' ? ['[backends.prices]', pricesToml(fixtures)] : []),
    '',
  ].join('\n');
}

beforeAll(async () => {
  await provider.start();
  const backends = Map.groupBy(USAGE_FIXTURES, backendOf);
  const toml = [...backends].map(backendToml).join('\n');
  nexus = await startTestGateway(`${budgetToml(1_000_000)}${NO_PROBES}${toml}`, { env: KEYS });
});

afterAll(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
});

/** Tokens of a fixture in the words of the ledger's route. */
function ledgerUsage(fixture: UsageFixture): object {
  const usage = usageOfFixture(fixture);
  return {
    input_tokens: usage.input,
    cached_input_tokens: usage.cachedInput,
    cache_write_tokens: usage.cacheWrite,
    cache_write_1h_tokens: usage.cacheWrite1h,
    input_audio_tokens: usage.inputAudio,
    output_tokens: usage.output,
    reasoning_tokens: usage.reasoning,
    output_audio_tokens: usage.outputAudio,
  };
}

async function ask(fixture: UsageFixture): Promise<string> {
  const { api, model, stream, pieceBytes } = fixture;
  const isStream = stream !== undefined;
  const contentType = isStream ? 'text/event-stream' : 'application/json';
  const raw = { contentType, body: bytesOf(fixture) };
  provider.behave({ raw, ...(pieceBytes !== undefined && { pieceBytes }) });
  const route = ROUTES[api];
  const response = await nexus.post(route, { model, ...QUESTIONS[route], stream: isStream });
  expect([response.status, response.headers.get('x-nexus-backend')]).toEqual([
    200,
    backendOf(fixture),
  ]);
  return response.text();
}

describe('a call that was answered with the usage fixture', () => {
  it.each(USAGE_FIXTURES.map((fixture) => [fixture.name, fixture] as const))(
    '%s is charged to the nano-dollar',
    async (_name, fixture) => {
      const entries = await entriesMadeBy(nexus, () => ask(fixture));
      expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
      const [, charge] = entries;
      expect(charge).toMatchObject({
        model: fixture.model,
        basis: 'provider',
        usage: ledgerUsage(fixture),
      });
      expect(Number(nano(charge.settled_usd))).toBe(fixture.costNanoUsd);
      expect(costOfFixture(fixture)).toBe(fixture.costNanoUsd);
    },
  );
});
