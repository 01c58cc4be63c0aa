/** The short form of `npm run bench`: its command line, and the parts that need no other program. */
import { spawnSync } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { checkAnswers } from '../../scripts/bench/correctness.ts';
import { chatBody, type Target } from '../../scripts/bench/targets.ts';

const ROOT = path.join(import.meta.dirname, '../..');

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['scripts/bench.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
}

describe('npm run bench', () => {
  it('prints a table of every part that was asked for, in Markdown', () => {
    const { status, stdout, stderr } = bench('--quick', '--only', 'decide,ledger');

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Node ${process.version}`);
    expect(stdout).toMatch(/## Deciding[^]*\| 1 \|[^]*\| 10 \|[^]*\| 100 \|[^]*\| 1000 \|/);
    expect(stdout).toMatch(/## Size of the ledger[^]*\| 0 \|[^]*\| 20,000 \|/);
    expect(stdout).not.toContain('NaN');
  });

  it('says what it can do', () => {
    const { status, stdout } = bench('--help');

    expect(status).toBe(0);
    expect(stdout).toContain('--only LIST');
  });

  it.each([
    [['--only', 'speed'], '--only does not know "speed"'],
    [['--rounds', '0'], '--rounds must be a whole number from 1 on, not "0"'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j as wrong usage', (args, reason) => {
    const { status, stderr } = bench(...args);

    expect(status).toBe(2);
    expect(stderr).toContain(reason);
  });
});

describe('the check before a measurement', () => {
  const closers: (() => void)[] = [];

  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function target(name: string, text: string, status = 200): Promise<Target> {
    const answer = {
      choices: [{ message: { role: 'assistant', content: text } }],
      usage: { prompt_tokens: 1 },
    };
    const listener: RequestListener = (request, response) => {
      request.resume();
      response.writeHead(status).end(JSON.stringify(answer));
    };
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    return {
      name,
      url: `http://127.0.0.1:${port}`,
      pid: process.pid,
      headers: {},
      nextBody: () => chatBody({}),
      rewrites: name === 'peer',
    };
  }

  it('stops where a target passes another answer than the backend gives', async () => {
    const targets = [await target('direct', 'right'), await target('raw', 'wrong')];

    await expect(checkAnswers(targets)).rejects.toThrow(
      'raw, whole answers: it is another answer than the backend gives; nothing is measured',
    );
  });

  it('leaves a peer out where it fails, and says why', async () => {
    const targets = [await target('direct', 'right'), await target('peer', 'right', 500)];
    const { whole, skipped } = await checkAnswers(targets);

    expect(whole.map(({ name }) => name)).toEqual(['direct']);
    expect(skipped[0]).toContain('peer, whole answers: status 500');
  });
});
