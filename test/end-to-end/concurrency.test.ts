/** A thousand requests at once against a budget that pays for a hundred: exactly what fits is spent, to the nano-dollar. */
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  allEntries,
  expectBooksToBalance,
  nano,
  startTestGateway,
  TWO_BACKENDS,
  type TestGateway,
} from '../support/test-gateway.ts';

const REQUESTS = 1000;
const AFFORDABLE = 100;
const BODY = {
  model: 'gpt-4-turbo',
  messages: [{ role: 'user', content: 'Hello' }],
  max_tokens: 20,
};

let nexus: TestGateway;
afterEach(() => nexus.stop());

/** The worst case of the body in nano-dollars, as the gateway itself says it. */
async function holdOf(toml: string): Promise<bigint> {
  nexus = await startTestGateway(toml);
  const estimate = await (await nexus.post('/v1/estimate', BODY)).json();
  await nexus.stop();
  return nano((estimate as { worst_case_cost_usd_exact: string }).worst_case_cost_usd_exact);
}

function usd(amount: bigint): string {
  return `${amount / 1_000_000_000n}.${(amount % 1_000_000_000n).toString().padStart(9, '0')}`;
}

function budget(limit: bigint, action: string): string {
  return `[routing.budget]\nmonthly_limit_usd = ${usd(limit)}\nsoft_limit_percent = 100\nhard_limit_action = "${action}"\n`;
}

const CLOUD_ONLY = TWO_BACKENDS.slice(0, TWO_BACKENDS.indexOf('[[backends]]\nname = "local"'));

describe.each(['block_cloud', 'block_all'])('with %s', (action) => {
  it(`spends exactly ${AFFORDABLE} of ${REQUESTS} concurrent requests and refuses the rest`, async () => {
    const hold = await holdOf(CLOUD_ONLY + budget(1_000_000_000n, action));
    nexus = await startTestGateway(CLOUD_ONLY + budget(hold * BigInt(AFFORDABLE), action));
    const outcomes = await Promise.all(
      Array.from({ length: REQUESTS }, async (_, index) => {
        // Half of them stream: the rule is the same.
        const answer = await nexus.post('/v1/chat/completions', {
          ...BODY,
          stream: index % 2 === 0,
        });
        const text = await answer.text();
        return answer.status === 200 ? 'served' : String(JSON.parse(text).error.code);
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'served')).toHaveLength(AFFORDABLE);
    const refused = outcomes.filter((outcome) => /^budget_(exhausted|reserved)$/.test(outcome));
    expect(refused).toHaveLength(REQUESTS - AFFORDABLE);
    const spent = (await allEntries(nexus)).reduce(
      (sum: bigint, entry) => sum + nano(entry.settled_usd),
      0n,
    );
    expect(spent).toBe(hold * BigInt(AFFORDABLE));
    await expectBooksToBalance(nexus);
  });
});

it('refuses nothing with warn, and warns once', async () => {
  nexus = await startTestGateway(CLOUD_ONLY + budget(1_000_000n, 'warn'));
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => nexus.post('/v1/chat/completions', BODY)),
  );
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  expect((await nexus.getJson('/v1/stats')).budget).toMatchObject({
    status: 'HardLimit',
    held_usd: 0,
  });
  const warnings = (await nexus.logLines()).filter(
    ({ message }) => message === 'BudgetReconciler: hard limit reached, action Warn',
  );
  expect(warnings).toHaveLength(1);
  await expectBooksToBalance(nexus);
});
