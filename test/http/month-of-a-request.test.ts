/** The first request after a month boundary turns the month itself, when the clock has jumped and no timer has seen it. */
import { afterEach, expect, it, jest } from '@jest/globals';
import { periodAt } from '../../src/core/billing-period.ts';
import { budgetToml, NO_PROBES } from '../support/cloud-toml.ts';
import {
  startTestGateway,
  TWO_BACKENDS,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const UTC = { billingCycleDay: 1, timezone: 'UTC' };

let nexus: TestGateway;
afterEach(async () => {
  jest.restoreAllMocks();
  await nexus.stop();
});

it('a request after a jump of the system clock is held and charged in the month of its instant', async () => {
  nexus = await startTestGateway(
    `[control]\nclock = "system"\n${NO_PROBES}${budgetToml(1)}${TWO_BACKENDS}`,
  );
  const before = periodAt(Date.now(), UTC);
  await (await nexus.chat('gpt-4-turbo', 'Hello')).arrayBuffer();
  const after = periodAt(before.endsAtMs, UTC);
  jest.spyOn(Date, 'now').mockReturnValue(after.startsAtMs + 60_000);

  const answer = await nexus.chat('gpt-4-turbo', 'Hello');

  await answer.arrayBuffer();
  const { data } = await nexus.getJson('/v1/ledger?limit=10');
  expect(
    data.map(({ kind, billing_month: month }: Json) => `${kind} ${month}`).toReversed(),
  ).toEqual([
    `hold ${before.month}`,
    `charge ${before.month}`,
    `hold ${after.month}`,
    `charge ${after.month}`,
  ]);
  expect((await nexus.getJson('/v1/stats')).budget.billing_month).toBe(after.month);
});
