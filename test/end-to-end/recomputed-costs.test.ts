/**
 * Every cost can be made again by somebody who has nothing but the ledger: from its file with `nexus ledger verify`, and
 * from an export, here with fractions and no line of the code that charged.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { budgetToml, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { Fraction } from '../support/fraction.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { runCli, type CliResult } from '../support/run-cli.ts';
import { untilNothingIsHeld } from '../support/settled-books.ts';
import { startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

const MODELS = ['gpt-4o-mini', 'own-model', 'gemini-like'];

/** `own-model` has rates of which no two are alike, and a fee; `gpt-4o-mini` those of the packaged list. */
function toml(url: string): string {
  return `${NO_PROBES}${budgetToml(100_000)}
[[backends]]
name = "cloud"
url = "${url}"
type = "openai"
api_key_env = "OPENAI_API_KEY"
models = ${JSON.stringify(MODELS)}
[backends.prices]
"own-model" = { input = 1.0375, output = 3.000001, cached_input = 0.10875, cache_write = 1.3, reasoning = 4.7, input_audio = 5.1, output_audio = 6.3, per_request = 0.000123457 }
[[backends]]
name = "home"
url = "${url}"
type = "openai"
kind = "local"
api_key_env = "OPENAI_API_KEY"
models = ["free-model"]
`;
}

const USAGES: readonly object[] = [
  { prompt_tokens: 1, completion_tokens: 1 },
  { prompt_tokens: 1234, completion_tokens: 56, prompt_tokens_details: { cached_tokens: 1024 } },
  {
    prompt_tokens: 999,
    completion_tokens: 333,
    prompt_tokens_details: { cached_tokens: 101, cache_write_tokens: 51, audio_tokens: 7 },
    completion_tokens_details: { reasoning_tokens: 111, audio_tokens: 13 },
  },
  { prompt_tokens: 0, completion_tokens: 0 },
  { prompt_tokens: 300_000, completion_tokens: 17 },
  { prompt_tokens: 70, completion_tokens: 7, cost: 0.000_123_456_789_1 },
  { prompt_tokens: 70, completion_tokens: 7, cost: 0 },
];

let provider: ProviderServer;
let folder: string;
let nexus: TestGateway;
const exports: CliResult[] = [];
let rows: readonly Json[];
let csvRows: readonly Record<string, string>[];
let prices: ReadonlyMap<string, Json>;

function inFolder(name: string): string {
  return path.join(folder, name);
}

function cli(...args: readonly string[]): Promise<CliResult> {
  return runCli(args, { cwd: folder, env: KEYS });
}

async function ask(model: string, more: object = {}): Promise<void> {
  const answer = await nexus.chat(model, 'Hello there', { max_tokens: 400, ...more });
  expect(answer.status).toBe(200);
  await answer.text();
}

/** Charges of every basis at every price, in whole answers and in streams. */
async function makeTraffic(): Promise<void> {
  for (const model of [...MODELS, 'free-model'])
    for (const usage of USAGES) {
      const choices = [{ index: 0, message: { role: 'assistant', content: 'Hi' } }];
      const body = JSON.stringify({ choices, usage });
      provider.next({ raw: { contentType: 'application/json', body } });
      await ask(model);
    }
  for (const model of MODELS) {
    provider.next({ usage: null, text: 'one two three' });
    await ask(model, { stream: true });
    // More than the 2 tokens that were held: cut at the hold.
    provider.next({ usage: null, text: 'word '.repeat(40) });
    await ask(model, { stream: true, max_tokens: 2 });
    provider.next({ usage: { input: 12, output: 345, cached: 3 } });
    await ask(model, { stream: true });
  }
  provider.next({ dies: 'beforeHeaders' });
  expect((await nexus.chat('own-model', 'Hello there')).status).toBe(502);
}

beforeAll(async () => {
  provider = await startOpenAiServer({ models: [...MODELS, 'free-model'] });
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-recomputed-'));
  nexus = await startTestGateway(toml(provider.url), { env: KEYS, folder });
  await makeTraffic();
  await untilNothingIsHeld(nexus);
  const url = ['--url', nexus.url];
  for (const name of ['ledger.csv', 'ledger.jsonl']) {
    const words = ['ledger', 'export', '--out', name, '--prices', 'prices.jsonl', ...url];
    exports.push(await cli(...words));
  }
  await nexus.stop();
  const lines = async (name: string): Promise<readonly string[]> =>
    (await readFile(inFolder(name), 'utf8')).trimEnd().split(/\r?\n/);
  rows = (await lines('ledger.jsonl')).map((line) => JSON.parse(line));
  prices = new Map(
    (await lines('prices.jsonl')).map((line) => JSON.parse(line)).map((each) => [each.id, each]),
  );
  const [header = '', ...cells] = (await lines('ledger.csv')).map((line) => line.split(','));
  csvRows = cells.map((line) =>
    Object.fromEntries(line.map((cell, at) => [header[at] ?? '', cell])),
  );
});

