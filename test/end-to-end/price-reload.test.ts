/** Prices that change while the gateway runs: what a request was held by is what it is charged by. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const USAGE = { input: 100, output: 10 };
const OLD = { input: 10, output: 30 };
const NEW = { input: 20, output: 90 };

interface UsdPerMillion {
  readonly input: number;
  readonly output: number;
}

/** Nano-dollars of the usage above. */
function costAt({ input, output }: UsdPerMillion): bigint {
  return BigInt(USAGE.input * input * 1000 + USAGE.output * output * 1000);
}

let first: HandProvider;
let second: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  first = await startHandProvider([MODEL]);
  second = await startHandProvider([MODEL]);
});
afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await first.close();
  await second.close();
});

/** Two providers of one model, at the same price. */
function toml(price: UsdPerMillion, more = ''): string {
  return (
    NO_PROBES +
    budgetToml(100) +
    backendToml({ name: 'first', url: first.url, priority: 1, price }) +
    backendToml({ name: 'second', url: second.url, priority: 90, price }) +
    more
  );
}

async function start(text = toml(OLD)): Promise<void> {
  nexus = await startTestGateway(text, { env: KEYS });
}

async function reprice(text = toml(NEW)): Promise<void> {
  await nexus.rewriteConfig(text);
  nexus.gateway.reload();
}

/** Asks, and answers as the provider. */
async function askOnce(provider = first): Promise<void> {
  const asked = nexus.chat(MODEL, 'Hello');
  (await provider.call()).json('Hi', usageDocument(USAGE));
  await (await asked).arrayBuffer();
}

/** Kind, backend, price version and charge of every entry. */
async function entries(): Promise<readonly Json[]> {
  await untilNothingIsHeld(nexus);
  return allEntries(nexus);
}

async function charges(): Promise<readonly bigint[]> {
  const all = await entries();
  return all.flatMap(({ kind, settled_usd: usd }) => (kind === 'charge' ? [nano(usd)] : []));
}

const isSuccessful = (): Promise<number | undefined> =>
  nexus.metric('nexus_config_last_reload_successful');

describe('a price that changes while a request is in flight', () => {
  it('is not the price of that request, streamed or not, but of the next', async () => {
    await start();
    const streamed = nexus.chat(MODEL, 'Hello', {
      stream: true,
      stream_options: { include_usage: true },
    });
    const stream = (await first.call()).say('One', ' two');
    const whole = nexus.chat(MODEL, 'Hello');
    const call = await first.call();

    await reprice();
    stream.say(' three').finish().usage(USAGE).done().end();
    call.json('Hi', usageDocument(USAGE));
    expect(await (await streamed).text()).toContain('three');
    await (await whole).arrayBuffer();
    await askOnce();

    expect(await charges()).toEqual([costAt(OLD), costAt(OLD), costAt(NEW)]);
    const byHold = Map.groupBy(await entries(), ({ hold_id: id }) => String(id));
    const versions = [...byHold.values()].map((own) => own.map((entry) => entry.price_version));
    const [old, , later] = versions.map(([version]) => String(version));
    expect(versions).toEqual([
      [old, old],
      [old, old],
      [later, later],
    ]);
    expect(old).toMatch(/^config [0-9a-f]{12}$/);
    expect(later).not.toBe(old);
  });

  it('is not the price of an attempt that was sent, but of the retry that is held after it', async () => {
    await start();
    const asked = nexus.chat(MODEL, 'Hello');
    const failing = await first.call();

    await reprice();
    // Billed all the same: a gateway time-out says nothing of what happened behind it.
    failing.answer(504, { error: { message: 'time-out' } });
    (await second.call()).json('Hi', usageDocument(USAGE));
    await (await asked).arrayBuffer();

    const all = await entries();
    expect(all.map(({ kind, backend }) => [kind, backend])).toEqual([
      ['hold', 'first'],
      ['suspend', 'first'],
      ['hold', 'second'],
      ['charge', 'second'],
    ]);
    const [held, suspended, heldAgain, charged] = all;
    expect(suspended.price_version).toBe(held.price_version);
    expect(heldAgain.price_version).not.toBe(held.price_version);
    expect(charged.price_version).toBe(heldAgain.price_version);
    expect(nano(charged.settled_usd)).toBe(costAt(NEW));
    expect(nano(heldAgain.held_usd)).toBeGreaterThan(2n * nano(held.held_usd));
  });

  it('by its date alone, is that of requests that are admitted from then on', async () => {
    const dated = `[[backends.prices."*".versions]]\nfrom = "2026-11-10T13:00:00Z"\ninput = ${NEW.input}\noutput = ${NEW.output}\n`;
    const priced = `[backends.prices."*"]\ninput = ${OLD.input}\noutput = ${OLD.output}\n${dated}`;
    const backend = (name: string, { url }: HandProvider): string =>
      backendToml({ name, url, price: null, priority: name === 'first' ? 1 : 90 }) + priced;
    await start(NO_PROBES + budgetToml(100) + backend('first', first) + backend('second', second));
    const asked = nexus.chat(MODEL, 'Hello');
    const failing = await first.call();

    await nexus.post('/admin/clock', { to: '2026-11-10T13:00:00Z' });
    // The retry belongs to the same request: it was admitted before.
    failing.answer(500, { error: { message: 'down' } });
    (await second.call()).json('Hi', usageDocument(USAGE));
    await (await asked).arrayBuffer();
    await askOnce();

    expect(await charges()).toEqual([costAt(OLD), costAt(NEW)]);
  });
});

