/** What bills teach about estimates, seen from outside: in holds, headers, statistics and metrics, and after a restart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

/** Counted with an encoding near its own: 105 % of it for the estimate, 120 % for the hold. */
const MODEL = 'llama-3.3-70b';
const EXACT = 'gpt-4-turbo';
const PROMPT = 'Every request is held before it is sent, and settled when it ends. '.repeat(120);
const OUTPUT = 5;
const MAX_OUTPUT = 10;
/** Bills before they are believed. */
const BILLS = 50;

let folder: string;
let provider: ProviderServer;
let nexus: TestGateway;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-calibration-'));
  provider = await startOpenAiServer({ models: [MODEL, EXACT] });
  await start();
});

afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const backend = backendToml({ name: 'cloud', url: provider.url, models: [MODEL, EXACT] });
  nexus = await startTestGateway(`${NO_PROBES}${budgetToml(100)}${backend}`, { env: KEYS, folder });
}

async function restart(): Promise<void> {
  await nexus.stop();
  await start();
}

async function estimateFor(model: string): Promise<Json> {
  const body = { model, max_tokens: MAX_OUTPUT, messages: [{ role: 'user', content: PROMPT }] };
  return (await nexus.post('/v1/estimate', body)).json();
}

/** Sends requests whose input the provider counts as `actual` tokens; the last answer. */
async function ask(times: number, model: string, actual: number): Promise<Response> {
  provider.behave({ usage: { input: actual, output: OUTPUT } });
  let answer: Response;
  let left = times;
  do {
    // One after the other: each is to be planned with what the one before taught.
    // oxlint-disable-next-line no-await-in-loop
    answer = await nexus.chat(model, PROMPT, { max_tokens: MAX_OUTPUT });
    expect(answer.status).toBe(200);
    // oxlint-disable-next-line no-await-in-loop
    await answer.text();
    left -= 1;
  } while (left > 0);
  return answer;
}

async function lastHoldAndCharge(): Promise<{ hold: Json; charge: Json }> {
  const entries = await allEntries(nexus);
  return {
    hold: entries.findLast(({ kind }) => kind === 'hold'),
    charge: entries.findLast(({ kind }) => kind === 'charge'),
  };
}

describe('a provider that counts 1.3 tokens where the gateway estimates one', () => {
  it('is held for in full once its bills are believed, and estimates follow it', async () => {
    const before = await estimateFor(MODEL);
    expect(before.tier).toBe('approximation');
    const actual = Math.round(before.input_tokens * 1.3);
    const first = await ask(1, MODEL, actual);
    const early = await lastHoldAndCharge();
    expect(nano(early.hold.held_usd)).toBe(costNano(before.input_tokens_bound, MAX_OUTPUT));
    expect(nano(early.charge.excess_usd)).toBeGreaterThan(0n);
    expect(early.charge.estimated_input_tokens).toBe(before.input_tokens);

    await ask(BILLS - 1, MODEL, actual);
    const later = await ask(1, MODEL, actual);
    const { hold, charge } = await lastHoldAndCharge();
    expect(charge.excess_usd).toBe('0');
    expect(nano(hold.held_usd)).toBeGreaterThan(costNano(actual, MAX_OUTPUT));
    expect(nano(hold.held_usd)).toBeLessThan(costNano(Math.round(actual * 1.06), MAX_OUTPUT));
    expect(charge.estimated_input_tokens).toBe(before.input_tokens);

    const header = (answer: Response): number =>
      Number(answer.headers.get('x-nexus-cost-estimated'));
    expect(header(later) / header(first)).toBeCloseTo(1.3, 1);
    const after = await estimateFor(MODEL);
    expect(Math.abs(after.input_tokens - actual)).toBeLessThanOrEqual(1);
    expect(after.input_tokens_bound).toBeGreaterThan(actual);
  });

  it('is shown in statistics and metrics', async () => {
    const { input_tokens: estimated } = await estimateFor(MODEL);
    await ask(2, MODEL, Math.round(estimated * 1.3));
    const learned = { backend: 'cloud', model: MODEL, tier: 'approximation' };
    expect((await nexus.getJson('/v1/stats')).token_calibration).toEqual([
      { ...learned, samples: 2, ratio: null, hold_ratio: null },
    ]);
    const histogram = 'nexus_token_estimate_error_ratio';
    const labels = 'tier="approximation",model="llama_3_3_70b"';
    expect(await nexus.metric(`${histogram}_count{${labels}}`)).toBe(2);
    expect(await nexus.metric(`${histogram}_sum{${labels}}`)).toBeCloseTo(2.6, 2);
    const gauge = 'nexus_token_calibration_ratio{backend="cloud",model="llama_3_3_70b"';
    expect(await nexus.metric(`${gauge},use="hold"}`)).toBeUndefined();

    await ask(BILLS, MODEL, Math.round(estimated * 1.3));
    const [shown] = (await nexus.getJson('/v1/stats')).token_calibration;
    expect(shown).toMatchObject({ ...learned, samples: BILLS + 2 });
    expect(shown.ratio).toBeCloseTo(1.3, 3);
    expect(shown.hold_ratio).toBeGreaterThan(1.3);
    expect(await nexus.metric(`${gauge},use="estimate"}`)).toBe(shown.ratio);
    expect(await nexus.metric(`${gauge},use="hold"}`)).toBe(shown.hold_ratio);
  });

  it('is remembered over a restart, from the ledger', async () => {
    const { input_tokens: estimated } = await estimateFor(MODEL);
    const actual = Math.round(estimated * 1.3);
    await ask(BILLS, MODEL, actual);
    const before = await nexus.getJson('/v1/stats');
    const learned = await estimateFor(MODEL);
    await restart();
    expect((await nexus.getJson('/v1/stats')).token_calibration).toEqual(before.token_calibration);
    expect(await estimateFor(MODEL)).toMatchObject({
      input_tokens: learned.input_tokens,
      input_tokens_bound: learned.input_tokens_bound,
    });
    await ask(1, MODEL, actual);
    expect((await lastHoldAndCharge()).charge.excess_usd).toBe('0');
  });
});

describe('what teaches nothing', () => {
  it('are models whose own encoding is used', async () => {
    const { input_tokens: estimated } = await estimateFor(EXACT);
    await ask(BILLS + 1, EXACT, estimated * 2);
    expect((await nexus.getJson('/v1/stats')).token_calibration).toEqual([]);
    expect(await estimateFor(EXACT)).toMatchObject({ input_tokens: estimated });
    const labels = 'tier="exact",model="gpt_4_turbo"';
    expect(await nexus.metric(`nexus_token_estimate_error_ratio_count{${labels}}`)).toBe(BILLS + 1);
  });

  it('are usages that are missing or zero, and requests with pictures', async () => {
    provider.behave({ usage: null });
    await (await nexus.chat(MODEL, PROMPT)).text();
    provider.behave({ usage: { input: 0, output: 0 } });
    await (await nexus.chat(MODEL, PROMPT)).text();
    provider.behave({ usage: { input: 5000, output: OUTPUT } });
    const image_url = { url: 'https://images.example/cat.png' };
    const content = [
      { type: 'text', text: PROMPT },
      { type: 'image_url', image_url },
    ];
    const body = { model: MODEL, messages: [{ role: 'user', content }] };
    await (await nexus.post('/v1/chat/completions', body)).text();
    expect((await nexus.getJson('/v1/stats')).token_calibration).toEqual([]);
    const charges = (await allEntries(nexus)).filter(({ kind }) => kind === 'charge');
    expect(charges.map((charge) => charge.estimated_input_tokens)).toEqual([null, null, null]);
  });
});
