/** A worker's line and its desk at the primary, over a real ledger: what is promised, and what a death leaves behind. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../src/core/errors.ts';
import type { RequestEnded } from '../../src/core/facts.ts';
import type { Hold } from '../../src/core/ledger.ts';
import type { RequestHead } from '../../src/core/request.ts';
import type { InputSample } from '../../src/core/tokens.ts';
import { Desk } from '../../src/fleet/desk.ts';
import { Line } from '../../src/fleet/line.ts';
import type { Answer, Up } from '../../src/fleet/messages.ts';
import {
  remoteAdmission,
  remoteCalibration,
  remoteLedger,
  remoteLog,
} from '../../src/fleet/remote-ports.ts';
import type { AdmissionHere, AdmittedHere } from '../../src/http/admission.ts';
import type { StartedAttempt } from '../../src/http/call-context.ts';
import { LoadBook } from '../../src/http/load-book.ts';
import { MemoryStore } from '../../src/ledger/memory-store.ts';
import { aRequestEnded } from '../support/facts.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { charge, testLedger } from '../support/test-ledger.ts';

const AMOUNT = 500;
const MOST = 3;

function head(id: string): RequestHead {
  return {
    id,
    route: 'chat',
    model: 'gpt-4-turbo',
    stream: false,
    wantsUsageChunk: false,
    maxOutputTokens: 20,
    maxOutputField: 'max_tokens',
    choices: 1,
    features: { vision: false, tools: false, jsonMode: false },
    strict: false,
    receivedAtMs: 0,
  };
}

function startedWith(hold: Hold): StartedAttempt {
  const { backend, model, amount } = hold;
  const rates = { input: 1, cachedInput: 1, cacheWrite: 1, cacheWrite1h: 1, inputAudio: 1 };
  const tier = { ...rates, aboveInputTokens: 0, output: 1, reasoning: 1, outputAudio: 1 };
  return {
    hold,
    reason: 'capability-match',
    plan: {
      kind: 'fits',
      candidate: {
        backend,
        kind: 'cloud',
        model,
        isFallback: false,
        reason: 'capability-match',
        maxCostPerRequest: null,
      },
      price: {
        model,
        source: 'config',
        version: 'file',
        tiers: [tier],
        perRequest: 0,
        maxOutputTokens: 20,
        maxOutputKnown: true,
      },
      count: { tokens: 1, bound: 1, tier: 'exact' },
      hold: amount,
      estimate: amount,
      maxOutputTokens: null,
      isLowered: false,
    },
  };
}

/** What was sent between processes is JSON. */
function sent<Message>(message: Message): Message {
  return JSON.parse(JSON.stringify(message)) as Message;
}

let store: FaultyStore;
let books: ReturnType<typeof testLedger>;
let load: LoadBook;
let ended: RequestEnded[];
let learned: InputSample[];
let admission: AdmissionHere;
let desk: Desk;
let line: Line;

beforeEach(() => {
  store = new FaultyStore(new MemoryStore());
  books = testLedger(store);
  load = new LoadBook();
  ended = [];
  learned = [];
  const { ledger, clock, log, hold } = books;
  const admit = (requestId: string, attempt: number): AdmittedHere => ({
    started: startedWith(hold(AMOUNT, { requestId, attempt })),
    durable: ledger.committed(),
    next: (attempts) => (attempts < 2 ? admit(requestId, attempts + 1) : null),
  });
  admission = ({ request }) => admit(request.id, 1);
  const standing = () => ({ budget: null, totals: ledger.totals() });
  line = new Line(standing(), (message: Up) => {
    if (message.kind === 'items') desk.take(sent(message).items);
  });
  desk = new Desk({
    worker: 1,
    clock,
    admission: (call) => admission(call),
    ledger,
    load,
    maxConcurrentRequests: MOST,
    facts: {
      tokensCounted: () => undefined,
      attemptEnded: () => undefined,
      requestEnded: (fact) => ended.push(fact),
    },
    calibration: { learn: (sample) => learned.push(sample) },
    log,
    answer: (answer: Answer) => line.heard([sent(answer)], standing()),
  });
});

function ask(id: string): ReturnType<ReturnType<typeof remoteAdmission>> {
  const asked = remoteAdmission(line)({ request: head(id), counts: new Map() });
  line.flush();
  return asked;
}

/** Asks, and lets the ledger store what it holds. */
async function admitted(id: string): Promise<StartedAttempt> {
  const asked = ask(id);
  books.endTurn();
  return (await asked).started;
}

