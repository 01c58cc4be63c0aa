/**
 * A gateway with a key of its own in front of three providers that speak their real wire formats, with prices that do
 * not come out even in nano-dollars, and everything that a test has to know of what crossed the wires.
 */
import { expect } from '@jest/globals';
import type { ExhaustedStatus } from '../../src/core/settings.ts';
import { startAnthropicServer } from './anthropic-server.ts';
import { startOllamaServer } from './ollama-server.ts';
import { startOpenAiServer } from './openai-server.ts';
import type { Behaviour, ProviderServer } from './provider-server.ts';
import { startTestGateway, type GatewayClient } from './test-gateway.ts';

const CLIENT_KEY = 'nexus-client-key-1337';
const KEYS = {
  NEXUS_CLIENT_KEY: CLIENT_KEY,
  OPENAI_API_KEY: 'sk-proj-upstream-openai-4711',
  ANTHROPIC_API_KEY: 'sk-ant-upstream-0815',
};

/** The keys that the gateway shows to providers; Ollama wants none. */
export const UPSTREAM_KEYS: Readonly<Record<UpstreamName, string | null>> = {
  openai: KEYS.OPENAI_API_KEY,
  anthropic: KEYS.ANTHROPIC_API_KEY,
  ollama: null,
};

/** Pico-dollars per token, which is micro-dollars per million tokens. */
export interface Rates {
  readonly input: bigint;
  readonly cached: bigint;
  readonly write: bigint;
  readonly write1h: bigint;
  readonly output: bigint;
}

export type UpstreamName = 'openai' | 'anthropic' | 'ollama';

interface UpstreamFacts {
  readonly models: Readonly<Record<'chat' | 'vision', string>>;
  readonly embeddings: string | null;
  readonly rates: Rates;
  /** What the provider bills when caches had a part in it, as far as it has any. */
  readonly cachedUsage: NonNullable<Behaviour['usage']>;
}

const OPENAI: UpstreamFacts = {
  models: { chat: 'gpt-4o-mini', vision: 'gpt-4o-mini' },
  embeddings: 'text-embedding-3-small',
  rates: { input: 150_100n, cached: 75_503n, write: 150_100n, write1h: 150_100n, output: 600_301n },
  cachedUsage: { input: 2_113, output: 37, cached: 1_920 },
};
const ANTHROPIC: UpstreamFacts = {
  models: { chat: 'claude-sonnet-4-5', vision: 'claude-sonnet-4-5' },
  embeddings: null,
  rates: {
    input: 3_000_100n,
    cached: 300_003n,
    write: 3_750_107n,
    write1h: 6_000_301n,
    output: 15_000_703n,
  },
  cachedUsage: { input: 5_231, output: 41, cached: 2_048, cacheWrite: 1_031, cacheWrite1h: 517 },
};
const OLLAMA: UpstreamFacts = {
  models: { chat: 'llama3', vision: 'llava' },
  embeddings: 'nomic-embed-text',
  rates: { input: 10_101n, cached: 10_101n, write: 10_101n, write1h: 10_101n, output: 20_303n },
  cachedUsage: { input: 1_733, output: 29 },
};

export const UPSTREAMS: Readonly<Record<UpstreamName, UpstreamFacts>> = {
  openai: OPENAI,
  anthropic: ANTHROPIC,
  ollama: OLLAMA,
};
export const UPSTREAM_NAMES: readonly UpstreamName[] = ['openai', 'anthropic', 'ollama'];

/** Nano-dollars of a usage: every token at its own rate, the sum rounded up once. */
export function priceOf(rates: Rates, usage: NonNullable<Behaviour['usage']>): bigint {
  const { input, output, cached = 0, cacheWrite = 0, cacheWrite1h = 0 } = usage;
  const pico =
    BigInt(input - cached - cacheWrite - cacheWrite1h) * rates.input +
    BigInt(cached) * rates.cached +
    BigInt(cacheWrite) * rates.write +
    BigInt(cacheWrite1h) * rates.write1h +
    BigInt(output) * rates.output;
  return (pico + 999n) / 1000n;
}

/** `3_000_100n` as `"3.000100"`. */
function usdPerMillion(pico: bigint): string {
  return `"${pico / 1_000_000n}.${String(pico % 1_000_000n).padStart(6, '0')}"`;
}

