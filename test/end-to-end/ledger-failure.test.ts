/**
 * A ledger that can not be written: what costs money is not sent, what is free goes on, and what was already sent is
 * booked when the ledger is back. The hold is durable before the first byte leaves.
 */
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const LOCAL = 'llama3';
const USAGE = { input: 8, output: 5 };

let provider: HandProvider;
let nexus: TestGateway;
let writer: DatabaseSync;

beforeEach(async () => {
  provider = await startHandProvider([MODEL, LOCAL]);
  nexus = await startTestGateway(
    `${NO_PROBES}${budgetToml(1)}` +
      backendToml({ name: 'cloud', url: provider.url }) +
      backendToml({ name: 'here', url: provider.url, type: 'vllm', models: [LOCAL], price: null }),
    { env: KEYS },
  );
  writer = new DatabaseSync(nexus.ledgerPath);
});
afterEach(async () => {
  writer.close();
  await expectSettledBooks(nexus);
  await nexus.stop();
  await provider.close();
});

/** Takes the file's write lock, as a disk that is full or gone does: every entry of the gateway fails. */
function breakLedger(): void {
  writer.exec('BEGIN IMMEDIATE');
}

/** Gives it back. The ledger tries again by its own clock. */
async function mendLedger(): Promise<void> {
  writer.exec('ROLLBACK');
  await eventually(async () => {
    await nexus.post('/admin/clock', { advance_seconds: 6 });
    expect((await nexus.get('/readyz')).status).toBe(200);
  });
}

it('sends nothing that costs money, says so, and goes on by itself', async () => {
  breakLedger();
  // The first one finds out, the second one is refused at once.
  for (let i = 0; i < 2; i += 1) {
    const refused = await nexus.chat(MODEL, 'Hello', { max_tokens: 20 });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ error: { code: 'ledger_unavailable' } });
  }
  expect(provider.calls).toHaveLength(0);
  const ready = await nexus.get('/readyz');
  expect(ready.status).toBe(503);
  expect(((await ready.json()) as Json).checks).toEqual({
    open: true,
    ledger: false,
    backends: true,
  });
  expect(await nexus.metric('nexus_ledger_writable')).toBe(0);
  expect(await nexus.getJson('/v1/budget')).toMatchObject({ held_usd: 0, spent_usd: 0 });
  await mendLedger();
  const answering = nexus.chat(MODEL, 'Hello', { max_tokens: 20 });
  (await provider.call()).json('Hi', usageDocument(USAGE));
  expect((await answering).status).toBe(200);
  await (await answering).arrayBuffer();
  const { spent_usd_exact: spent } = await nexus.getJson('/v1/budget');
  expect(nano(spent)).toBe(costNano(8, 5));
});

it('goes on serving what is free', async () => {
  breakLedger();
  expect((await nexus.chat(MODEL, 'Hello', { max_tokens: 20 })).status).toBe(503);
  const answering = nexus.chat(LOCAL, 'Hello');
  (await provider.call()).json('Hi', usageDocument(USAGE));
  expect((await answering).status).toBe(200);
  await (await answering).arrayBuffer();
  await mendLedger();
});

it('books what was in flight when it broke, once it is back', async () => {
  const answering = nexus.chat(MODEL, 'Hello', { max_tokens: 20 });
  const call = await provider.call();
  breakLedger();
  call.json('Hi', usageDocument(USAGE));
  expect((await answering).status).toBe(200);
  await (await answering).arrayBuffer();
  // It counts at once, stored or not.
  const { spent_usd_exact: spent } = await nexus.getJson('/v1/budget');
  expect(nano(spent)).toBe(costNano(8, 5));
  await mendLedger();
  const kinds = (await allEntries(nexus)).map(({ kind }) => kind);
  expect(kinds).toEqual(['hold', 'charge']);
});
