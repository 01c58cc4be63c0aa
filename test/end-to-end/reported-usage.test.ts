/** Usage as providers report it, or do not: believed where it can be, counted where it can not. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { costNano } from '../support/cloud-toml.ts';
import { usageDocument } from '../support/hand-provider.ts';
import {
  CHARGE,
  holdOf,
  Providers,
  startRanked,
  story,
  USAGE,
  type RankedGateway,
} from '../support/ranked-gateway.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { nano } from '../support/test-gateway.ts';

let nexus: RankedGateway;
const providers = new Providers();

afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await providers.close();
});

describe('usage', () => {
  it.each([true, false])('that is missing is counted (stream: %s)', async (stream) => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const { input } = await nexus.counted();
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream });
      const call = await first.call();
      if (stream) call.say('one', ' two', ' three').finish().done().end();
      else call.json('one two three', null);
      expect((await answer).status).toBe(200);
      await (await answer).text();
    });
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'metered' });
    expect(nano(entries[1].settled_usd)).toBe(costNano(input, 3));
  });

  it.each([true, false])('of zero is believed (stream: %s)', async (stream) => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream });
      const call = await first.call();
      if (stream) call.say('one').finish().usage({ input: 0, output: 0 }).done().end();
      else call.json('one', usageDocument({ input: 0, output: 0 }));
      await (await answer).text();
    });
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'provider', settled_usd: '0' });
  });

  it.each([
    ['negative', { prompt_tokens: -5, completion_tokens: -5 }],
    ['a string', { prompt_tokens: '12', completion_tokens: '5' }],
    ['a fraction', { prompt_tokens: 1.5, completion_tokens: 0.5 }],
    ['absurdly large', { prompt_tokens: 9e15, completion_tokens: 9e15 }],
    ['half there', { completion_tokens: 5 }],
    ['no object', 'twelve'],
    ['an empty object', {}],
    ['an array', [12, 5]],
  ])('that is %s is counted instead', async (_name, usage) => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const { input } = await nexus.counted();
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask();
      (await first.call()).json('one two three', usage);
      expect((await answer).status).toBe(200);
      expect(await (await answer).json()).toMatchObject({ usage });
    });
    expect(entries[1].basis).toBe('metered');
    expect(nano(entries[1].settled_usd)).toBe(costNano(input, 3));
  });

  it('that comes after [DONE] is still charged', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream: true });
      const call = await first.call();
      call.say('one').finish().done().usage(USAGE).end();
      await (await answer).text();
    });
    expect(entries[1].basis).toBe('provider');
    expect(nano(entries[1].settled_usd)).toBe(CHARGE);
  });

  it('that is repeated is charged once, by the last figure', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream: true });
      const call = await first.call();
      for (const output of [1, 2, 3, 4, 5]) call.say('x').usage({ input: 12, output });
      call.finish().done().end();
      await (await answer).text();
    });
    expect(story(entries)).toEqual(['a hold', 'a charge']);
    expect(nano(entries[1].settled_usd)).toBe(CHARGE);
  });

  it('above the hold is charged in full, counted as excess, and closes the budget', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first], { limitUsd: '0.01' });
    const usage = { input: 2000, output: 500 };
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask();
      (await first.call()).json('one', usageDocument(usage));
      expect((await answer).status).toBe(200);
      await (await answer).text();
    });
    const charge = costNano(usage.input, usage.output);
    const excess = charge - holdOf(entries, 'a');
    expect(nano(entries[1].settled_usd)).toBe(charge);
    expect(nano(entries[1].excess_usd)).toBe(excess);
    expect(await nexus.metric('nexus_budget_excess_usd_total')).toBeCloseTo(
      Number(excess) / 1e9,
      12,
    );
    expect(await nexus.metric('nexus_budget_spending_usd')).toBeCloseTo(Number(charge) / 1e9, 12);
    const messages = (await nexus.logLines()).map(({ message }) => message);
    expect(messages).toContain('the provider billed more than was held');
    const { budget } = await nexus.getJson('/v1/stats');
    expect(budget).toMatchObject({ status: 'HardLimit', remaining_usd: 0 });
    const refused = await nexus.ask();
    expect(refused.status).toBe(503);
    expect(refused.headers.get('x-nexus-budget-remaining')).toBe('0.00');
    expect(first.calls).toHaveLength(1);
  });
});