function backendOf(name: UpstreamName, url: string): string {
  const { models, embeddings, rates } = UPSTREAMS[name];
  const ids = [...new Set([...Object.values(models), ...(embeddings ? [embeddings] : [])])];
  return `
[[backends]]
name = "${name}"
type = "${name}"
url = "${url}"
models = ${JSON.stringify(name === 'ollama' ? [] : ids)}
[backends.prices."*"]
input = ${usdPerMillion(rates.input)}
cached_input = ${usdPerMillion(rates.cached)}
cache_write = ${usdPerMillion(rates.write)}
cache_write_1h = ${usdPerMillion(rates.write1h)}
output = ${usdPerMillion(rates.output)}
max_output_tokens = 1000
`;
}

/** Headers and bodies of everything that a client was sent, as text. */
class ClientTap {
  readonly #texts: Promise<string>[] = [];

  /** For the `fetch` option of a client. */
  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    const head = JSON.stringify([...response.headers]);
    // A copy of an answer that the client gives up ends as that one does.
    const body = response.clone().text();
    this.#texts.push(
      body.then(
        (text) => `${head}\n${text}`,
        () => head,
      ),
    );
    return response;
  };

  get count(): number {
    return this.#texts.length;
  }

  texts(): Promise<readonly string[]> {
    return Promise.all(this.#texts);
  }

  /** The body of the latest answer. */
  async last(): Promise<string> {
    const text = (await this.texts()).at(-1) ?? '';
    return text.slice(text.indexOf('\n') + 1);
  }
}

export interface Connection {
  readonly baseURL: string;
  readonly apiKey: string;
  readonly fetch: ClientTap['fetch'];
}

export interface Stage {
  readonly servers: Readonly<Record<UpstreamName, ProviderServer>>;
  /** The gateway, asked with the client's key. */
  readonly nexus: Pick<GatewayClient, 'getJson' | 'post' | 'metric'>;
  readonly tap: ClientTap;
  readonly connection: Connection;
  /** No key was seen where it does not belong: at a provider, at the client, in the log. */
  readonly expectKeysToStay: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface StageOptions {
  readonly limitUsd?: string;
  readonly exhaustedStatus?: ExhaustedStatus;
}

type Servers = Stage['servers'];

async function startServers(): Promise<Servers> {
  const { embeddings } = OLLAMA;
  const local = [OLLAMA.models.chat, OLLAMA.models.vision, embeddings ?? ''];
  return {
    openai: await startOpenAiServer({ apiKey: KEYS.OPENAI_API_KEY, isStrict: true }),
    anthropic: await startAnthropicServer({ apiKey: KEYS.ANTHROPIC_API_KEY, isStrict: true }),
    ollama: await startOllamaServer({
      models: local.map((name) => `${name}:latest`),
      isStrict: true,
    }),
  };
}

export async function startClientStage({
  limitUsd = '100',
  exhaustedStatus = 503,
}: StageOptions = {}): Promise<Stage> {
  const servers = await startServers();
  const gateway = await startTestGateway(
    `[server]
port = 0
drain_timeout_seconds = 2
client_gone_drain_seconds = 0.05
api_key_env = "NEXUS_CLIENT_KEY"
[health_check]
interval_seconds = 86400
[routing.budget]
monthly_limit_usd = ${limitUsd}
hard_limit_action = "block_all"
exhausted_status = ${exhaustedStatus}
${UPSTREAM_NAMES.map((name) => backendOf(name, servers[name].url)).join('')}`,
    { env: KEYS, apiKey: CLIENT_KEY },
  );
  const tap = new ClientTap();
  return {
    servers,
    tap,
    nexus: gateway,
    connection: { baseURL: `${gateway.url}/v1`, apiKey: CLIENT_KEY, fetch: tap.fetch },
    expectKeysToStay: async () => {
      const lines = JSON.stringify(await gateway.logLines());
      expectKeys(servers, [...(await tap.texts()), lines]);
    },
    stop: async () => {
      await gateway.stop();
      await Promise.all(UPSTREAM_NAMES.map((name) => servers[name].close()));
    },
  };
}

function expectKeys(servers: Servers, seenOutside: readonly string[]): void {
  for (const name of UPSTREAM_NAMES) {
    const foreign = Object.values(KEYS).filter((key) => key !== UPSTREAM_KEYS[name]);
    for (const { method, path, headers, body } of servers[name].requests) {
      const seen = `${method} ${path} ${JSON.stringify(headers)} ${body.toString()}`;
      for (const key of foreign) expect(seen).not.toContain(key);
    }
  }
  for (const text of seenOutside) {
    expect(text).not.toContain(KEYS.OPENAI_API_KEY);
    expect(text).not.toContain(KEYS.ANTHROPIC_API_KEY);
    expect(text).not.toContain(CLIENT_KEY);
  }
}
