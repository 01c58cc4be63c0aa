import { afterEach, describe, expect, it } from '@jest/globals';
import { createActorJournal } from '../../src/telemetry/actor-journal.ts';
import { eventually } from '../support/eventually.ts';
import { pageModule } from '../support/inspector-page.ts';
import {
  startTestGateway,
  TWO_BACKENDS,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';
import { aBudget, aSimulatedBackend, rehearse } from '../support/rehearsed-control-plane.ts';

const BUDGET = `
[routing.budget]
monthly_limit_usd = 0.01
soft_limit_percent = 50
hard_limit_action = "block_cloud"
`;
const { explain } = await pageModule('explain');

let gateway: TestGateway | null = null;

afterEach(async () => {
  await gateway?.stop();
  gateway = null;
});

interface OpenStream {
  readonly status: number;
  readonly type: string | null;
  /** The latest view so far. */
  readonly view: () => Json;
  readonly leave: () => void;
}

async function openStream(headers: Record<string, string> = {}): Promise<OpenStream> {
  const abort = new AbortController();
  const response = await fetch(`${gateway?.url}/inspector/events`, {
    headers,
    signal: abort.signal,
  });
  let latest: Json = null;
  const read = async (): Promise<void> => {
    let rest = '';
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const frames = (rest + piece).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) latest = JSON.parse(frame.slice(frame.indexOf('{')));
    }
  };
  read().catch(() => undefined);
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    view: () => latest,
    leave: () => abort.abort(),
  };
}

describe('the live view of a gateway', () => {
  it('shows where every actor stands, and then what they do', async () => {
    gateway = await startTestGateway(BUDGET + TWO_BACKENDS);
    const stream = await openStream();
    expect([stream.status, stream.type]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await eventually(() => expect(stream.view()).not.toBeNull());
    expect(stream.view()).toMatchObject({
      posture: 'open',
      budget: { status: 'Normal', limit: 10_000_000 },
      cycle: { billingCycleDay: 1, timezone: 'UTC' },
      period: { month: '2026-11' },
      records: [],
      answers: [],
    });
    expect(stream.view().actors.map(({ id }: Json) => id)).toContain('health.cloud');

    for (let i = 0; i < 14; i += 1) await gateway.chat('gpt-4-turbo', 'hello', { max_tokens: 20 });
    await eventually(() => expect(stream.view().budget.status).not.toBe('Normal'));
    const crossing = stream
      .view()
      .records.find(({ actor, isOfNote }: Json) => actor === 'budget-reconciler' && isOfNote);
    expect(crossing).toMatchObject({
      event: { type: 'totals.changed' },
      from: 'normal',
      to: 'softLimit',
      steps: [{ guard: 'spending is at or above the soft limit' }],
      announced: ['soft limit reached'],
    });
    expect(stream.view().answers[0]).toMatchObject({ model: 'gpt-4-turbo', status: 200 });
    expect(explain(stream.view()).verdict).toContain('Local backends go first');
    stream.leave();
  });

  it('holds no key, no prompt and no answer', async () => {
    gateway = await startTestGateway(
      `
[server]
port = 0
api_key_env = "GATE_KEY"
${BUDGET}${TWO_BACKENDS}`,
      { env: { GATE_KEY: 'sesame-of-the-gate' } },
    );
    const key = { authorization: 'Bearer sesame-of-the-gate' };
    expect((await openStream()).status).toBe(401);
    expect((await openStream({ authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await gateway.get('/inspector')).status).toBe(200);
    const stream = await openStream(key);
    const answer = await gateway.chat('gpt-4-turbo', 'a secret of mine', { max_tokens: 20 }, key);
    const { choices } = (await answer.json()) as Json;
    await eventually(() => expect(stream.view().answers).toHaveLength(1));
    const text = JSON.stringify(stream.view());
    expect(text).not.toContain('sesame');
    expect(text).not.toContain('a secret of mine');
    expect(text).not.toContain(choices[0].message.content);
    stream.leave();
  });

  it('is not there where the inspector is switched off', async () => {
    gateway = await startTestGateway(`
[control]
clock = "injected"
inspector = false
${BUDGET}${TWO_BACKENDS}`);
    for (const route of ['/inspector', '/inspector/events', '/inspector/setup'])
      expect((await gateway.get(route)).status).toBe(404);
    expect(gateway.gateway.summary.join('\n')).not.toContain('/inspector');
  });

  it('ends with the gateway', async () => {
    gateway = await startTestGateway(BUDGET + TWO_BACKENDS);
    await openStream();
    const startedMs = performance.now();
    await gateway.stop();
    gateway = null;
    expect(performance.now() - startedMs).toBeLessThan(15_000);
  });
});

describe('the journal behind it', () => {
  it('writes nothing while nobody looks, and forgets when the last one leaves', async () => {
    const journal = createActorJournal(() => 0);
    const { plane, spend } = rehearse('2026-11-10T12:00:00Z', {
      budget: aBudget(),
      backends: [aSimulatedBackend('local')],
      inspect: journal.inspect,
    });
    await plane.probeAll();
    spend(800);
    expect(journal.records()).toEqual([]);
    expect(journal.actors()).toHaveLength(5);
    let told = 0;
    const leave = [journal.subscribe(() => (told += 1)), journal.subscribe(() => undefined)];
    spend(1000);
    expect(told).toBeGreaterThan(0);
    expect(journal.records().map(({ actor, from, to }) => [actor, from, to])).toEqual([
      ['budget-reconciler', 'softLimit', 'hardLimit'],
      ['scheduler-reconciler', 'preferLocal', 'localOnly'],
    ]);
    for (const each of leave) each();
    expect(journal.records()).toEqual([]);
    await plane.stop();
  });

  it('gathers what led to nothing new, and keeps what did, within bounds', async () => {
    const journal = createActorJournal(() => 0);
    const { plane, spend, clock, books } = rehearse('2026-11-10T12:00:00Z', {
      budget: aBudget(),
      inspect: journal.inspect,
    });
    journal.subscribe(() => undefined);
    spend(800);
    for (let settled = 801; settled < 900; settled += 1) {
      spend(settled);
      clock.advance(150);
    }
    const records = journal.records();
    expect(records.filter(({ isOfNote }) => isOfNote)).toHaveLength(2);
    expect(
      records.find(({ event, isOfNote }) => event.type === 'totals.changed' && !isOfNote),
    ).toMatchObject({
      count: 99,
      event: { settledNano: 899 },
    });
    for (let i = 0; i < 500; i += 1) {
      books.totals = { ...books.totals, settled: 0 };
      spend(i % 2 === 0 ? 800 : 100);
    }
    expect(journal.records().length).toBeLessThanOrEqual(150);
    const order = journal.records().map(({ seq }) => seq);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    await plane.stop();
  });
});