afterAll(async () => {
  await provider.close();
  await rm(folder, { recursive: true });
});

const PICO = new Fraction(1n, 10n ** 12n);
const NANO = new Fraction(1n, 10n ** 9n);

/** Tokens of a total and its parts, each at its rate; of tokens that are in two parts the dearer counts. */
function priced(
  total: number,
  rate: number,
  parts: readonly (readonly [number, number])[],
): bigint {
  let left = BigInt(total);
  let sum = 0n;
  for (const [tokens, own] of parts.toSorted(([, a], [, b]) => b - a)) {
    const counted = BigInt(tokens) < left ? BigInt(tokens) : left;
    sum += counted * BigInt(own);
    left -= counted;
  }
  return sum + left * BigInt(rate);
}

function atPrice(row: Record<string, string>): Fraction {
  const price = prices.get(row['price_id'] ?? '');
  const tokens = (name: string): number => Number(row[name]);
  const input = tokens('input_tokens');
  const tier = price.tiers.findLast(
    ({ above_input_tokens: above }: Json, at: number) => at === 0 || input > above,
  );
  const pico =
    priced(input, tier.input, [
      [tokens('cached_input_tokens'), tier.cached_input],
      [tokens('cache_write_tokens'), tier.cache_write],
      [tokens('cache_write_1h_tokens'), tier.cache_write_1h],
      [tokens('input_audio_tokens'), tier.input_audio],
    ]) +
    priced(tokens('output_tokens'), tier.output, [
      [tokens('reasoning_tokens'), tier.reasoning],
      [tokens('output_audio_tokens'), tier.output_audio],
    ]);
  return new Fraction(pico).times(PICO).plus(new Fraction(BigInt(price.per_request)).times(NANO));
}

/** What a charge should be, before it is rounded up. */
function costOf(row: Record<string, string>, held: Fraction): Fraction {
  if (row['basis'] === 'assumed') return held;
  const reported = row['reported_cost_usd'] ?? '';
  // A digit below a pico-dollar is rounded up to one.
  if (reported !== '') return Fraction.of(reported).upTo(PICO);
  const cost = atPrice(row);
  return row['basis'] === 'metered' && cost.upTo(NANO).isAbove(held) ? held : cost;
}

describe('an export', () => {
  it('says how much it wrote, and where', () => {
    for (const { stdout, stderr, code } of exports) {
      expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
      expect(stderr).toMatch(/^\d+ entries in ledger\.\w+\n4 prices in prices\.jsonl\n$/);
    }
  });

  it('has the same in its CSV as in its JSON lines', () => {
    const columns = Object.keys(csvRows[0] ?? {});
    // A hold has no usage, and its cells are empty.
    const cells = rows.map(({ usage, ...entry }) =>
      columns.map((name) => `${{ ...entry, ...usage }[name] ?? ''}`),
    );
    expect(csvRows.map((row) => Object.values(row))).toEqual(cells);
    const { usage, ...entry } = rows.find(({ kind }) => kind === 'charge');
    expect(new Set(columns)).toEqual(new Set(Object.keys({ ...entry, ...usage })));
  });

  it('says of each charge its basis, price, tokens and route', () => {
    const charges = csvRows.filter(({ kind }) => kind === 'charge');
    expect(charges).toHaveLength(4 * USAGES.length + 9);
    for (const row of csvRows) {
      expect(row['route']).toBe('chat');
      expect(prices.get(row['price_id'] ?? '')).toMatchObject({
        model: row['model'],
        version: row['price_version'],
      });
    }
    expect(new Set(charges.map(({ basis }) => basis))).toEqual(new Set(['provider', 'metered']));
  });

  it('gives every cost to whoever computes it with fractions', () => {
    const held = new Map(
      csvRows
        .filter(({ kind }) => kind === 'hold')
        .map((row) => [row['hold_id'], Fraction.of(row['held_usd'] ?? '')]),
    );
    let cut = 0;
    for (const row of csvRows.filter(({ kind }) => kind === 'charge')) {
      const hold = held.get(row['hold_id']) ?? new Fraction(0n);
      const cost = costOf(row, hold);
      const isRight =
        cost.equals(Fraction.of(row['exact_cost_usd'] ?? '')) &&
        cost.upTo(NANO).equals(Fraction.of(row['settled_usd'] ?? ''));
      expect([row['seq'], isRight]).toEqual([row['seq'], true]);
      if (row['note'] === 'counted above the hold') cut += 1;
    }
    expect(cut).toBe(3);
  });

  it('is traffic for a simulation, in either format', async () => {
    await writeFile(inFolder('policy.toml'), toml(provider.url));
    const run = async (name: string): Promise<Json> => {
      const words = ['simulate', '--config', 'policy.toml', '--traffic', name, '--json'];
      const { stdout, code } = await cli(...words);
      expect(code).toBe(0);
      return JSON.parse(stdout);
    };
    const [fromCsv, fromJson] = [await run('ledger.csv'), await run('ledger.jsonl')];
    expect(fromCsv).toEqual(fromJson);
    expect(fromCsv.total).toMatchObject({ requests: 4 * USAGES.length + 9, refused: 0 });
  });
});