describe('a budget that is shut because nothing fits', () => {
  /** 0.5 USD is spent; the rest of the 1 USD does not pay for an ordinary request at 60,000 USD per million tokens. */
  const HUGE = { input: 60_000, output: 60_000 };
  const budget = (): string => NO_PROBES + budgetToml(1, 'hard_limit_action = "block_all"');
  const priced = (price: UsdPerMillion): string =>
    budget() + backendToml({ name: 'first', url: first.url, price });

  async function shut(): Promise<void> {
    const spending = nexus.chat(MODEL, 'Hello', { max_tokens: 1 });
    (await first.call()).json('Hi', usageDocument({ input: 8, output: 1 }));
    await (await spending).arrayBuffer();
    await untilNothingIsHeld(nexus);
    expect((await nexus.chat(MODEL, 'Hello')).status).toBe(503);
    expect((await nexus.getJson('/v1/budget')).status).toBe('HardLimit');
  }

  it('opens again when the price was a mistake that is mended', async () => {
    await start(priced(HUGE));
    await shut();

    await reprice(priced(OLD));
    await askOnce();

    expect((await charges()).at(-1)).toBe(costAt(OLD));
    expect((await nexus.getJson('/v1/budget')).status).toBe('Normal');
  });

  it('opens again when a lower price comes into force by its date', async () => {
    const lower = `versions = [{ from = "2026-11-11", input = ${OLD.input}, output = ${OLD.output} }]`;
    const rates = `input = ${HUGE.input}\noutput = ${HUGE.output}\n${lower}\n`;
    await start(
      `${budget()}${backendToml({ name: 'first', url: first.url, price: null })}[backends.prices."*"]\n${rates}`,
    );
    await shut();

    await nexus.post('/admin/clock', { to: '2026-11-11T00:00:00Z' });
    await askOnce();

    expect((await charges()).at(-1)).toBe(costAt(OLD));
  });
});

describe('the config file of a running gateway', () => {
  it('is read again when it is replaced, without being asked', async () => {
    await start();
    await askOnce();

    await nexus.rewriteConfig(toml(NEW));
    await eventually(() => expect(nexus.logText()).toContain('prices have changed'));
    await askOnce();

    expect(await charges()).toEqual([costAt(OLD), costAt(NEW)]);
    expect(nexus.logText()).toContain('prices have changed at first, second');
  });

  it('changes nothing while it has a mistake, and says what is wrong in one line', async () => {
    await start();
    expect(await isSuccessful()).toBe(1);
    expect(await nexus.metric('nexus_config_last_reload_timestamp_seconds')).toBe(
      Date.parse('2026-11-10T12:00:00Z') / 1000,
    );
    await nexus.post('/admin/clock', { advance_seconds: 60 });

    await reprice(toml(NEW).replace('output = 90', 'output = "ninety"'));
    await askOnce();

    expect(await isSuccessful()).toBe(0);
    expect(await nexus.metric('nexus_config_last_reload_timestamp_seconds')).toBe(
      Date.parse('2026-11-10T12:00:00Z') / 1000,
    );
    const lines = (await nexus.logLines()).filter(({ level }) => level === 'error');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.['message']).toMatch(
      /^the config can not be used, so the prices stay as they are: .*nexus\.toml: backends\[0\]\.prices\."\*"\.output can not be used: "ninety" is not a price/,
    );

    await reprice();
    await askOnce();
    expect(await isSuccessful()).toBe(1);
    expect(await nexus.metric('nexus_config_last_reload_timestamp_seconds')).toBe(
      Date.parse('2026-11-10T12:01:00Z') / 1000,
    );
    expect(await charges()).toEqual([costAt(OLD), costAt(NEW)]);
  });

  it('keeps its prices when it is taken away', async () => {
    await start();
    await rm(path.join(nexus.folder, 'nexus.toml'));
    await eventually(() => expect(nexus.logText()).toContain('there is no such file'));

    await askOnce();

    expect(await charges()).toEqual([costAt(OLD)]);
    expect(await isSuccessful()).toBe(0);
  });

  it('names what else has changed in it, which waits for a restart', async () => {
    await start();

    await reprice(
      toml(NEW, '[routing]\nmax_retries = 0\n[routing.aliases]\n"gpt-4" = "gpt-4-turbo"\n')
        .replace('monthly_limit_usd = 100', 'monthly_limit_usd = 5')
        .replace('name = "second"', 'name = "third"'),
    );
    await askOnce();

    expect(nexus.logText()).toContain(
      'these have changed too and need a restart: routing.max_retries, routing.aliases.gpt-4, routing.budget.monthly_limit_usd, backends.second, backends.third',
    );
    expect(await nexus.metric('nexus_budget_limit_usd')).toBe(100);
    expect(await charges()).toEqual([costAt(NEW)]);
    // The one that the file no longer has goes on at its own price.
    expect(nexus.logText()).toContain('prices have changed at first"');
  });

  it('is shown with the price list in the metrics', async () => {
    await start();

    expect(
      await nexus.metric('nexus_prices_info{version="genai-prices 0.1.8",date="2026-09-23"}'),
    ).toBe(1);
  });
});
