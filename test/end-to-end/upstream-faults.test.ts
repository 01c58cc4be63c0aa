/**
 * Backends that do not answer, or answer with an error: the next one serves. What was certainly not billed is given
 * back, and what nobody knows goes on counting as spending.
 */
import { afterEach, describe, expect, it } from '@jest/globals';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { eventually } from '../support/eventually.ts';
import { usageDocument } from '../support/hand-provider.ts';
import {
  CHARGE,
  holdOf,
  MODEL,
  NAMES,
  Providers,
  startRanked,
  story,
  USAGE,
  type RankedGateway,
} from '../support/ranked-gateway.ts';
import { entriesMadeBy, expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import { allEntries, nano, type Json } from '../support/test-gateway.ts';

let nexus: RankedGateway;
const providers = new Providers();

afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await providers.close();
});

describe('a backend that does not answer', () => {
  it('costs nothing when it refuses the connection, and the next one serves', async () => {
    const [first, second] = await providers.servers();
    nexus = await startRanked([first, second]);
    await first.close();
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = await nexus.ask();
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-nexus-backend')).toBe('b');
      expect(answer.headers.get('x-nexus-route-reason')).toBe('failover');
    });
    expect(story(entries)).toEqual(['a hold', 'a void', 'b hold', 'b charge']);
    expect(entries[1].note).toBe('never sent: connect');
    expect(nano(entries[3].settled_usd)).toBe(CHARGE);
    expect(entries.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 2]);
    expect(new Set(entries.map(({ request_id }) => request_id)).size).toBe(1);
  });

  it('leaves its hold in suspense when it resets before the headers', async () => {
    const [first, second] = await providers.servers();
    nexus = await startRanked([first, second]);
    first.next({ dies: 'beforeHeaders' });
    const entries = await entriesMadeBy(nexus, async () =>
      expect((await nexus.ask()).status).toBe(200),
    );
    expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b charge']);
    const hold = holdOf(entries, 'a');
    expect(nano(entries[1].suspense_usd)).toBe(hold);
    const budget = await nexus.getJson('/v1/budget');
    expect(nano(budget.suspense_usd_exact)).toBe(hold);
    expect(nano(budget.spent_usd_exact)).toBe(hold + CHARGE);
    expect(await nexus.metric('nexus_budget_suspense_usd')).toBeCloseTo(Number(hold) / 1e9, 12);
  });

  it.each([true, false])(
    'is failed over when it resets after the headers (stream: %s)',
    async (stream) => {
      const [first, second] = await providers.hands();
      nexus = await startRanked([first, second]);
      const entries = await entriesMadeBy(nexus, async () => {
        const answer = nexus.ask({ stream });
        const broken = await first.call();
        broken.head();
        // The headers have arrived when the gateway has judged the attempt by them.
        await eventually(async () =>
          expect(await nexus.metric('nexus_attempts_total{backend="a",outcome="ok"}')).toBe(1),
        );
        broken.reset();
        const call = await second.call();
        if (stream) call.say('Hi').finish().usage(USAGE).done().end();
        else call.json('Hi', usageDocument(USAGE));
        expect((await answer).status).toBe(200);
        expect((await answer).headers.get('x-nexus-backend')).toBe('b');
        await (await answer).text();
      });
      expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b charge']);
      expect(nano(entries[3].settled_usd)).toBe(CHARGE);
    },
  );

  it('is given up after the request timeout; its hold stays in suspense and the next one serves', async () => {
    const [first, second] = await providers.hands();
    nexus = await startRanked([first, second], { timeoutSeconds: 0.2 });
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask();
      const slow = await first.call();
      (await second.call()).json('Hi', usageDocument(USAGE));
      expect((await answer).status).toBe(200);
      expect(await slow.hungUp).toBe(true);
    });
    expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b charge']);
    expect(entries[1].note).toBe('timeout');
  });

  it('is a 504 when every one of them times out, each tried once, every hold in suspense', async () => {
    const ranked = (await providers.hands()).slice(0, 2);
    nexus = await startRanked(ranked, { timeoutSeconds: 0.2 });
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = await nexus.ask();
      expect(answer.status).toBe(504);
      const { error, context } = (await answer.json()) as Json;
      expect(error).toMatchObject({ code: 'backend_timeout', type: 'server_error' });
      expect(context.attempts.map(({ backend }: Json) => backend)).toEqual(['a', 'b']);
    });
    expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b suspend']);
    expect(ranked.map(({ calls }) => calls.length)).toEqual([1, 1]);
  });

  it('uses up the budget by time-outs, since each may have been billed', async () => {
    const [provider] = await providers.hands();
    nexus = await startRanked([provider], { timeoutSeconds: 0.2 });
    const { hold } = await nexus.counted();
    await nexus.stop();
    const limit = `0.00${(hold * 2n).toString().padStart(7, '0')}`;
    nexus = await startRanked([provider], { timeoutSeconds: 0.2, limitUsd: limit });
    expect((await nexus.ask()).status).toBe(504);
    expect((await nexus.ask()).status).toBe(504);
    const refused = await nexus.ask();
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'budget_exhausted' } });
    expect(provider.calls).toHaveLength(2);
    expect((await nexus.getJson('/v1/stats')).budget).toMatchObject({
      status: 'HardLimit',
      utilization_percent: 100,
    });
  });
});

