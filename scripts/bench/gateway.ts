/** The gateway as a user runs it: budget, ledger file, metrics and JSON log on. Arguments: upstream URL, ledger file. */
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loadConfig } from '../../src/config/load-config.ts';
import { startGateway } from '../../src/main.ts';

const [upstream, ledger] = process.argv.slice(2);
const folder = mkdtempSync(path.join(tmpdir(), 'nexus-bench-'));
const file = path.join(folder, 'nexus.toml');
writeFileSync(
  file,
  `
[server]
port = 0
[logging]
format = "json"
[ledger]
path = ${JSON.stringify(ledger ?? path.join(folder, 'ledger.db'))}
[routing.budget]
monthly_limit_usd = 1000000
hard_limit_action = "block_cloud"
[[backends]]
name = "stub"
url = ${JSON.stringify(upstream)}
type = "generic"
kind = "cloud"
models = ["gpt-4o", "stub-model"]
[backends.prices."*"]
input = 10
output = 30
max_output_tokens = 4096
`,
);
const { settings } = loadConfig({ path: file, env: {} });
const gateway = await startGateway({
  settings,
  version: 'bench',
  logStream: createWriteStream(path.join(folder, 'nexus.log')),
});

/** The delay of this process's event loop, between two messages. */
let delay: ReturnType<typeof monitorEventLoopDelay> | null = null;
process.on('message', (message) => {
  if (message === 'watch') {
    delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
  } else if (message === 'tell' && delay !== null) {
    delay.disable();
    process.send?.({ p99Ms: delay.percentile(99) / 1e6, mostMs: delay.max / 1e6 });
  }
});
process.on('SIGTERM', () => {
  void gateway.stop().then(() => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  });
});
process.send?.({ url: gateway.url });
