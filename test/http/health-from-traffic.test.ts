/** What live traffic says of a backend's health: its own refusals say nothing, its failures do. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, KEYS } from '../support/cloud-toml.ts';
import { startHandProvider, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import { startTestGateway, type TestGateway } from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';

let provider: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  provider = await startHandProvider([MODEL]);
  nexus = await startTestGateway(
    '[health_check]\ninterval_seconds = 86400\nfailure_threshold = 1\n' +
      budgetToml(1) +
      backendToml({ name: 'cloud', url: provider.url }),
    { env: KEYS },
  );
});
afterEach(async () => {
  await nexus.stop();
  await provider.close();
});

/** Status for the client of an attempt that the backend answers with an error; then the backend's health. */
async function answered(status: number): Promise<readonly [number, string]> {
  const asking = nexus.chat(MODEL, 'Hello', { max_tokens: 20 });
  (await provider.call()).answer(status, { error: { message: 'no' } });
  const answer = await asking;
  await answer.arrayBuffer();
  return [answer.status, (await nexus.getJson('/v1/stats')).backends[0].status];
}

describe('a backend that is healthy', () => {
  it.each([400, 404, 408, 429])('stays so when it answers %i', async (status) => {
    expect(await answered(status)).toEqual([status, 'healthy']);
    expect(await nexus.metric('nexus_attempts_total{backend="cloud",outcome="refused"}')).toBe(1);
    await expectSettledBooks(nexus);
  });

  it.each([500, 503, 529])('is not any more when it answers %i', async (status) => {
    expect(await answered(status)).toEqual([502, 'unhealthy']);
    expect(await nexus.metric('nexus_attempts_total{backend="cloud",outcome="failed"}')).toBe(1);
    await expectSettledBooks(nexus);
  });
});
