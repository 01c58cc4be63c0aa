/** The world of the crash test: three backends of one provider process, their models, prices and the config file. */

export interface ModelRate {
  /** Nano-dollars per token, which is a thousandth of USD per million tokens. */
  readonly input: number;
  readonly output: number;
}

/** One model of each way of counting: exact, approximation, heuristic; and a free local one. */
export const RATES: Readonly<Record<string, ModelRate>> = {
  'gpt-4o': { input: 10_000, output: 30_000 },
  'claude-sonnet-4': { input: 3_000, output: 15_000 },
  'mystery-1': { input: 1_000, output: 77_000 },
  llama3: { input: 0, output: 0 },
};
export const MODELS: readonly [string, ...string[]] = [
  'gpt-4o',
  'claude-sonnet-4',
  'mystery-1',
  'llama3',
];
/** What a model gives at the most, and therefore what is held for a request without a maximum. */
export const MAX_OUTPUT_TOKENS = 64;

interface BackendRow {
  readonly name: string;
  readonly kind: 'cloud' | 'local';
  readonly models: readonly string[];
}

export const BACKENDS: readonly BackendRow[] = [
  { name: 'alpha', kind: 'cloud', models: ['gpt-4o', 'claude-sonnet-4', 'mystery-1'] },
  { name: 'beta', kind: 'cloud', models: ['gpt-4o', 'claude-sonnet-4'] },
  { name: 'den', kind: 'local', models: ['llama3'] },
];

/** The name of one attempt, for the provider and for the books: a backend is tried once in a request at the most. */
export function attemptKey(requestId: string, backend: string): string {
  return `${requestId} ${backend}`;
}

function backendToml({ name, kind, models }: BackendRow, providerUrl: string): string {
  const prices = models.map((model) => {
    const { input, output } = RATES[model] ?? { input: 0, output: 0 };
    return `[backends.prices.${JSON.stringify(model)}]
input = ${input / 1000}
output = ${output / 1000}
max_output_tokens = ${MAX_OUTPUT_TOKENS}`;
  });
  return `[[backends]]
name = "${name}"
type = "generic"
kind = "${kind}"
url = "${providerUrl}/${name}"
models = ${JSON.stringify(models)}
${prices.join('\n')}`;
}

export interface ConfigOptions {
  readonly providerUrl: string;
  readonly ledgerPath: string;
  readonly limitUsd: string;
}

/** The config of one life: only its limit differs from that of the life before. */
export function configToml({ providerUrl, ledgerPath, limitUsd }: ConfigOptions): string {
  return `
[server]
port = 0
request_timeout_seconds = 5
drain_timeout_seconds = 1
client_gone_drain_seconds = 0.2
[logging]
level = "error"
format = "json"
[ledger]
path = ${JSON.stringify(ledgerPath)}
[health_check]
interval_seconds = 2
failure_threshold = 1000
[routing.fallbacks]
"mystery-1" = ["llama3"]
[routing.budget]
monthly_limit_usd = ${limitUsd}
hard_limit_action = "block_cloud"
reconciliation_interval_secs = 1
${BACKENDS.map((backend) => backendToml(backend, providerUrl)).join('\n')}
`;
}
