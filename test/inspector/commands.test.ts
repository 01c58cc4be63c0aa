import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect';
import { eventually } from '../support/eventually.ts';
import { runCli, startCli } from '../support/run-cli.ts';

/** Resolves with the first group of the first match in what is written; goes on reading, so that the writer can go on. */
function firstMatch(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let seen = '';
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      const match = pattern.exec(seen);
      if (match) resolve(match[1] ?? '');
    });
    stream.on('end', () => reject(new Error(`nothing like ${String(pattern)} in: ${seen}`)));
  });
}

describe('nexus inspect', () => {
  it('serves the page on this machine and ends with Ctrl-C', async () => {
    const child = startCli(['inspect']);
    const stderr = text(child.stderr);
    const url = await firstMatch(child.stdout, /^(http:\/\/127\.0\.0\.1:\d+\/inspector)\n/);
    const page = await fetch(url);
    expect(await page.text()).toContain('Nexus inspector');
    const module = `${url}/files/src/control/start-control-plane.js`;
    expect((await fetch(module)).status).toBe(200);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
    // Not a word of Node's about experiments.
    expect(await stderr).toBe('The page is served until Ctrl-C.\n');
  });

  it('says which port can not be had', async () => {
    const { stderr, code } = await runCli(['inspect', '--port', '99999']);
    expect(code).toBe(2);
    expect(stderr).toContain('--port must be a whole number from 0 to 65535');
  });
});

describe('nexus serve --inspect', () => {
  it('shows the running actors to the Stately inspector, and stops at once all the same', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'nexus-inspect-'));
    const child = startCli(
      ['serve', '--inspect', '--port', '0', '--ledger', path.join(folder, 'ledger.db')],
      { cwd: folder },
    );
    const url = await firstMatch(child.stdout, /Stately:\s+(http:\/\/127\.0\.0\.1:\d+\/)/);
    const messages: StatelyInspectionEvent[] = [];
    createWebSocketReceiver({ server: url.replace('http', 'ws') }).subscribe((message) =>
      messages.push(message),
    );
    await eventually(() =>
      expect(messages.filter(({ type }) => type === '@xstate.actor')).not.toHaveLength(0),
    );
    expect((await fetch(url)).status).toBe(200);
    const startedMs = performance.now();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    await rm(folder, { recursive: true, force: true });
  });
});
