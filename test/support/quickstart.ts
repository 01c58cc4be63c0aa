/** The configurations of the quickstart, run as they are but for the ports, and asked by the official client. */
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { loadConfig } from '../../src/config/load-config.ts';
import { startGateway, type Gateway } from '../../src/main.ts';
import { clientOf, NOVEMBER, quiet, type GatewayClient } from './test-gateway.ts';

export interface Quickstart extends GatewayClient {
  readonly gateway: Gateway;
  readonly openai: OpenAI;
  readonly logText: () => string;
  /** Sends one chat `count` times, one after the other, as the loops of the quickstart do. */
  readonly loop: (count: number, content: string, model?: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startQuickstart(
  file: string,
  env: Record<string, string> = {},
): Promise<Quickstart> {
  const { settings } = loadConfig({
    path: fileURLToPath(new URL(`../../config/${file}`, import.meta.url)),
    env: { NEXUS_PORT: '0', NEXUS_METRICS__PORT: '0', NEXUS_CONTROL__CLOCK: 'injected', ...env },
  });
  const log = quiet();
  const gateway = await startGateway({
    settings,
    version: '0.0.0-test',
    startAtMs: NOVEMBER,
    logStream: log,
  });
  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'unused', maxRetries: 2 });
  return {
    ...clientOf(gateway.url),
    gateway,
    openai,
    logText: () => log.text(),
    loop: async (count, content, model = 'gpt-4-turbo') => {
      for (let i = 0; i < count; i += 1)
        await openai.chat.completions.create({ model, messages: [{ role: 'user', content }] });
    },
    stop: () => gateway.stop(),
  };
}