describe('nexus ledger verify', () => {
  async function verifyAfter(sql: string): Promise<CliResult & { readonly report: Json }> {
    const file = inFolder('copy.db');
    await copyFile(nexus.ledgerPath, file);
    const shell = new DatabaseSync(file);
    shell.exec(`DROP TRIGGER entry_is_never_changed; DROP TRIGGER price_is_never_changed; ${sql}`);
    shell.close();
    const json = await cli('ledger', 'verify', '--ledger', file, '--json');
    const plain = await cli('ledger', 'verify', '--ledger', file);
    expect(json.code).toBe(plain.code);
    return { ...plain, report: JSON.parse(json.stdout) };
  }

  it('makes every charge of a true ledger again', async () => {
    const { stdout, stderr, code, report } = await verifyAfter('');

    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout).toContain('37 charges were made again from their usage and price.');
    expect(report).toMatchObject({
      ok: true,
      months: [{ charges_recomputed: 37, charges_not_recomputable: 0, mismatches: [] }],
    });
  });

  it('names the one charge that was changed by a nano-dollar', async () => {
    const { stderr, code, report } = await verifyAfter(
      'UPDATE entry SET settled_change = settled_change + 1 WHERE seq = 4',
    );

    const entry = rows.find(({ seq }) => seq === 4);
    const found = `${BigInt(entry.settled_usd.replace('0.', '').padEnd(9, '0')) + 1n}`;
    expect(code).toBe(1);
    expect(report.ok).toBe(false);
    expect(report.months[0].mismatches).toEqual([
      {
        seq: 4,
        kind: 'charge',
        request_id: entry.request_id,
        what: 'charge',
        expected_usd: entry.settled_usd,
        found_usd: `0.${found.padStart(9, '0')}`.replace(/0+$/, ''),
      },
    ]);
    expect(stderr.split('\n')).toEqual([
      'nexus: 2026-11: balances and entries differ by 0.000000001 USD',
      expect.stringMatching(
        /^nexus: 2026-11: entry 4 \(charge\) has the charge 0\.\d+ USD, but its evidence makes 0\.\d+ USD$/,
      ),
      '',
    ]);
  });

  it('finds a rate that was changed in the list of prices', async () => {
    const { code, report } = await verifyAfter(
      `UPDATE price SET price = json_set(price, '$.tiers[0].output', 1) WHERE price LIKE '%own-model%'`,
    );

    expect(code).toBe(1);
    expect(report.months[0].problems[0]).toMatch(
      /^entry \d+ \(hold\) refers to the price [\w-]{16}, whose rates were changed$/,
    );
    expect(report.months[0].mismatches.length).toBeGreaterThan(5);
  });

  it('says of a ledger from before prices were kept what can not be recomputed, and finds no fault in it', async () => {
    const old = inFolder('old.db');
    const shell = new DatabaseSync(old);
    const sql = path.join(import.meta.dirname, '../ledger/fixtures/format-1.sql');
    shell.exec(await readFile(sql, 'utf8'));
    shell.close();

    const { stdout, stderr, code } = await cli('ledger', 'verify', '--ledger', old);

    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout).toContain(
      '1 charges are not recomputable: their price or their hold was not kept.',
    );
  });
});
