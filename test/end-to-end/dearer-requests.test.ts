/**
 * Requests that can cost more than their tokens at the list: the provider's own tools, and a faster service. The hold
 * has all of it before the request is sent, and what the provider then bills stays within it.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { budgetToml, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { nano, startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

let provider: ProviderServer;
let nexus: TestGateway;

beforeAll(async () => {
  provider = await startOpenAiServer({ models: ['gpt-5'] });
  nexus = await startTestGateway(
    `${budgetToml(100)}${NO_PROBES}
[[backends]]
name = "cloud"
type = "openai"
url = "${provider.url}"
models = ["gpt-5"]
[backends.prices]
"*" = { input = 1, output = 4, web_search = 0.005, search_source = 0.025, max_output_tokens = 100 }
`,
    { env: KEYS },
  );
});

afterAll(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
});

const PLAIN_USAGE = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 };

/** Hold and charge of a request that the provider answers with this document's usage. */
async function booked(more: object, answer: object): Promise<{ hold: bigint; charge: Json }> {
  const choices = [
    { index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' },
  ];
  const body = JSON.stringify({ object: 'chat.completion', model: 'gpt-5', choices, ...answer });
  provider.next({ raw: { contentType: 'application/json', body } });
  const entries = await entriesMadeBy(nexus, async () => {
    const response = await nexus.chat('gpt-5', 'Hello', { max_completion_tokens: 50, ...more });
    expect([response.status, await response.text()]).toEqual([200, body]);
  });
  expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
  const [hold, charge] = entries;
  expect(charge).toMatchObject({ basis: 'provider', excess_usd: '0' });
  return { hold: nano(hold.held_usd), charge };
}

describe('a request', () => {
  it('with tools of the provider holds their fees and the input that they add', async () => {
    const plain = await booked({}, { usage: PLAIN_USAGE });
    const tools = [{ type: 'web_search', max_uses: 2 }];
    const usage = {
      prompt_tokens: 15_000,
      completion_tokens: 5,
      total_tokens: 15_005,
      server_side_tool_usage_details: { web_search_calls: 2 },
    };
    const searching = await booked({ tools }, { usage });
    // Two fees and, at a dollar for a million, two pages of results, one of which is read twice.
    expect(searching.hold - plain.hold).toBeGreaterThanOrEqual(10_000_000n + 3n * 12_000n * 1000n);
    expect(nano(searching.charge.settled_usd)).toBe(15_000n * 1000n + 5n * 4000n + 10_000_000n);
  });

  it('with a live search holds the sources that it may read', async () => {
    const { hold, charge } = await booked(
      { search_parameters: { mode: 'on', max_search_results: 4 } },
      { usage: { ...PLAIN_USAGE, num_sources_used: 3 } },
    );
    expect(hold).toBeGreaterThanOrEqual(100_000_000n);
    expect(nano(charge.settled_usd)).toBe(7n * 1000n + 5n * 4000n + 75_000_000n);
  });

  it.each(['priority', 'fast'])(
    'for a faster service (%s) holds and pays its multiple',
    async (tier) => {
      const plain = await booked({}, { usage: PLAIN_USAGE });
      const { hold, charge } = await booked(
        { service_tier: tier },
        { usage: PLAIN_USAGE, service_tier: 'priority' },
      );
      expect(hold).toBe(2n * plain.hold);
      expect(nano(charge.settled_usd)).toBe(2n * nano(plain.charge.settled_usd));
    },
  );

  it('for a faster service that got none pays the list', async () => {
    const { charge } = await booked(
      { service_tier: 'priority' },
      { usage: PLAIN_USAGE, service_tier: 'default' },
    );
    expect(nano(charge.settled_usd)).toBe(7n * 1000n + 5n * 4000n);
  });

  it.each(['scale', 'ultrafast'])(
    'for a service without a published price (%s) is refused',
    async (tier) => {
      const entries = await entriesMadeBy(nexus, async () => {
        const response = await nexus.chat('gpt-5', 'Hello', { service_tier: tier });
        expect([response.status, await response.json()]).toMatchObject([
          400,
          { error: { code: 'invalid_request_error', param: 'service_tier' } },
        ]);
      });
      expect(entries).toEqual([]);
    },
  );
});
