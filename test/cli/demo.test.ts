import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCli, startCli } from '../support/run-cli.ts';

interface PhaseRow {
  readonly phase: string;
  readonly billing_month: string;
  readonly requests: number;
  readonly local: number;
  readonly cloud: number;
  readonly refused: number;
  readonly spent_usd: string;
}

interface Report {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly limit_usd: string;
  readonly phases: readonly PhaseRow[];
  readonly spending: readonly { readonly billing_month: string; readonly spent_usd: string }[];
}

/** Exact sums: the demo's amounts have at most nine decimals. */
function nanoSum(amounts: readonly string[]): number {
  return amounts.reduce((sum, amount) => sum + Math.round(Number(amount) * 1e9), 0);
}

describe('nexus demo', () => {
  let temp: string;

  beforeEach(async () => {
    temp = await mkdtemp(path.join(tmpdir(), 'nexus-demo-test-'));
  });

  afterEach(() => rm(temp, { recursive: true, force: true }));

  it('drives a gateway through all phases and into the next month, and accounts for every dollar', async () => {
    const { stdout, stderr, code } = await runCli(['demo', '--speed', '100', '--json'], {
      env: { TMPDIR: temp },
    });

    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({ ok: true, problems: [], limit_usd: '1' });
    const [normal, soft, hard, next] = report.phases;
    expect(report.phases.map(({ phase }) => phase)).toEqual([
      'Normal',
      'SoftLimit',
      'HardLimit',
      'Next month',
    ]);
    expect(normal).toMatchObject({ refused: 0 });
    expect(normal?.cloud).toBeGreaterThan(normal?.local ?? 0);
    expect(soft?.local).toBeGreaterThan(soft?.cloud ?? 0);
    expect(hard).toMatchObject({ cloud: 0, local: 8, refused: 4, spent_usd: '0' });
    expect(next).toMatchObject({ refused: 0, local: 4, cloud: 8 });
    expect(next?.billing_month).not.toBe(normal?.billing_month);
    const first = report.spending.filter((row) => row.billing_month === normal?.billing_month);
    expect(nanoSum(first.map((row) => row.spent_usd))).toBeLessThanOrEqual(1e9);
    expect(nanoSum(report.spending.map((row) => row.spent_usd))).toBe(
      nanoSum(report.phases.map((row) => row.spent_usd)),
    );
    expect(await readdir(temp)).toEqual([]);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const child = startCli(['demo'], { env: { TMPDIR: temp } });
    const stdout = text(child.stdout);
    let said = '';
    child.stderr.setEncoding('utf8');
    while (!said.includes('1/4')) said += String((await once(child.stderr, 'data'))[0]);
    child.stderr.resume();

    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];

    expect(code).toBe(130);
    expect(await stdout).toBe('');
    expect(await readdir(temp)).toEqual([]);
  });

  it('shows progress in plain lines, then tables, and with --keep leaves its gateway running', async () => {
    const child = startCli(['demo', '--speed', '100', '--keep'], { env: { TMPDIR: temp } });
    const shown = text(child.stdout);
    let said = '';
    child.stderr.setEncoding('utf8');
    while (!said.includes('goes on at')) said += String((await once(child.stderr, 'data'))[0]);
    child.stderr.resume();
    const url = /goes on at (\S+)/.exec(said)?.[1] ?? '';

    expect((await fetch(`${url}v1/stats`)).status).toBe(200);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'close')) as [number | null];
    const all = said + (await shown);

    expect(code).toBe(0);
    for (const step of ['1/4 Normal', '2/4 SoftLimit', '3/4 HardLimit', '4/4 The month turns'])
      expect(said).toContain(step);
    expect(said).toMatch(/^ {4}20 requests, \d+\.\d %, 0\.\d{4} of 1\.00 USD$/m);
    expect(all).toMatch(/^PHASE +MONTH +REQUESTS +LOCAL +CLOUD +REFUSED +SPENT USD$/m);
    expect(all).toMatch(/^\d{4}-\d\d +simulated-cloud +claude-3-opus/m);
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(all).not.toMatch(/[\u001B\r]/);
    expect(Math.max(...all.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(await readdir(temp)).toEqual([]);
  });
});
