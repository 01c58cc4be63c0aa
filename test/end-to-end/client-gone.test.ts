/**
 * The client leaves, at every stage of a request, from every kind of upstream. The meter belongs to the upstream call:
 * its usage is waited for, for a bounded time; what is never known is charged by what passed, or by the hold.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTokenCounter } from '../../src/metering/token-counter.ts';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import { startHandProvider, type HandCall, type HandProvider } from '../support/hand-provider.ts';
import { LeavingClient } from '../support/leaving-client.ts';
import { recordingLog } from '../support/recording-log.ts';
import { entriesMadeBy, expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const DRAIN_MS = 250;
const PROMPT = 'Count to eight';
const WORDS = ['one', ' two', ' three', ' four', ' five', ' six', ' seven', ' eight'];
const USAGE = { input: 17, output: 9 };
const MAX_TOKENS = 40;

let provider: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  provider = await startHandProvider();
});
afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
});

/** `drainSeconds`: how long a call goes on without its client. Long where the test ends it earlier. */
async function start(
  drainSeconds: number,
  requestTimeoutSeconds = 60,
  moreBackends = '',
): Promise<void> {
  nexus = await startTestGateway(
    `[server]
port = 0
drain_timeout_seconds = 2
client_gone_drain_seconds = ${drainSeconds}
request_timeout_seconds = ${requestTimeoutSeconds}
${NO_PROBES}${budgetToml(1)}${backendToml({ name: 'cloud', url: provider.url })}${moreBackends}`,
    { env: KEYS },
  );
}

function body(stream: boolean): object {
  return {
    model: 'gpt-4-turbo',
    messages: [{ role: 'user', content: PROMPT }],
    max_tokens: MAX_TOKENS,
    stream,
  };
}

function ask(stream: boolean): LeavingClient {
  return new LeavingClient(`${nexus.url}/v1/chat/completions`, body(stream));
}

/** What the gateway itself counts: input tokens and the worst case. */
async function estimate(): Promise<{ input: number; hold: bigint }> {
  const answer = (await (await nexus.post('/v1/estimate', body(true))).json()) as Json;
  return { input: answer.input_tokens, hold: nano(answer.worst_case_cost_usd_exact) };
}

async function tokensOf(text: string): Promise<number> {
  const counter = createTokenCounter({ log: recordingLog() });
  await counter.warmUp(['gpt-4-turbo']);
  const tokens = counter.countText(text, 'gpt-4-turbo');
  await counter.close();
  return tokens;
}

interface Stage {
  readonly name: string;
  readonly stream: boolean;
  /** Events with text that the client has seen when it leaves. */
  readonly said: number;
  /** Brings the call to the moment at which the client leaves. */
  readonly reach: (call: HandCall, client: LeavingClient) => Promise<void>;
  readonly usageSaid?: true;
}

function quoted(word: string): string {
  return JSON.stringify(word).slice(1, -1);
}

const STAGES: readonly Stage[] = [
  {
    name: 'while a whole answer is thought up',
    stream: false,
    said: 0,
    reach: async () => undefined,
  },
  { name: 'before the headers of a stream', stream: true, said: 0, reach: async () => undefined },
  {
    name: 'after the headers, before the first event',
    stream: true,
    said: 0,
    reach: async (call) => {
      call.head();
    },
  },
  ...WORDS.map((word, at) => ({
    name: `after event ${at + 1} of ${WORDS.length}`,
    stream: true,
    said: at + 1,
    reach: async (call: HandCall, client: LeavingClient) => {
      call.say(...WORDS.slice(0, at + 1));
      await client.saw(quoted(word));
    },
  })),
  {
    name: 'after the last event with text',
    stream: true,
    said: WORDS.length,
    reach: async (call, client) => {
      call.say(...WORDS).finish();
      await client.saw('"stop"');
    },
  },
];

const BEFORE_DONE: Stage = {
  name: 'after the usage, before [DONE]',
  stream: true,
  said: WORDS.length,
  usageSaid: true,
  reach: async (call, client) => {
    call.say(...WORDS).finish();
    await client.saw('"stop"');
    // The client did not ask for it, so it never sees it.
    call.usage(USAGE);
  },
};

