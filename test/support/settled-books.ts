/** The end of every test that touches money: nothing is held, and the books agree with an audit made just now. */
import { expect } from '@jest/globals';
import { eventually } from './eventually.ts';
import { allEntries, expectBooksToBalance, type Json, type TestGateway } from './test-gateway.ts';

type Gateway = Pick<TestGateway, 'getJson' | 'metric' | 'post'>;

/** Waits until no hold is open. Fails when one stays. */
export async function untilNothingIsHeld({ getJson }: Pick<Gateway, 'getJson'>): Promise<void> {
  await eventually(async () => {
    expect(await getJson('/v1/budget')).toMatchObject({ held_usd: 0, open_holds: 0 });
  });
}

/**
 * Waits until no hold is open, lets a reconciliation fall due, and compares balances, entries and metrics. The clock of
 * the gateway moves on by a minute, so this comes last.
 */
export async function expectSettledBooks(nexus: Gateway): Promise<void> {
  await untilNothingIsHeld(nexus);
  const moved = await nexus.post('/admin/clock', { advance_seconds: 61 });
  expect(moved.status).toBe(200);
  await expectBooksToBalance(nexus);
}

/** Entries that a piece of work adds to the ledger, once it is done and nothing is held any more. */
export async function entriesMadeBy(
  nexus: Gateway,
  work: () => Promise<unknown>,
): Promise<readonly Json[]> {
  const before = await allEntries(nexus);
  await work();
  await untilNothingIsHeld(nexus);
  return (await allEntries(nexus)).slice(before.length);
}
