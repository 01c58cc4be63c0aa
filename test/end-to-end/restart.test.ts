/** Stopping and dying: what was spent stays spent, what nobody knows counts, and nothing stays held. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import {
  failingGatewayProcess,
  startGatewayProcess,
  type GatewayProcess,
} from '../support/gateway-process.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { runCli } from '../support/run-cli.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import {
  allEntries,
  expectBooksToBalance,
  nano,
  startTestGateway,
  type GatewayClient,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const USAGE = { input: 8, output: 5 };
const CHARGE = costNano(USAGE.input, USAGE.output);
const HOLD = costNano(8, 20);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-restart-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function ask(nexus: GatewayClient, more: object = {}): Promise<Response> {
  return nexus.chat(MODEL, 'Hello', { max_tokens: 20, ...more });
}

async function spent(nexus: GatewayClient): Promise<bigint> {
  return nano((await nexus.getJson('/v1/budget')).spent_usd_exact);
}

describe('an orderly stop', () => {
  let provider: HandProvider;
  let nexus: TestGateway;

  beforeEach(async () => {
    provider = await startHandProvider([MODEL]);
  });
  afterEach(async () => {
    await nexus.stop();
    await provider.close();
  });

  async function start(drainSeconds: number): Promise<void> {
    nexus = await startTestGateway(
      `[server]
port = 0
drain_timeout_seconds = ${drainSeconds}
client_gone_drain_seconds = 30
${NO_PROBES}${budgetToml(1)}${backendToml({ name: 'cloud', url: provider.url })}`,
      { env: KEYS, folder },
    );
  }

  async function restart(): Promise<void> {
    await start(1);
    await expectSettledBooks(nexus);
  }

  it('lets requests in flight end, takes no new ones, and forgets nothing', async () => {
    await start(30);
    const whole = ask(nexus);
    const call = await provider.call();
    const stream = ask(nexus, { stream: true });
    const streamed = await provider.call();
    streamed.say('one');
    const started = await stream;
    const stopped = nexus.gateway.stop();
    await eventually(async () => {
      await expect(fetch(`${nexus.url}/livez`)).rejects.toThrow('fetch failed');
    });
    call.json('Hi', usageDocument(USAGE));
    streamed.say(' two').finish().usage(USAGE).done().end();
    expect((await whole).status).toBe(200);
    expect(await (await whole).json()).toMatchObject({ usage: { prompt_tokens: USAGE.input } });
    expect(await started.text()).toMatch(/data: \[DONE\]\n\n$/);
    await stopped;
    await restart();
    expect(await spent(nexus)).toBe(2n * CHARGE);
    const kinds = (await allEntries(nexus)).map(({ kind }) => kind);
    expect(kinds).toEqual(['hold', 'hold', 'charge', 'charge']);
  });

  it('gives up what has not ended after the drain time, and charges it', async () => {
    await start(0.2);
    const whole = ask(nexus);
    const call = await provider.call();
    const stream = ask(nexus, { stream: true });
    const streamed = await provider.call();
    streamed.say('one', ' two');
    const started = await stream;
    await nexus.gateway.stop();
    expect(await call.hungUp).toBe(true);
    expect(await streamed.hungUp).toBe(true);
    expect((await whole).status).toBe(502);
    expect(await started.text()).toContain('"code":"backend_error"');
    await restart();
    // The whole one may have been billed up to its hold; of the stream two tokens passed.
    expect(await spent(nexus)).toBe(HOLD + costNano(8, 2));
    expect((await allEntries(nexus)).filter(({ kind }) => kind === 'charge')).toHaveLength(2);
  });

  it('does not wait for the usage of a call whose client has left longer than for others', async () => {
    await start(0.2);
    const leaving = new AbortController();
    const answer = nexus.post(
      '/v1/chat/completions',
      { model: MODEL, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 20 },
      {},
      leaving.signal,
    );
    const call = await provider.call();
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    await nexus.gateway.stop();
    expect(await call.hungUp).toBe(true);
    await restart();
    expect(await spent(nexus)).toBe(HOLD);
  });

  it('shows the same spending after every one of several restarts', async () => {
    await start(1);
    for (let life = 1; life <= 4; life += 1) {
      const answering = ask(nexus);
      (await provider.call()).json('Hi', usageDocument(USAGE));
      await (await answering).arrayBuffer();
      const before = await nexus.getJson('/v1/budget');
      await nexus.gateway.stop();
      await restart();
      const after = await nexus.getJson('/v1/budget');
      expect(nano(after.spent_usd_exact)).toBe(BigInt(life) * CHARGE);
      expect(after).toMatchObject({ spent_usd: before.spent_usd, suspense_usd: 0, held_usd: 0 });
    }
  });
});

describe('a process of its own', () => {
  let provider: ProviderServer;
  let configPath: string;
  let ledgerPath: string;
  const running: GatewayProcess[] = [];

  beforeEach(async () => {
    provider = await startOpenAiServer({ models: [MODEL] });
    configPath = path.join(folder, 'nexus.toml');
    ledgerPath = path.join(folder, 'ledger.db');
    await writeFile(
      configPath,
      `[server]
drain_timeout_seconds = 60
[ledger]
path = ${JSON.stringify(ledgerPath)}
${NO_PROBES}${budgetToml(1)}${backendToml({ name: 'cloud', url: provider.url })}`,
    );
  });
  afterEach(async () => {
    for (const nexus of running.splice(0)) {
      nexus.signal('SIGKILL');
      await nexus.exit;
    }
    await provider.close();
  });

  async function serve(): Promise<GatewayProcess> {
    const nexus = await startGatewayProcess(configPath, KEYS);
    running.push(nexus);
    return nexus;
  }

  async function verify(): Promise<Json> {
    const { stdout, stderr, code } = await runCli([
      'ledger',
      'verify',
      '--ledger',
      ledgerPath,
      '--json',
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return JSON.parse(stdout);
  }

  /** Sends requests, 24 at a time, until the gateway is gone. Returns the ids of those that were answered. */
  async function loadUntilDeath(nexus: GatewayProcess): Promise<readonly string[]> {
    const answered: string[] = [];
    const worker = async (index: number): Promise<void> => {
      for (;;) {
        const answer = await ask(nexus, { stream: index % 2 === 0 });
        await answer.arrayBuffer();
        if (answer.status === 200) answered.push(answer.headers.get('x-nexus-request-id') ?? '');
      }
    };
    await Promise.all(
      Array.from({ length: 24 }, (_, index) => worker(index).catch(() => undefined)),
    );
    return answered;
  }

  it('loses nothing to kill -9 in the middle of a load, life after life', async () => {
    provider.behave({
      delayMs: 5,
      eventDelayMs: 1,
      usage: { input: USAGE.input, output: USAGE.output },
    });
    const answered: string[] = [];
    for (let life = 1; life <= 3; life += 1) {
      const nexus = await serve();
      const callsBefore = provider.calls.length;
      const load = loadUntilDeath(nexus);
      await eventually(() => expect(provider.calls.length).toBeGreaterThan(callsBefore + 60));
      nexus.signal('SIGKILL');
      expect(await nexus.exit).toBe('SIGKILL');
      answered.push(...(await load));
    }
    const nexus = await serve();
    const budget = await nexus.getJson('/v1/budget');
    expect(budget).toMatchObject({ held_usd: 0, open_holds: 0 });
    // Every call that arrived at the provider is billed there.
    const billed = BigInt(provider.calls.length) * CHARGE;
    expect(nano(budget.spent_usd_exact)).toBeGreaterThanOrEqual(billed);
    // A call in flight counts with its hold; there can be 24 of them in each life.
    expect(nano(budget.suspense_usd_exact)).toBeLessThanOrEqual(3n * 24n * HOLD);
    expect(answered.length).toBeGreaterThan(60);
    const entries = await allEntries(nexus);
    const ended = new Set(
      entries.filter(({ kind }) => kind !== 'hold').map(({ request_id }) => request_id),
    );
    expect(answered.filter((id) => !ended.has(id))).toEqual([]);
    expect(entries.filter(({ note }) => note === 'crash recovery').length).toBeGreaterThan(0);
    await expectBooksToBalance(nexus);
    nexus.signal('SIGTERM');
    expect(await nexus.exit).toBe(0);
    const { ok, months } = await verify();
    expect(ok).toBe(true);
    expect(nano(months.at(-1).settled_usd) + nano(months.at(-1).suspense_usd)).toBe(
      nano(budget.spent_usd_exact),
    );
  });

  it('ends with 0 on SIGTERM after the requests in flight', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    provider.next({ until: promise });
    const nexus = await serve();
    const answer = ask(nexus);
    await provider.arrival();
    nexus.signal('SIGTERM');
    await eventually(() => expect(nexus.output()).toContain('stopping: no new requests'));
    resolve();
    expect((await answer).status).toBe(200);
    await (await answer).arrayBuffer();
    expect(await nexus.exit).toBe(0);
    const { months } = await verify();
    expect(nano(months.at(-1).settled_usd)).toBe(costNano(12, 5));
  });

  it('ends at once on a second SIGTERM, and what was in flight is in suspense at the next start', async () => {
    provider.next({ until: new Promise(() => undefined) });
    const first = await serve();
    const answer = ask(first).catch((error: unknown) => error);
    await provider.arrival();
    first.signal('SIGTERM');
    await eventually(() => expect(first.output()).toContain('stopping: no new requests'));
    // Signals within the length of a key press count as one.
    const again = setInterval(() => first.signal('SIGTERM'), 50);
    const code = await first.exit;
    clearInterval(again);
    expect(code).toBe(130);
    expect(await answer).toMatchObject({ message: 'fetch failed' });
    const second = await serve();
    const budget = await second.getJson('/v1/budget');
    expect(nano(budget.suspense_usd_exact)).toBe(HOLD);
    expect(budget).toMatchObject({ held_usd: 0, settled_usd: 0 });
    await expectBooksToBalance(second);
  });

  it('does not start on a ledger that another one holds, says who does, and ends with 1', async () => {
    const owner = await serve();
    const { code, output } = await failingGatewayProcess(configPath, KEYS);
    expect(code).toBe(1);
    expect(output).toMatch(/^nexus: The ledger .*ledger\.db is in use by process \d+ on .+\.\n$/);
    expect(output).toContain('One gateway owns a ledger');
    // The owner is not disturbed.
    expect((await ask(owner)).status).toBe(200);
    await expectBooksToBalance(owner);
    const busy = await runCli(['ledger', 'verify', '--ledger', ledgerPath]);
    expect(busy.code).toBe(1);
    expect(busy.stderr).toContain('in use by process');
  });
});