/** The rest of the answer, as the backend gives it to nobody. */
function playRest(call: HandCall, { stream, said }: Stage, usage: typeof USAGE | null): void {
  if (!stream) {
    call.json(
      WORDS.join(''),
      usage && { prompt_tokens: usage.input, completion_tokens: usage.output },
    );
    return;
  }
  call.say(...WORDS.slice(said)).finish();
  if (usage) call.usage(usage);
  call.done().end();
}

/** The entries of one request whose client leaves at a stage. */
function leaveAt(
  stage: Stage,
  afterwards: (call: HandCall) => Promise<void> | void,
): Promise<readonly Json[]> {
  return entriesMadeBy(nexus, async () => {
    const client = ask(stage.stream);
    const call = await provider.call();
    await stage.reach(call, client);
    await client.leave();
    await afterwards(call);
  });
}

describe('a client that leaves before its request is dispatched', () => {
  it('costs nothing in the middle of its body, and nothing is sent', async () => {
    await start(30);
    const client = new LeavingClient(`${nexus.url}/v1/chat/completions`, body(true), 30);
    await client.leave();
    await eventually(async () => expect(await gone()).toEqual([{ status: 499, attempts: 0 }]));
    expect(await allEntries(nexus)).toEqual([]);
    expect(provider.calls).toHaveLength(0);
  });

  it('costs nothing while its prompt is counted, and nothing is sent', async () => {
    await start(30);
    const long = Array.from({ length: 400_000 }, (_, i) => `word${(i * 7919) % 10_007}`).join(' ');
    const client = new LeavingClient(`${nexus.url}/v1/chat/completions`, {
      model: 'gpt-4-turbo',
      messages: [{ role: 'user', content: long }],
      max_tokens: 5,
    });
    // The body has arrived when its tokens are being counted in a thread.
    await eventually(async () => expect(await nexus.metric('nexus_budget_held_usd')).toBe(0));
    await client.leave();
    await eventually(async () => expect(await gone()).toEqual([{ status: 499, attempts: 0 }]));
    expect(await allEntries(nexus)).toEqual([]);
    expect(provider.calls).toHaveLength(0);
  });
});

/** Requests that the log says were left by their client. */
async function gone(): Promise<readonly object[]> {
  const lines = (await nexus.logLines()) as readonly Json[];
  return lines
    .filter(({ message, fields }) => message === 'request' && fields.clientGone)
    .map(({ fields: { status, error, attempts } }) => ({
      status,
      attempts,
      ...(error === undefined ? {} : { error }),
    }));
}

describe('an upstream that goes on and reports its usage', () => {
  it.each([...STAGES, BEFORE_DONE])('is charged by that usage, $name', async (stage) => {
    await start(30);
    const entries = await leaveAt(stage, (call) => {
      if (stage.usageSaid) call.done().end();
      else playRest(call, stage, USAGE);
    });
    expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
    expect(entries[1].basis).toBe('provider');
    expect(nano(entries[1].settled_usd)).toBe(costNano(USAGE.input, USAGE.output));
    expect(await provider.calls[0]?.hungUp).toBe(false);
  });
});

describe('an upstream that never ends', () => {
  it.each(STAGES)('is aborted after the drain time and charged, $name', async (stage) => {
    await start(DRAIN_MS / 1000);
    const { input, hold } = await estimate();
    let waitedMs = 0;
    const entries = await leaveAt(stage, async (call) => {
      const leftAtMs = performance.now();
      expect(await call.hungUp).toBe(true);
      waitedMs = performance.now() - leftAtMs;
    });
    expect(waitedMs).toBeGreaterThan(DRAIN_MS * 0.8);
    expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
    const output = await tokensOf(WORDS.slice(0, stage.said).join(''));
    expect({ basis: entries[1].basis, charged: nano(entries[1].settled_usd) }).toEqual(
      stage.said === 0
        ? { basis: 'assumed', charged: hold }
        : { basis: 'metered', charged: costNano(input, output) },
    );
    expect(nano(entries[1].settled_usd)).toBeLessThanOrEqual(hold);
  });

  it('is charged by its usage when that came before the drain time was over', async () => {
    await start(DRAIN_MS / 1000);
    const entries = await leaveAt(BEFORE_DONE, async (call) => {
      expect(await call.hungUp).toBe(true);
    });
    expect(entries.map(({ kind, basis }) => `${kind} ${basis}`)).toEqual([
      'hold null',
      'charge provider',
    ]);
    expect(nano(entries[1].settled_usd)).toBe(costNano(USAGE.input, USAGE.output));
  });
});

