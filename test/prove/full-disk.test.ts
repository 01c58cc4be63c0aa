/**
 * The real gateway when its ledger can not be written: what costs money is refused, what is free goes on, and when the
 * disk is mended the gateway goes on by itself, without a restart.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayProcess } from '../../scripts/crash/gateway-process.ts';
import { eventually } from '../support/eventually.ts';
import { runCli } from '../support/run-cli.ts';
import { allEntries, clientOf, type Json } from '../support/test-gateway.ts';

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const MAX_MS = 120_000;

let folder: string;
let running: GatewayProcess | null;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'nexus-full-disk-'));
  running = null;
});

afterEach(async () => {
  await running?.kill();
  rmSync(folder, { recursive: true, force: true });
});

function writeConfig(ledgerPath: string): string {
  const file = path.join(folder, 'nexus.toml');
  writeFileSync(
    file,
    `
[server]
port = 0
[logging]
level = "error"
[ledger]
path = ${JSON.stringify(ledgerPath)}
[routing.budget]
monthly_limit_usd = 100
hard_limit_action = "block_cloud"
[[backends]]
name = "paid"
type = "simulated"
kind = "cloud"
models = ["gpt-4o", "slow"]
[backends.prices."*"]
input = 10
output = 30
max_output_tokens = 100
[backends.simulation]
latency_ms = 0
tokens_per_second = 20
output_tokens = 20
[[backends]]
name = "free"
type = "simulated"
kind = "local"
models = ["llama3"]
`,
  );
  return file;
}

async function start(ledgerPath: string): Promise<GatewayProcess> {
  running = new GatewayProcess(writeConfig(ledgerPath));
  await running.ready();
  return running;
}

interface Disk {
  /** From now on nothing can be written. */
  readonly fill: () => void;
  readonly free: () => void;
}

/** The same story for each way in which a disk can be full. */
async function expectToOutliveIt(
  gateway: GatewayProcess,
  ledgerPath: string,
  disk: Disk,
): Promise<void> {
  const client = clientOf(gateway.url);
  expect((await client.chat('gpt-4o', 'before', { max_tokens: 1 })).status).toBe(200);
  const inFlight = await client.chat('slow', 'in flight', { stream: true });
  expect(inFlight.status).toBe(200);
  disk.fill();

  const refused = await client.chat('gpt-4o', 'while it is full', { max_tokens: 1 });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  const { error } = (await refused.json()) as Json;
  expect(error.code).toBe('ledger_unavailable');
  expect(error.message).toMatch(/ledger can not be written.*Free the disk/);
  const free = await client.chat('llama3', 'while it is full');
  expect([free.status, free.headers.get('x-nexus-backend')]).toEqual([200, 'free']);
  expect((await client.get('/readyz')).status).toBe(503);
  expect((await client.getJson('/health')).ledger).toBe('not writable');
  expect(await inFlight.text()).toMatch(/data: \[DONE\]\n\n$/);
  // What was spent meanwhile is known already, though nothing can be stored.
  expect((await client.getJson('/v1/budget')).settled_usd).toBeGreaterThan(0);

  disk.free();
  await eventually(async () => expect((await client.get('/readyz')).status).toBe(200), 20_000);
  expect((await client.chat('gpt-4o', 'after', { max_tokens: 1 })).status).toBe(200);
  const budget = await client.getJson('/v1/budget');
  expect(budget).toMatchObject({ held_usd: 0, suspense_usd: 0, open_holds: 0 });
  const charged = (await allEntries(client)).filter((entry) => entry.kind === 'charge');
  expect(charged.map((entry) => [entry.backend, entry.basis])).toEqual([
    ['paid', 'provider'],
    // These two ended while nothing could be stored.
    ['free', 'provider'],
    ['paid', 'provider'],
    ['paid', 'provider'],
  ]);
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  const verified = await runCli(['ledger', 'verify', '--ledger', ledgerPath]);
  expect([verified.code, verified.stderr]).toEqual([0, '']);
}

function canRun(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('a ledger that can not be written', () => {
  const canLimit = isLinux && canRun('prlimit', '--version');
  const limited = canLimit
    ? 'refuses what costs money, lets free requests go on, and goes on by itself'
    : 'is not tried by a limit on file sizes: that needs prlimit of Linux';
  (canLimit ? it : it.skip)(
    limited,
    async () => {
      const ledgerPath = path.join(folder, 'ledger.db');
      const gateway = await start(ledgerPath);
      const limit = (bytes: string): void => {
        execFileSync('prlimit', ['--pid', String(gateway.pid), `--fsize=${bytes}:unlimited`]);
      };
      await expectToOutliveIt(gateway, ledgerPath, {
        fill: () => limit('0'),
        free: () => limit('unlimited'),
      });
    },
    MAX_MS,
  );
});

describe('a full disk', () => {
  const canMount = isLinux && isRoot && tryMount();
  const full = canMount
    ? 'is outlived in the same way'
    : 'is not tried: mounting a small one needs to be root';
  (canMount ? it : it.skip)(
    full,
    async () => {
      const mount = path.join(folder, 'disk');
      mkdirSync(mount);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
      try {
        const ledgerPath = path.join(mount, 'ledger.db');
        const gateway = await start(ledgerPath);
        const filler = path.join(mount, 'filler');
        await expectToOutliveIt(gateway, ledgerPath, {
          // More than fits: `dd` takes what there is and complains.
          fill: () => void canRun('dd', 'if=/dev/zero', `of=${filler}`, 'bs=4k'),
          free: () => rmSync(filler),
        });
      } finally {
        await running?.kill();
        execFileSync('umount', [mount]);
      }
    },
    MAX_MS,
  );
});

describe('a ledger that is read-only', () => {
  it(
    'keeps the gateway from starting, with one line that says what to do',
    async () => {
      const place = path.join(folder, 'place');
      mkdirSync(place);
      const ledgerPath = path.join(place, 'ledger.db');
      const gateway = await start(ledgerPath);
      await gateway.stop();
      const config = writeConfig(ledgerPath);
      // To root nothing is read-only, so that then the gateway runs as nobody.
      const identity = isRoot ? { identity: { uid: NOBODY, gid: NOBODY } } : {};
      if (isRoot) chownSync(folder, NOBODY, NOBODY);
      chmodSync(ledgerPath, 0o444);
      chmodSync(place, 0o555);
      running = new GatewayProcess(config, identity);
      const exit = await running.exited();
      chmodSync(place, 0o755);
      expect(exit).toEqual({ code: 1, signal: null });
      expect(running.output).toMatch(/^nexus: The ledger \S+ can not be used: .*permission.*\n$/);
    },
    MAX_MS,
  );
});

function tryMount(): boolean {
  const place = mkdtempSync(path.join(tmpdir(), 'nexus-mount-'));
  const isMounted = canRun('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place);
  if (isMounted) execFileSync('umount', [place]);
  rmSync(place, { recursive: true });
  return isMounted;
}
