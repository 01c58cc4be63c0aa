import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCli, type CliResult } from '../support/run-cli.ts';

const GOOD = `
[server]
port = 8123
[discovery]
enabled = false
[routing.budget]
monthly_limit_usd = 12.5
soft_limit_percent = 80.0
hard_limit_action = "block_cloud"
[ledger]
path = "spending.db"
[[backends]]
name = "home"
type = "ollama"
url = "http://127.0.0.1:11434"
[[backends]]
name = "away"
type = "openai"
url = "https://api.openai.com"
api_key_env = "MY_KEY"
models = ["gpt-4-turbo"]
`;

describe('commands about the config', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'nexus-cli-'));
    await writeFile(path.join(folder, 'good.toml'), GOOD);
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  function run(words: string, env: Record<string, string> = {}): Promise<CliResult> {
    return runCli(words.split(' '), { cwd: folder, env });
  }

  it('shows what would run, and never a key', async () => {
    const { stdout, stderr, code } = await run('check --config good.toml', { MY_KEY: 'sk-secret' });

    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout).not.toContain('sk-secret');
    expect(stdout.split('\n')).toEqual([
      'good.toml is valid.',
      '',
      'listens on      127.0.0.1, port 8123',
      'key of clients  none asked',
      'metrics         /metrics',
      'budget          12.5 USD a month, local first from 80 % on, then no cloud; turns on day 1, UTC',
      'strategy        smart',
      'ledger          spending.db',
      'clock           system',
      '',
      'BACKEND  TYPE    KIND   PRIORITY  KEY     URL                     MODELS',
      'home     ollama  local        50  -       http://127.0.0.1:11434  asked at the start',
      'away     openai  cloud        50  MY_KEY  https://api.openai.com  gpt-4-turbo',
      '',
    ]);
  });

  it('prints every value in force as JSON, and never a key', async () => {
    const { stdout, code } = await run('check --config good.toml --json', { MY_KEY: 'sk-secret' });

    expect(code).toBe(0);
    expect(stdout).not.toContain('sk-secret');
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      file: 'good.toml',
      settings: {
        server: { port: 8123 },
        backends: [{ name: 'home' }, { name: 'away', api_key: 'set' }],
      },
    });
  });

  it('tells what will not run, and why', async () => {
    const { stdout, stderr, code } = await run('check --config good.toml');

    expect(code).toBe(0);
    expect(stdout).toContain('Not run: away, because the environment variable MY_KEY is not set.');
    expect(stderr).toMatch(/^warning: .*away.*MY_KEY.*\n$/);
  });

  it('refuses a config that can not be used, in one line and with 1', async () => {
    await writeFile(
      path.join(folder, 'bad.toml'),
      GOOD.replace('soft_limit_percent', 'soft_limit_pct'),
    );
    const [plain, asJson, missing] = await Promise.all([
      run('check --config bad.toml'),
      run('check --config bad.toml --json'),
      run('check --config missing.toml'),
    ]);

    expect(plain).toMatchObject({ stdout: '', code: 1 });
    expect(plain.stderr).toMatch(/^nexus: bad\.toml: .*soft_limit_pct.*soft_limit_percent.*\n$/);
    expect(JSON.parse(asJson.stdout)).toEqual({
      ok: false,
      error: plain.stderr.slice('nexus: '.length).trimEnd(),
    });
    expect(asJson).toMatchObject({ stderr: '', code: 1 });
    expect(missing.stderr).toMatch(/^nexus: missing\.toml: there is no such file.*\n$/);
    expect(missing.code).toBe(1);
  });

  it('checks what would run without a file: the defaults and what is found', async () => {
    const env = { OPENAI_API_KEY: 'sk-secret', OLLAMA_HOST: '127.0.0.1:9' };
    const { stdout, stderr, code } = await run('check', env);

    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout).not.toContain('sk-secret');
    expect(stdout).toContain('No config file: defaults.');
    expect(stdout).toContain('budget          none: nothing is enforced');
    expect(stdout).toMatch(/^openai \(found\) +openai +cloud/m);
  });

  it('writes an example config that is valid as it is', async () => {
    const { stdout, code } = await run('config init');

    expect({ stdout, code }).toEqual({
      stdout: 'nexus.toml is written. Run it with: nexus serve --config nexus.toml\n',
      code: 0,
    });
    const check = await run('check --config nexus.toml', { OLLAMA_HOST: '127.0.0.1:9' });
    expect(check).toMatchObject({ stderr: '', code: 0 });
    expect(check.stdout).toContain('nexus.toml is valid.');
    expect(await readFile(path.join(folder, 'nexus.toml'), 'utf8')).not.toContain('#:schema');
  });

  it('overwrites a file only when it is forced to', async () => {
    const refused = await run('config init --output good.toml');
    const kept = await readFile(path.join(folder, 'good.toml'), 'utf8');
    const forced = await run('config init --output good.toml --force');

    expect(refused).toEqual({
      stdout: '',
      stderr: 'nexus: good.toml is there already; add --force to overwrite it\n',
      code: 1,
    });
    expect(kept).toBe(GOOD);
    expect(forced.code).toBe(0);
    expect(await readFile(path.join(folder, 'good.toml'), 'utf8')).toContain('[routing.budget]');
  });

  it('says that a folder is missing', async () => {
    expect(await run('config init --output no/where.toml')).toEqual({
      stdout: '',
      stderr: 'nexus: the folder of no/where.toml does not exist; make it first\n',
      code: 1,
    });
  });
});
