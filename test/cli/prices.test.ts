/** `nexus prices`: what a request to a model would be charged by, without sending one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load-config.ts';
import { runCli, type CliResult } from '../support/run-cli.ts';
import { startTestGateway, type Json } from '../support/test-gateway.ts';

const OPENAI = `
[[backends]]
name = "openai"
type = "openai"
models = ["gpt-4o", "gpt-4.1", "gpt-99"]
[backends.prices."gpt-4.1"]
input = 2
output = 8.000001
per_request = 0.01
versions = [{ from = "2126-12-01", input = 1, output = 4, reasoning = 5 }]
`;
const CLAUDE = `
[[backends]]
name = "claude"
type = "anthropic"
models = ["claude-sonnet-4-5"]
`;
const BOX = '[[backends]]\nname = "box"\ntype = "ollama"\n';
const ASK_IT = 'nexus: the models of box are known to a running gateway only; ask it with --url\n';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-prices-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(words: string, toml?: string): Promise<CliResult> {
  if (toml === undefined) return runCli(words.split(' '), { cwd: folder });
  await writeFile(path.join(folder, 'nexus.toml'), toml);
  return runCli([...words.split(' '), '--config', 'nexus.toml'], { cwd: folder });
}

async function runJson(words: string, toml?: string): Promise<Json> {
  return JSON.parse((await run(`${words} --json`, toml)).stdout);
}

describe('nexus prices', () => {
  it('shows version, date, age and size of the list, and what the config puts before it', async () => {
    const { stdout, code } = await run('prices', OPENAI + CLAUDE);

    expect(code).toBe(0);
    expect(stdout).toMatch(/^price list +genai-prices 0\.1\.8 of 2026-09-23, \d+ days old$/m);
    expect(stdout).toMatch(/^knows +1694 models of 43 providers$/m);
    expect(stdout).toMatch(
      /^overrides +1 in nexus\.toml; next change on 2126-12-01T00:00:00\.000Z, gpt-4\.1 at openai$/m,
    );
    expect(stdout).toMatch(/^no price +charged at the dearest rate of its provider times 1\.15$/m);
  });

  it('shows the same as JSON', async () => {
    const toml = '[routing.budget]\nmonthly_limit_usd = 1\nunknown_price = "deny"\n';

    expect(await runJson('prices', toml + OPENAI)).toEqual({
      list: {
        version: 'genai-prices 0.1.8',
        date: '2026-09-23',
        age_days: expect.any(Number),
        models: 1694,
        providers: expect.arrayContaining(['openai', 'anthropic', 'google']),
      },
      config: 'nexus.toml',
      overrides: 1,
      changes_ahead: [{ backend: 'openai', model: 'gpt-4.1', from: '2126-12-01T00:00:00.000Z' }],
      unknown_price: 'deny',
    });
  });

  it('lists what can follow it', async () => {
    const { stdout } = await run('prices --help');

    expect(stdout).toMatch(/^ {2}list +Show the prices in force/m);
    expect(stdout).toMatch(/^ {2}check +Find models in use/m);
    expect(await run('prices lst')).toEqual({
      stdout: '',
      stderr:
        "nexus: unknown command 'prices lst'; did you mean 'prices list'?; it is one of list, check (see 'nexus --help')\n",
      code: 2,
    });
  });
});

describe('nexus prices list', () => {
  it('shows what each configured model is charged by, in columns that say something', async () => {
    const { stdout, stderr, code } = await run('prices list', OPENAI + CLAUDE + BOX);

    expect(code).toBe(0);
    expect(stderr).toBe(ASK_IT);
    const [head, , ...rows] = stdout.split('\n');
    expect(head).toBe('USD per million tokens; the list is genai-prices 0.1.8 of 2026-09-23.');
    expect(rows[0]).toMatch(
      /^BACKEND +MODEL +ABOVE +INPUT +CACHED +WRITE +WRITE 1H +OUTPUT +REQUEST +WEB SEARCH +FILE SEARCH +FROM$/,
    );
    expect(rows[1]).toMatch(
      /^openai +gpt-4o +0 +2\.5 +1\.25 +2\.5 +2\.5 +10 +0 +0\.01 +0\.0025 +list$/,
    );
    expect(rows[2]).toMatch(
      /^openai +gpt-4\.1 +0 +2 +2 +2 +2 +8\.000001 +0\.01 +- +- +config [0-9a-f]{12}$/,
    );
    expect(rows[3]).toMatch(/^openai +gpt-99 +0 +172\.5 .* conservative$/);
    expect(rows[5]).toMatch(/^claude +claude-sonnet-4-5 +200000 +6 +0\.6 +7\.5 +12 +22\.5 /);
  });

  it('is exact as JSON, and shows another time', async () => {
    const today = await runJson('prices list', OPENAI);
    const later = await runJson('prices list --at 2126-12-01', OPENAI);

    expect(today.list).toEqual({ version: 'genai-prices 0.1.8', date: '2026-09-23' });
    expect(today.data[0]).toMatchObject({
      backend: 'openai',
      model: 'gpt-4o',
      price: {
        source: 'list',
        version: 'genai-prices 0.1.8 (2026-09-23)',
        unit: 'USD per million tokens',
        tiers: [{ above_input_tokens: 0, input: '2.5', cached_input: '1.25', output: '10' }],
        per_request_usd: '0',
        web_search_usd: '0.01',
        file_search_usd: '0.0025',
        max_output_tokens: 16_384,
      },
    });
    const [before, after] = [today, later].map(({ data }) => data[1].price);
    expect(before).toMatchObject({
      source: 'config',
      version: expect.stringMatching(/^config [0-9a-f]{12}$/),
      tiers: [{ output: '8.000001', reasoning: '8.000001' }],
      per_request_usd: '0.01',
    });
    expect(after).toMatchObject({
      tiers: [{ input: '1', output: '4', reasoning: '5' }],
      per_request_usd: '0',
    });
    expect(after.version).not.toBe(before.version);
  });

  it('says where a request would be refused, and what is free', async () => {
    const { stdout } = await run(
      'prices list',
      `[routing.budget]\nmonthly_limit_usd = 1\nunknown_price = "deny"\n${OPENAI}${BOX}models = ["llama3"]\n`,
    );

    expect(stdout).toMatch(/^openai +gpt-99 +- +- .*no price: refused$/m);
    expect(stdout).toMatch(/^box +llama3 +0 +0 .*free$/m);
  });

  it('shows the packaged list by provider, by model and by pattern', async () => {
    const [provider, model, pattern] = await Promise.all([
      runJson('prices list --provider anthropic'),
      runJson('prices list --model claude-sonnet-4-5'),
      runJson('prices list --provider openai --model gpt-4o*'),
    ]);

    expect(provider.data.length).toBeGreaterThan(20);
    for (const row of provider.data) expect(row.provider).toBe('anthropic');
    const places = model.data.map((row: Json) => row.provider);
    expect(places).toEqual(expect.arrayContaining(['anthropic', 'google']));
    expect(new Set(places).size).toBe(places.length);
    for (const row of pattern.data) expect(row.model).toMatch(/^gpt-4o/);
    expect(pattern.data.length).toBeGreaterThan(3);
  });

  it('marks what is not billed by the token, and what nobody looks after', async () => {
    const { stdout } = await run('prices list --provider mistral');

    expect(stdout).toMatch(/^mistral .* not per token$/m);
    expect(stdout).toMatch(/^mistral .* list, deprecated$/m);
  });

  it.each([
    [
      'prices list --provider opnai',
      1,
      /^nexus: the price list has no provider 'opnai'; did you mean 'openai'\?/,
    ],
    [
      'prices list --model gpt-99 --provider openai',
      1,
      /^nexus: the price list has no model 'gpt-99' of openai; a pattern such as '\*gpt-99\*' finds more\n$/,
    ],
    ['prices list --model gpt[', 2, /^nexus: --model: the pattern "gpt\[" has a \[ without its \]/],
    [
      'prices list --provider openai --at tomorrow',
      2,
      /^nexus: --at must be a date such as 2026-12-01 or a time such as 2026-12-01T00:00:00Z, not 'tomorrow'/,
    ],
    ['prices check --ledger nowhere.db', 1, /^nexus: there is no ledger at nowhere\.db\n$/],
    ['prices check --max-age-days soon', 2, /^nexus: --max-age-days must be a whole number/],
    ['prices check --url http://127.0.0.1:1', 1, /^nexus: no gateway answers at/],
  ])('answers `nexus %s` with %i', async (words, code, line) => {
    const result = await run(words);

    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(line);
    expect(result.code).toBe(code);
  });
});

describe('nexus prices check', () => {
  it('ends with 0 when every model has a price', async () => {
    expect(await run('prices check --max-age-days 100000', CLAUDE + BOX)).toEqual({
      stdout: 'All 1 models in use have a price to rely on.\n',
      stderr: ASK_IT,
      code: 0,
    });
    expect((await run('prices check', '')).stdout).toBe('No model is in use.\n');
  });

  it('ends with 1 for a model without a price, and prints what makes it good', async () => {
    const { stdout, code } = await run('prices check --max-age-days 100000', OPENAI + CLAUDE);

    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^openai +gpt-99 +config +no price is known: the dearest rate of its provider times 1\.15 is charged$/m,
    );
    expect(stdout).toContain('1 of 4 models in use need a price.');
    const [, toml = ''] = stdout.split('# below [[backends]] name = "openai"\n');
    expect(toml).toBe('[backends.prices."gpt-99"]\ninput = 172.5\noutput = 690\n');

    const mended = OPENAI + toml;
    expect((await run('prices check --max-age-days 100000', mended)).code).toBe(0);
    const { settings } = loadConfig({ path: path.join(folder, 'nexus.toml'), env: {} });
    expect(settings.backends[0]?.prices['gpt-99']).toEqual({
      input: 172_500_000,
      output: 690_000_000,
    });
  });

  it('does not rely on a list that is too old, nor on an entry that is deprecated', async () => {
    const mistral =
      '[[backends]]\nname = "mistral"\ntype = "openai"\nurl = "https://api.mistral.ai"\nmodels = ["mistral-tiny"]\n';
    const { ok, checked, problems } = await runJson('prices check --max-age-days 0', CLAUDE);

    expect({ ok, checked }).toEqual({ ok: false, checked: 1 });
    expect(problems).toMatchObject([
      {
        backend: 'claude',
        model: 'claude-sonnet-4-5',
        seen_in: ['config'],
        problem: 'expired',
        message: expect.stringMatching(/^the list is \d+ days old, more than 0/),
        price: { source: 'list' },
        // The dearer tier: the file knows one only.
        toml: '[backends.prices."claude-sonnet-4-5"]\ninput = 6\noutput = 22.5\ncached_input = 0.6\ncache_write = 7.5\ncache_write_1h = 12',
      },
    ]);
    const deprecated = await runJson('prices check --max-age-days 100000', mistral);
    expect(deprecated.problems).toMatchObject([
      { problem: 'expired', message: expect.stringContaining('deprecated') },
    ]);
  });

  it('says that a model would be refused, where the config says so', async () => {
    const deny = '[routing.budget]\nmonthly_limit_usd = 1\nunknown_price = "deny"\n';
    const { problems } = await runJson('prices check --max-age-days 100000', deny + OPENAI);

    expect(problems).toMatchObject([
      { model: 'gpt-99', problem: 'missing', price: null, toml: expect.stringContaining('172.5') },
    ]);
  });

  it('asks a running gateway and reads its ledger, beside what the config names', async () => {
    const backend = (name: string, models: string): string =>
      `[[backends]]\nname = "${name}"\ntype = "simulated"\nkind = "cloud"\nmodels = [${models}]\n`;
    const nexus = await startTestGateway(backend('one', '"gpt-98"') + backend('old', '"gpt-97"'));
    try {
      for (const model of ['gpt-98', 'gpt-97'])
        await (await nexus.chat(model, 'Hello', { max_tokens: 5 })).arrayBuffer();
      const known = backend('one', '"gpt-4o"') + backend('old', '"gpt-4o"');
      const both = `prices check --max-age-days 100000 --url ${nexus.url} --ledger ${nexus.ledgerPath}`;

      const { problems, checked } = await runJson(both, known);
      expect(checked).toBe(4);
      expect(
        problems.map(({ backend: at, model, seen_in: seen }: Json) => [at, model, seen]),
      ).toEqual([
        ['old', 'gpt-97', ['gateway', 'ledger']],
        ['one', 'gpt-98', ['gateway', 'ledger']],
      ]);
      const strange = await run(both, backend('one', '"gpt-4o"'));
      expect([strange.code, strange.stderr]).toEqual([
        1,
        "nexus: the gateway serves gpt-97 at old, a backend that this config does not have; name the gateway's own with --config FILE\n",
      ]);
      const past = `prices check --max-age-days 100000 --ledger ${nexus.ledgerPath}`;
      const { stderr, stdout, code } = await run(past, backend('one', '"gpt-4o"'));
      expect(stderr).toBe('nexus: the config no longer has old of the ledger\n');
      expect(stdout).toMatch(/^one +gpt-98 +ledger +no price is known/m);
      expect(code).toBe(1);
    } finally {
      await nexus.stop();
    }
  });
});