describe('an upstream that ends without a word about usage', () => {
  it.each(STAGES)('is charged by all that it said, $name', async (stage) => {
    await start(30);
    const { input, hold } = await estimate();
    const entries = await leaveAt(stage, (call) => playRest(call, stage, null));
    expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
    expect(entries[1].basis).toBe('metered');
    const charged = nano(entries[1].settled_usd);
    expect(charged).toBe(costNano(input, await tokensOf(WORDS.join(''))));
    expect(charged).toBeLessThanOrEqual(hold);
  });

  it('is never charged more than was held, however much it said', async () => {
    await start(30);
    const { hold } = await estimate();
    const stage: Stage = { ...BEFORE_DONE, said: WORDS.length };
    const entries = await leaveAt(
      {
        ...stage,
        reach: async (call, client) => {
          call.say(...WORDS);
          await client.saw(quoted(' eight'));
        },
      },
      (call) => {
        for (let i = 0; i < 50; i += 1) call.say(...WORDS);
        call.finish().done().end();
      },
    );
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'metered', excess_usd: '0' });
    expect(nano(entries[1].settled_usd)).toBe(hold);
  });
});

describe('a client that stays but takes nothing', () => {
  it('is taken for gone after the request timeout, so that it can not keep its hold', async () => {
    await start(DRAIN_MS / 1000, 0.3);
    const { hold } = await estimate();
    const entries = await entriesMadeBy(nexus, async () => {
      const client = ask(true);
      const call = await provider.call();
      call.say('one');
      await client.saw('one');
      client.stall();
      // More than all buffers between here and there take.
      const event = `: ${'x'.repeat(64 * 1024)}\n\n`;
      while (await call.push(event));
      expect(await call.hungUp).toBe(true);
      await untilNothingIsHeld(nexus);
      await client.leave();
    });
    expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'charge']);
    expect(nano(entries[1].settled_usd)).toBeGreaterThan(0n);
    expect(nano(entries[1].settled_usd)).toBeLessThanOrEqual(hold);
  });
});

describe('a client that leaves', () => {
  it('is not served by another backend when the first one fails', async () => {
    const second = await startHandProvider();
    await start(30, 60, backendToml({ name: 'second', url: second.url, priority: 90 }));
    const entries = await entriesMadeBy(nexus, async () => {
      const client = ask(false);
      const call = await provider.call();
      await client.leave();
      call.answer(500, { error: { message: 'no' } });
    });
    expect(entries.map(({ backend, kind }) => `${backend} ${kind}`)).toEqual([
      'cloud hold',
      'cloud void',
    ]);
    expect(second.calls).toHaveLength(0);
    await second.close();
  });

  it('leaves with all the requests that it sent over one connection', async () => {
    await start(DRAIN_MS / 1000);
    const { hold } = await estimate();
    const { port } = new URL(nexus.url);
    const text = JSON.stringify(body(true));
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: nexus\r\ncontent-length: ${text.length}\r\n\r\n`;
    const entries = await entriesMadeBy(nexus, async () => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      // The answer to the second one waits in line behind that to the first one.
      socket.write(head + text + head + text);
      const calls = [await provider.call(), await provider.call()];
      for (const call of calls) call.say('one');
      await once(socket, 'data');
      socket.destroy();
      expect(await Promise.all(calls.map(({ hungUp }) => hungUp))).toEqual([true, true]);
    });
    const charges = entries.filter(({ kind }) => kind === 'charge');
    expect(charges).toHaveLength(2);
    for (const { settled_usd: charged } of charges) {
      expect(nano(charged)).toBeGreaterThan(0n);
      expect(nano(charged)).toBeLessThanOrEqual(hold);
    }
  });
});

describe('a backend that says [DONE] and leaves the connection open', () => {
  it('has ended: its usage is charged and its client gets the end at once', async () => {
    await start(30);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.post('/v1/chat/completions', body(true));
      const call = await provider.call();
      call
        .say(...WORDS)
        .finish()
        .usage(USAGE)
        .done();
      expect(await (await answer).text()).toMatch(/data: \[DONE\]\n\n$/);
      expect(await call.hungUp).toBe(true);
    });
    expect(entries.map(({ kind, basis }) => `${kind} ${basis}`)).toEqual([
      'hold null',
      'charge provider',
    ]);
  });
});
