/** SIGHUP to the real process: prices change, nothing else does, and nothing ends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import type { Json } from '../support/test-gateway.ts';

let folder: string;
let file: string;
let nexus: GatewayProcess;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-reload-'));
  file = path.join(folder, 'nexus.toml');
  await writeFile(file, toml('10'));
  nexus = await startGatewayProcess(file);
});
afterEach(async () => {
  nexus.signal('SIGTERM');
  await nexus.exit;
  await rm(folder, { recursive: true, force: true });
});

function toml(output: string): string {
  return `
[ledger]
path = ${JSON.stringify(path.join(folder, 'ledger.db'))}
[routing.budget]
monthly_limit_usd = 5
[[backends]]
name = "fast"
type = "simulated"
kind = "cloud"
models = ["gpt-x"]
prices = { "*" = { input = 0, output = ${output} } }
simulation = { latency_ms = 0, output_tokens = 10 }
`;
}

async function costOfOne(): Promise<string> {
  const answer = await nexus.chat('gpt-x', 'Hello');
  await answer.arrayBuffer();
  const id = answer.headers.get('x-nexus-request-id');
  return eventually(async () => {
    const { data }: Json = await nexus.getJson(`/v1/ledger?kind=charge&request_id=${id}`);
    return data[0].settled_usd;
  });
}

it('reads the prices of the file again at SIGHUP', async () => {
  expect(await costOfOne()).toBe('0.0001');

  await writeFile(file, toml('25'));
  nexus.signal('SIGHUP');
  await eventually(() => expect(nexus.output()).toContain('prices have changed at fast'));
  expect(await costOfOne()).toBe('0.00025');

  await writeFile(file, toml('"dear"'));
  nexus.signal('SIGHUP');
  await eventually(() => expect(nexus.output()).toContain('prices stay as they are'));
  expect(await costOfOne()).toBe('0.00025');
  expect(await nexus.metric('nexus_config_last_reload_successful')).toBe(0);

  await writeFile(file, toml('40'));
  nexus.signal('SIGHUP');
  await eventually(async () => {
    expect(await nexus.metric('nexus_config_last_reload_successful')).toBe(1);
  });
  expect(await costOfOne()).toBe('0.0004');

  nexus.signal('SIGTERM');
  expect(await nexus.exit).toBe(0);
});
