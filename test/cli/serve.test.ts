import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCli, startCli, type CliResult } from '../support/run-cli.ts';

const CONFIG = `
[server]
port = 0
[discovery]
enabled = false
[ledger]
path = "spending.db"
[control]
clock = "injected"
[routing.budget]
monthly_limit_usd = 5
[[backends]]
name = "fast"
type = "simulated"
kind = "cloud"
models = ["gpt-4-turbo"]
prices = { "*" = { input = 10, output = 30 } }
[[backends]]
name = "slow"
type = "simulated"
kind = "local"
models = ["sloth"]
simulation = { latency_ms = 600000 }
`;

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  /** Everything on standard output and standard error so far. */
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

describe('nexus serve', () => {
  let folder: string;
  const running: Served[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'nexus-serve-'));
    await writeFile(path.join(folder, 'nexus.toml'), CONFIG);
  });

  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  async function start(words: string, env: Record<string, string> = {}): Promise<Served> {
    const child = startCli(words.split(' '), { cwd: folder, env });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const ended = once(child, 'close').then(([code]) => code as number | null);
    const hasEnded = ended.then((code) => {
      throw new Error(`ended with ${code} before it listened: ${said}`);
    });
    hasEnded.catch(() => undefined);
    // The ledger is in the last line of what is said at the start.
    const listens = /listens on (http:\/\/\S+)[^]*Ledger.*\n/;
    while (!listens.test(said))
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), hasEnded]);
    const url = listens.exec(said)?.[1] ?? '';
    const served: Served = { child, url, said: () => said, ended };
    running.push(served);
    return served;
  }

  function ask(words: string, { url }: Served): Promise<CliResult> {
    return runCli([...words.split(' '), '--url', url], { cwd: folder });
  }

  function chat({ url }: Served, model: string): Promise<Response> {
    return fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, max_tokens: 20, messages: [{ role: 'user', content: 'Hi' }] }),
    });
  }

  /** Resolves when a request waits for a backend. */
  async function untilPending({ url }: Served): Promise<void> {
    for (;;) {
      const answer = await fetch(`${url}/v1/stats`);
      const { backends } = (await answer.json()) as { backends: { pending: number }[] };
      if (backends.some(({ pending }) => pending > 0)) return;
    }
  }

  it('says what runs, answers the other commands, and stops in order with 0', async () => {
    const served = await start('serve --config nexus.toml');
    expect(served.said()).toContain(`Dashboard: ${served.url}/`);
    expect((await chat(served, 'gpt-4-turbo')).status).toBe(200);

    const backends = await ask('backends', served);
    expect(backends.stdout).toMatch(/^fast +simulated +cloud +healthy/m);
    const models = await ask('models --json', served);
    expect(JSON.parse(models.stdout)).toMatchObject({
      data: [{ id: 'gpt-4-turbo' }, { id: 'sloth' }],
    });
    const budget = await ask('budget', served);
    expect(budget.stdout).toMatch(/^spent +0\.000\d+ USD of 5 USD/m);
    const estimate = await ask('estimate --model gpt-4-turbo --prompt Hi --max-tokens 20', served);
    expect(estimate.stdout).toMatch(/^served by +fast \(cloud\)/m);
    const list = await ask('ledger list --kind charge', served);
    expect(list.stdout).toMatch(/charge +fast +gpt-4-turbo/);
    const exported = await ask('ledger export --format jsonl', served);
    expect(
      exported.stdout
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { kind: string }).kind),
    ).toEqual(['hold', 'charge']);

    const before = JSON.parse((await ask('clock --json', served)).stdout) as Record<string, string>;
    const after = JSON.parse((await ask('clock --advance 31d --json', served)).stdout) as Record<
      string,
      string
    >;
    expect(Date.parse(after['now'] ?? '') - Date.parse(before['now'] ?? '')).toBe(31 * 86_400_000);
    expect(after['billing_month']).not.toBe(before['billing_month']);

    served.child.kill('SIGTERM');
    expect(await served.ended).toBe(0);
  });

  it('lets flags win over the file', async () => {
    const served = await start(
      'serve --config nexus.toml --ledger other.db --host localhost --log-level error',
    );

    const verified = await runCli(['ledger', 'verify', '--ledger', 'other.db'], { cwd: folder });
    expect(served.url).toMatch(/^http:\/\/localhost:\d+$/);
    expect(verified).toMatchObject({ stdout: '', code: 1 });
  });

  it('says nothing but log lines where those are for machines', async () => {
    await writeFile(
      path.join(folder, 'nexus.toml'),
      `${CONFIG}[logging]
format = "json"
`,
    );
    const child = startCli(['serve', '--config', 'nexus.toml'], { cwd: folder });
    const lines: string[] = [];
    let rest = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        const parts = (rest + text).split('\n');
        rest = parts.pop() ?? '';
        lines.push(...parts);
      });
    }
    while (lines.length === 0)
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data')]);
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];

    expect(code).toBe(0);
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });

  it('verifies its ledger once it has stopped, and says that the file is in use before', async () => {
    const served = await start('serve --config nexus.toml');
    await (await chat(served, 'gpt-4-turbo')).arrayBuffer();

    const locked = await runCli(['ledger', 'verify', '--config', 'nexus.toml'], { cwd: folder });
    expect(locked).toMatchObject({ stdout: '', code: 1 });
    expect(locked.stderr).toMatch(/^nexus: [^\n]*spending\.db[^\n]*\n$/);
    expect(locked.stderr).toMatch(/another|in use|locked|running/);

    served.child.kill('SIGTERM');
    expect(await served.ended).toBe(0);
    const plain = await runCli(['ledger', 'verify', '--config', 'nexus.toml'], { cwd: folder });
    expect(plain).toMatchObject({ stderr: '', code: 0 });
    expect(plain.stdout).toMatch(/^\d{4}-\d\d +2 +0\.000\d+ +0 +0 +0$/m);
    const json = await runCli('ledger verify --ledger spending.db --json'.split(' '), {
      cwd: folder,
    });
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      months: [{ entries: 2, held_usd: '0', drift_usd: '0' }],
    });
  });

  it('ends at once with 130 on a second signal, although a request is in flight', async () => {
    const served = await start('serve --config nexus.toml');
    const hanging = chat(served, 'sloth').catch(() => 'cut');
    await untilPending(served);

    // A person presses again and again; what comes within one press counts once.
    while (served.child.exitCode === null) {
      served.child.kill('SIGTERM');
      await pause(150);
    }

    expect(await served.ended).toBe(130);
    expect(await hanging).toBe('cut');
  });

  it('refuses to start in one line: no such file, a port in use, a ledger in use', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const missing = await runCli(['serve', '--config', 'missing.toml'], { cwd: folder });
    const busy = await runCli(['serve', '--config', 'nexus.toml', '--port', String(port)], {
      cwd: folder,
    });
    taken.close();
    await start('serve --config nexus.toml');
    const second = await runCli(['serve', '--config', 'nexus.toml'], { cwd: folder });

    expect(missing).toMatchObject({ stdout: '', code: 1 });
    expect(missing.stderr).toMatch(/^nexus: missing\.toml: there is no such file[^\n]*\n$/);
    expect(busy.code).toBe(1);
    expect(busy.stderr).toContain(
      `nexus: Can not listen on 127.0.0.1:${port}: another program listens there;`,
    );
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^nexus: [^\n]*spending\.db[^\n]*$/m);
    expect(second.stderr).not.toContain('    at ');
  });
});

describe('nexus ledger verify', () => {
  it('says which ledger is not there', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'nexus-verify-'));
    await writeFile(path.join(folder, 'memory.toml'), '[ledger]\npath = ":memory:"\n');
    const [missing, memory] = await Promise.all([
      runCli(['ledger', 'verify', '--ledger', 'none.db'], { cwd: folder }),
      runCli(['ledger', 'verify', '--config', 'memory.toml'], { cwd: folder }),
    ]);
    await rm(folder, { recursive: true, force: true });

    expect(missing).toEqual({
      stdout: '',
      stderr:
        'nexus: there is no ledger at none.db; name one with --ledger PATH or --config FILE\n',
      code: 1,
    });
    expect(memory.stderr).toBe(
      'nexus: a ledger at :memory: is in no file, so there is nothing to verify\n',
    );
  });
});