describe('a backend that answers with an error', () => {
  it.each([500, 502, 503, 429, 408])(
    '%i is not billed, and the next one serves',
    async (status) => {
      const [first, second] = await providers.servers();
      nexus = await startRanked([first, second]);
      first.next({ status });
      const entries = await entriesMadeBy(nexus, async () => {
        const answer = await nexus.ask();
        expect(answer.status).toBe(200);
        expect(answer.headers.get('x-nexus-backend')).toBe('b');
      });
      expect(story(entries)).toEqual(['a hold', 'a void', 'b hold', 'b charge']);
      expect((await nexus.getJson('/v1/budget')).suspense_usd).toBe(0);
    },
  );

  it.each([504, 524])(
    '%i says that somebody in between gave up waiting: in suspense, and the next one serves',
    async (status) => {
      const [first, second] = await providers.servers();
      nexus = await startRanked([first, second]);
      first.next({ status });
      const entries = await entriesMadeBy(nexus, async () =>
        expect((await nexus.ask()).headers.get('x-nexus-backend')).toBe('b'),
      );
      expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b charge']);
    },
  );

  it.each([400, 401, 403, 404, 413, 422])(
    '%i is passed through with its status and body, and nobody else is asked',
    async (status) => {
      const [first, second] = await providers.servers();
      nexus = await startRanked([first, second]);
      first.next({ status, errorMessage: `reason of ${status}` });
      const entries = await entriesMadeBy(nexus, async () => {
        const answer = await nexus.ask();
        expect(answer.status).toBe(status);
        expect(answer.headers.get('x-nexus-backend')).toBe('a');
        expect(await answer.json()).toMatchObject({ error: { message: `reason of ${status}` } });
      });
      expect(story(entries)).toEqual(['a hold', 'a void']);
      expect(second.calls).toHaveLength(0);
    },
  );

  it('passes a 429 through with Retry-After when nobody does better', async () => {
    const ranked = (await providers.servers()).slice(0, 2);
    nexus = await startRanked(ranked);
    const busy = {
      status: 429,
      errorMessage: 'slow down',
      headers: { 'retry-after': '7', 'x-ratelimit-remaining-requests': '0' },
    };
    for (const provider of ranked) provider.next(busy);
    const answer = await nexus.ask();
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(answer.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(answer.headers.get('x-nexus-backend')).toBe('b');
    expect(await answer.json()).toMatchObject({
      error: { message: 'slow down', code: 'rate_limit_exceeded' },
    });
    expect(ranked.map(({ calls }) => calls.length)).toEqual([1, 1]);
  });

  it('is a 502 with every attempt and its reason when the last one is not a client error', async () => {
    const [first, second, third] = await providers.servers();
    nexus = await startRanked([first, second, third]);
    first.next({ status: 429 });
    await second.close();
    third.next({ status: 503 });
    const answer = await nexus.ask();
    expect(answer.status).toBe(502);
    expect(answer.headers.get('x-nexus-budget-status')).toBe('Normal');
    const { error, context } = (await answer.json()) as Json;
    expect(error).toMatchObject({ code: 'backend_error', type: 'server_error', param: null });
    expect(error.message).toMatch(/^No backend answered\. .*Send the request again/);
    expect(context.attempts).toEqual([
      { backend: 'a', reason: 'answered 429' },
      { backend: 'b', reason: expect.stringContaining('connection refused') },
      { backend: 'c', reason: 'answered 503' },
    ]);
  });

  it.each([
    [0, ['a']],
    [1, ['a', 'b']],
    [2, ['a', 'b', 'c']],
    [9, ['a', 'b', 'c', 'd']],
  ])('tries each candidate once, in order, with max_retries = %i', async (maxRetries, expected) => {
    const ranked = await providers.servers();
    nexus = await startRanked(ranked, { maxRetries });
    for (const provider of ranked) provider.behave({ status: 500 });
    const entries = await entriesMadeBy(nexus, async () =>
      expect((await nexus.ask()).status).toBe(502),
    );
    expect(story(entries)).toEqual(expected.flatMap((name) => [`${name} hold`, `${name} void`]));
    expect(ranked.map(({ calls }) => calls.length)).toEqual(
      NAMES.map((name) => (expected.includes(name) ? 1 : 0)),
    );
  });

  it('asks an Anthropic backend too, and says its refusal in the words of OpenAI', async () => {
    const anthropic = await providers.keep(startAnthropicServer({ models: [MODEL] }));
    const [second] = await providers.servers();
    nexus = await startRanked([{ url: anthropic.url, type: 'anthropic' }, second]);
    anthropic.next({ status: 529 }, { status: 400, errorMessage: 'no such thing' });
    expect((await nexus.ask()).headers.get('x-nexus-backend')).toBe('b');
    const refused = await nexus.ask();
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { message: 'no such thing', type: 'invalid_request_error' },
    });
  });
});

it('holds each attempt on its own, and never more than one of a request at a time', async () => {
  const [first, second] = await providers.hands();
  nexus = await startRanked([first, second]);
  const { hold } = await nexus.counted();
  const held = async (): Promise<bigint> =>
    nano((await nexus.getJson('/v1/budget')).held_usd_exact);
  const answer = nexus.ask();
  const broken = await first.call();
  expect(await held()).toBe(hold);
  broken.answer(500, { error: { message: 'no' } });
  const call = await second.call();
  expect(await held()).toBe(hold);
  call.json('Hi', usageDocument(USAGE));
  await (await answer).text();
  await untilNothingIsHeld(nexus);
  expect(story(await allEntries(nexus))).toEqual(['a hold', 'a void', 'b hold', 'b charge']);
});
