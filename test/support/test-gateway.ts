/** A real gateway on a free port with a real ledger file, made from TOML like a user's. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { expect } from '@jest/globals';
import { loadConfig, type LoadedConfig } from '../../src/config/load-config.ts';
import { startGateway, type Gateway } from '../../src/main.ts';

/** Every gateway of a test runs on this instant, unless it says otherwise. */
export const NOVEMBER = Date.parse('2026-11-10T12:00:00Z');

const BASE = `
[server]
port = 0
drain_timeout_seconds = 2
client_gone_drain_seconds = 1
[control]
clock = "injected"
[logging]
level = "info"
format = "json"
`;

/** One simulated cloud backend with a price of 10 and 30 USD per million tokens, and one local one that is free. */
export const TWO_BACKENDS = `
[[backends]]
name = "cloud"
type = "simulated"
kind = "cloud"
priority = 10
models = ["gpt-4-turbo"]
[backends.simulation]
latency_ms = 0
tokens_per_second = 0
output_tokens = 20
[[backends]]
name = "local"
type = "simulated"
kind = "local"
priority = 50
models = ["llama3"]
[backends.simulation]
latency_ms = 0
tokens_per_second = 0
output_tokens = 20
[routing.fallbacks]
"gpt-4-turbo" = ["llama3"]
`;

export interface TestGateway {
  readonly url: string;
  readonly gateway: Gateway;
  readonly folder: string;
  readonly ledgerPath: string;
  /** Log lines so far, as JSON objects. */
  readonly logLines: () => Promise<readonly Record<string, unknown>[]>;
  /** What the terminal would have shown so far. */
  readonly logText: () => string;
  /** Puts another text in the place of the config file, as editors do: by a rename. */
  readonly rewriteConfig: (toml: string) => Promise<void>;
  readonly get: (route: string) => Promise<Response>;
  readonly getJson: (route: string) => Promise<Json>;
  readonly post: (
    route: string,
    body: unknown,
    headers?: Record<string, string>,
    signal?: AbortSignal,
  ) => Promise<Response>;
  readonly chat: (
    model: string,
    content: string,
    more?: object,
    headers?: Record<string, string>,
  ) => Promise<Response>;
  /** The value of one metric line, by the start of the line; undefined when there is none. */
  readonly metric: (start: string) => Promise<number | undefined>;
  readonly stop: () => Promise<void>;
}

// Tests read deep into answers whose shape they are there to check.
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface TestGatewayOptions {
  readonly folder?: string;
  readonly startAtMs?: number;
  readonly env?: Record<string, string>;
  /** The key that the test presents, where the gateway asks for one. */
  readonly apiKey?: string;
}

export async function startTestGateway(
  toml: string,
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'nexus-test-')));
  const file = path.join(folder, 'nexus.toml');
  const ledgerPath = path.join(folder, 'ledger.db');
  const logPath = path.join(folder, 'nexus.log');
  const base = BASE.replace(
    '[logging]',
    `[ledger]\npath = ${JSON.stringify(ledgerPath)}\n[logging]\nfile = ${JSON.stringify(logPath)}`,
  );
  await writeFile(file, mergeToml(base, toml));
  const load = (): LoadedConfig => loadConfig({ path: file, env: options.env ?? {}, flags: {} });
  const loaded = load();
  const { settings } = loaded;
  const log = quiet();
  const gateway = await startGateway({
    settings,
    source: { loaded, load },
    version: '0.0.0-test',
    startAtMs: options.startAtMs ?? NOVEMBER,
    logStream: log,
  });
  return {
    ...clientOf(gateway.url, options.apiKey),
    gateway,
    folder,
    ledgerPath,
    logLines: () => readLog(logPath),
    logText: () => log.text(),
    rewriteConfig: async (text) => {
      await writeFile(`${file}.new`, mergeToml(base, text));
      await rename(`${file}.new`, file);
    },
    stop: () => stopAndClean(gateway, folder, options.folder !== undefined),
  };
}

/** Tables of the second text replace tables of the same name in the first. */
function mergeToml(base: string, own: string): string {
  const names = new Set([...own.matchAll(/^\[([a-z_.]+)\]$/gm)].map((match) => match[1]));
  const kept = base
    .split(/^(?=\[)/m)
    .filter((table) => !names.has(/^\[([a-z_.]+)\]/.exec(table)?.[1] ?? ''));
  return `${kept.join('')}\n${own}`;
}

async function readLog(logPath: string): Promise<readonly Record<string, unknown>[]> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(logPath, 'utf8').catch(() => '');
  return text
    .split('\n')
    .flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

async function stopAndClean(gateway: Gateway, folder: string, keep: boolean): Promise<void> {
  await gateway.stop();
  if (!keep) await rm(folder, { recursive: true, force: true });
}

/** What a test does to a gateway over HTTP. */
export type GatewayClient = Pick<
  TestGateway,
  'url' | 'get' | 'getJson' | 'post' | 'chat' | 'metric'
>;

export function clientOf(url: string, apiKey?: string): GatewayClient {
  const key = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const get = (route: string): Promise<Response> => fetch(url + route, { headers: key });
  const post: TestGateway['post'] = (route, body, headers = {}, signal) =>
    fetch(url + route, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...key, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    url,
    get,
    post,
    getJson: async (route) => (await get(route)).json(),
    chat: (model, content, more = {}, headers = {}) =>
      post(
        '/v1/chat/completions',
        { model, messages: [{ role: 'user', content }], ...more },
        headers,
      ),
    metric: async (start) => {
      const text = await (await get('/metrics')).text();
      const line = text
        .split('\n')
        .find((candidate) => candidate.startsWith(start) && !candidate.startsWith('#'));
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
    },
  };
}

/** Exact nano-dollars of a decimal USD string of the ledger route. */
export function nano(usd: string): bigint {
  const [whole = '0', fraction = ''] = usd.replace('-', '').split('.');
  const units = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  return usd.startsWith('-') ? -units : units;
}

/** Every entry of the ledger, oldest first. */
export async function allEntries(client: Pick<GatewayClient, 'getJson'>): Promise<readonly Json[]> {
  const entries: Json[] = [];
  for (let after = 0; ;) {
    const page = await client.getJson(`/v1/ledger?after=${after}&limit=1000`);
    entries.push(...page.data);
    if (!page.has_more) return entries;
    after = page.next.after;
  }
}

/** Nothing is held, balances equal entries to the last nano-dollar, and the drift metric says so too. */
export async function expectBooksToBalance(
  client: Pick<GatewayClient, 'getJson' | 'metric'>,
): Promise<void> {
  const budget = await client.getJson('/v1/budget');
  const entries = (await allEntries(client)).filter(
    (entry) => entry.billing_month === budget.billing_month,
  );
  const sum = (field: string): bigint =>
    entries.reduce((total: bigint, entry) => total + nano(entry[field]), 0n);
  expect(sum('held_usd')).toBe(0n);
  expect(sum('settled_usd') + sum('suspense_usd')).toBe(nano(budget.spent_usd_exact));
  expect(nano(budget.held_usd_exact)).toBe(0n);
  expect(await client.metric('nexus_budget_held_usd')).toBe(0);
  expect(await client.metric('nexus_budget_drift_usd')).toBe(0);
}

/** Takes the log in place of the terminal, and keeps it. */
export function quiet(): Writable & { text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return Object.assign(stream, { text: () => chunks.join('') });
}
