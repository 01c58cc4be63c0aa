/** A gateway over backends `a`, `b`, ... of one priced model, tried in that order, and the words of what became of each. */
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from './cloud-toml.ts';
import { startHandProvider, type HandProvider } from './hand-provider.ts';
import { startOpenAiServer } from './openai-server.ts';
import type { ProviderServer } from './provider-server.ts';
import { nano, startTestGateway, type Json, type TestGateway } from './test-gateway.ts';

export const MODEL = 'gpt-4-turbo';
export const NAMES = ['a', 'b', 'c', 'd'];
/** What the fake servers bill when nothing else is said. */
export const USAGE = { input: 12, output: 5 };
export const CHARGE = costNano(USAGE.input, USAGE.output);

const BODY = { model: MODEL, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 20 };

interface RankedOptions {
  readonly timeoutSeconds?: number;
  readonly maxRetries?: number;
  readonly limitUsd?: number | string;
}

export interface RankedGateway extends TestGateway {
  /** Sends the one small request of these tests. */
  readonly ask: (more?: object) => Promise<Response>;
  /** Its input tokens and its hold, as the gateway itself says them. */
  readonly counted: () => Promise<{ readonly input: number; readonly hold: bigint }>;
}

export async function startRanked(
  backends: readonly { readonly url: string; readonly type?: string }[],
  { timeoutSeconds = 60, maxRetries = 2, limitUsd = 10 }: RankedOptions = {},
): Promise<RankedGateway> {
  const tables = backends.map(({ url, type = 'openai' }, at) =>
    backendToml({ name: NAMES[at] ?? '', url, type, priority: at }),
  );
  const nexus = await startTestGateway(
    `[server]
port = 0
client_gone_drain_seconds = 1
request_timeout_seconds = ${timeoutSeconds}
[routing]
strategy = "priority_only"
max_retries = ${maxRetries}
${NO_PROBES}${budgetToml(limitUsd)}${tables.join('')}`,
    { env: { ...KEYS, ANTHROPIC_API_KEY: 'sk-ant-test-key-0815' } },
  );
  return {
    ...nexus,
    ask: (more = {}) => nexus.post('/v1/chat/completions', { ...BODY, ...more }),
    counted: async () => {
      const answer = (await (await nexus.post('/v1/estimate', BODY)).json()) as Json;
      return { input: answer.input_tokens, hold: nano(answer.worst_case_cost_usd_exact) };
    },
  };
}

/** `a hold`, `a void`, ...: what became of each attempt, in order. */
export function story(entries: readonly Json[]): readonly string[] {
  return entries.map(({ backend, kind }) => `${backend} ${kind}`);
}

export function holdOf(entries: readonly Json[], backend: string): bigint {
  return nano(entries.find((entry) => entry.backend === backend && entry.kind === 'hold').held_usd);
}

type Four<Provider> = readonly [Provider, Provider, Provider, Provider];

/** Providers of a test, four of a kind: it takes as many as it needs. */
export class Providers {
  readonly #closers: (() => Promise<void>)[] = [];

  readonly hands = (): Promise<Four<HandProvider>> =>
    this.#four(() => this.keep(startHandProvider([MODEL])));

  readonly servers = (): Promise<Four<ProviderServer>> =>
    this.#four(() => this.keep(startOpenAiServer({ models: [MODEL] })));

  /** Closes it with the others. */
  async keep<Provider extends { close(): Promise<void> }>(
    starting: Promise<Provider>,
  ): Promise<Provider> {
    const provider = await starting;
    this.#closers.push(() => provider.close());
    return provider;
  }

  async close(): Promise<void> {
    await Promise.all(this.#closers.splice(0).map((close) => close()));
  }

  #four<Provider>(make: () => Promise<Provider>): Promise<Four<Provider>> {
    return Promise.all([make(), make(), make(), make()]);
  }
}
