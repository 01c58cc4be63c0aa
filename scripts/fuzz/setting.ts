/** The gateway that is fuzzed: simulated backends that behave, and three that do not. */
import { HOSTILE_ANSWERS } from './hostile-answers.ts';

export const GOOD_MODELS: readonly string[] = [
  'gpt-4o',
  'claude-3-opus-20240229',
  'text-embedding-3-small',
  'llama3',
  'mystery',
  'alias-of-gpt-4o',
  'no-such-model',
];
const HOSTILE = Object.keys(HOSTILE_ANSWERS).map((name) => `h-${name}`);
const HOSTILE_ANTHROPIC = Object.keys(HOSTILE_ANSWERS).map((name) => `a-${name}`);
const HOSTILE_OPENAI = Object.keys(HOSTILE_ANSWERS).map((name) => `o-${name}`);
export const HOSTILE_MODELS: readonly string[] = [
  ...HOSTILE,
  ...HOSTILE_ANTHROPIC,
  ...HOSTILE_OPENAI,
];

export const MAX_BODY_BYTES = 1024 * 1024;

export interface ConfigOptions {
  readonly hostileUrl: string;
  readonly ledgerPath: string;
}

function hostileToml(name: string, type: string, models: readonly string[], url: string): string {
  return `
[[backends]]
name = "${name}"
type = "${type}"
kind = "cloud"
url = "${url}"
models = ${JSON.stringify(models)}
[backends.prices."*"]
input = 1
output = 2
max_output_tokens = 4096`;
}

export function configToml({ hostileUrl, ledgerPath }: ConfigOptions): string {
  return `
[server]
port = 0
max_body_bytes = ${MAX_BODY_BYTES}
request_timeout_seconds = 2
drain_timeout_seconds = 5
client_gone_drain_seconds = 0.2
[logging]
level = "error"
[ledger]
path = ${JSON.stringify(ledgerPath)}
[health_check]
interval_seconds = 1
failure_threshold = 1000
[routing.aliases]
"alias-of-gpt-4o" = "gpt-4o"
[routing.fallbacks]
"mystery" = ["llama3"]
[[routing.policies]]
model_pattern = "h-*s*"
max_cost_per_request = 5
[routing.budget]
monthly_limit_usd = 10000
hard_limit_action = "block_cloud"
reconciliation_interval_secs = 1
[[backends]]
name = "cloud"
type = "simulated"
kind = "cloud"
models = ["gpt-4o", "claude-3-opus-20240229", "text-embedding-3-small", "mystery"]
[backends.simulation]
latency_ms = 0
failure_rate = 0.05
[[backends]]
name = "local"
type = "simulated"
kind = "local"
models = ["llama3"]
[backends.simulation]
latency_ms = 0
${hostileToml('hostile', 'generic', HOSTILE, hostileUrl)}
${hostileToml('hostile-anthropic', 'anthropic', HOSTILE_ANTHROPIC, hostileUrl)}
${hostileToml('hostile-openai', 'openai', HOSTILE_OPENAI, hostileUrl)}
`;
}
