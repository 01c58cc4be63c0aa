/** The config that the demo runs: what a person could write, so that it can be kept and served again. */

import { ANSWER_TOKENS } from './traffic.ts';

/** Small enough to be used up in seconds at list prices. */
const LIMIT_USD = '1.00';

/** @param ledger path of the ledger file. */
export function demoToml(ledger: string): string {
  return `# What 'nexus demo' ran. Both backends are simulated: no key is needed and no money is spent.

[server]
port = 0

[logging]
level = "error"

[ledger]
path = ${JSON.stringify(ledger)}

[control]
clock = "injected"

[routing.budget]
monthly_limit_usd = ${LIMIT_USD}
soft_limit_percent = 75.0
hard_limit_action = "block_cloud"

# Over the soft limit llama3 may answer for gpt-4-turbo; claude-3-opus has nobody to stand in for it.
[routing.fallbacks]
"gpt-4-turbo" = ["llama3"]

[[backends]]
name = "simulated-local"
type = "simulated"
kind = "local"
models = ["llama3"]
simulation = { latency_ms = 15, output_tokens = ${ANSWER_TOKENS} }

[[backends]]
name = "simulated-cloud"
type = "simulated"
kind = "cloud"
models = ["gpt-4-turbo", "claude-3-opus"]
simulation = { latency_ms = 25, output_tokens = ${ANSWER_TOKENS} }

# USD per million tokens, as the providers list them.
[backends.prices]
"gpt-4-turbo" = { input = 10, output = 30 }
"claude-3-opus" = { input = 15, output = 75 }
`;
}