describe('a worker that asks', () => {
  it('may send when the hold is in the store, and not before', async () => {
    let mayBeSent = false;
    const asked = Promise.resolve(ask('one')).then((answer) => {
      mayBeSent = true;
      return answer;
    });
    await new Promise(setImmediate);
    expect(mayBeSent).toBe(false);

    books.endTurn();
    const { started, durable } = await asked;
    expect(store.stored.at(-1)?.entries).toMatchObject([{ holdId: started.hold.id, kind: 'hold' }]);
    expect(durable).toBeNull();
    expect(line.standing.totals.held).toBe(AMOUNT);
    expect([load.active, load.pending('openai')]).toEqual([1, 1]);

    const remote = remoteLedger(line);
    remote.settle(started.hold.id, charge(300));
    await remote.caughtUp?.();
    expect(remote.totals()).toMatchObject({ settled: 300, held: 0 });
    expect(books.ledger.totals()).toMatchObject({ settled: 300, held: 0 });
    expect(load.pending('openai')).toBe(0);
  });

  it('gets the next candidate of the same request, and null after the last', async () => {
    const asked = ask('one');
    books.endTurn();
    const first = await asked;
    const again = first.next(1);
    line.flush();
    books.endTurn();
    const second = await again;
    expect(second?.started.hold).toMatchObject({ requestId: 'one', attempt: 2 });
    const last = second?.next(2);
    line.flush();
    expect(await last).toBeNull();
  });

  it('is refused with the words of the primary', async () => {
    admission = () => {
      throw new GatewayError('budget_reserved', 'Later.', {
        retryAfterSeconds: 1,
        context: { needed_usd: '1' },
      });
    };
    const error: unknown = await Promise.resolve(ask('one')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({
      code: 'budget_reserved',
      message: 'Later.',
      retryAfterSeconds: 1,
      context: { needed_usd: '1' },
    });
  });

  it('reports a fault of the primary as one of the gateway, with its place', async () => {
    admission = () => {
      throw new TypeError('a bug', { cause: new Error('deeper') });
    };
    await expect(Promise.resolve(ask('one'))).rejects.toMatchObject({
      name: 'TypeError',
      message: 'a bug',
      stack: expect.stringContaining('desk.test.ts'),
      cause: { message: 'deeper' },
    });
  });

  it('is refused when the whole fleet is full, until a request has ended', async () => {
    for (let others = 1; others < MOST; others += 1) load.enter();
    const { hold } = await admitted('one');
    await expect(Promise.resolve(ask('two'))).rejects.toMatchObject({ code: 'overloaded' });
    remoteLedger(line).release(hold.id, 'refused');
    line.tell({ is: 'requestEnded', fact: aRequestEnded({ id: 'one' }) });
    await expect(admitted('three')).resolves.toBeDefined();
  });

  it('may not send what the ledger can not store', async () => {
    store.fault = 'append';
    const asked = ask('one');
    books.endTurn();
    await expect((await asked).durable).rejects.toThrow('The ledger can not store entries');
    expect(books.ledger.totals()).toMatchObject({ held: 0, suspense: 0 });
    expect(load.pending('openai')).toBe(0);
  });
});

describe('a worker that dies', () => {
  it('leaves in suspense what it was told to send, and nothing else', async () => {
    const done = await admitted('done');
    remoteLedger(line).settle(done.hold.id, charge(100));
    await admitted('sent');
    void Promise.resolve(ask('not yet durable')).catch(() => undefined);
    expect(desk.open).toEqual({ requests: 3, holds: 2 });

    desk.abandon();
    books.endTurn();
    expect(books.ledger.totals()).toMatchObject({ settled: 100, suspense: AMOUNT, held: 0 });
    expect([load.active, load.pending('openai')]).toEqual([0, 0]);
    expect(desk.open).toEqual({ requests: 0, holds: 0 });
    books.expectExact();
  });

  it('has its requests reported as failed, with what is known of them', async () => {
    await admitted('one');
    desk.abandon();
    expect(ended).toMatchObject([
      { id: 'one', modelRequested: 'gpt-4-turbo', status: 500, errorCode: 'internal_error' },
    ]);
  });

  it('ends no hold twice when the end can not be booked: its amount counts', async () => {
    const { hold } = await admitted('one');
    // Not the exact cost rounded up.
    remoteLedger(line).settle(hold.id, { ...charge(100), exactPico: '1' });
    expect(books.ledger.totals()).toMatchObject({ settled: 0, suspense: AMOUNT, held: 0 });
    desk.abandon();
    books.endTurn();
    books.expectExact();
  });
});

describe('the log of a worker', () => {
  it('is written by the primary, errors whole and with the number of the worker', () => {
    const error = Object.assign(new Error('gone', { cause: new Error('why') }), { code: 'EPIPE' });
    remoteLog('info', line).warn('odd', { backend: 'cloud', nothing: undefined, error });
    remoteLog('info', line).debug('too much', {});
    line.flush();
    expect(books.log.lines).toMatchObject([
      { level: 'warn', message: 'odd', fields: { backend: 'cloud', worker: 1 } },
    ]);
    const [{ fields } = {}] = books.log.lines;
    expect(fields?.['error']).toBeInstanceOf(Error);
    expect(fields?.['error']).toMatchObject({
      message: 'gone',
      code: 'EPIPE',
      stack: error.stack,
      cause: { message: 'why' },
    });
  });
});

describe('what a worker learns of token counts', () => {
  it('is learned where all workers are admitted, and so is the status of a refusal', async () => {
    const sample = { backend: 'cloud', model: 'claude-sonnet-4-5', estimated: 100, actual: 130 };
    remoteCalibration(line).learn(sample);
    line.flush();
    expect(learned).toEqual([sample]);

    admission = () => {
      throw new GatewayError('budget_exhausted', 'Nothing fits.', { status: 402 });
    };
    await expect(ask('one')).rejects.toMatchObject({ code: 'budget_exhausted', status: 402 });
  });
});
