/** The gateway as a user runs it: budget, ledger file, metrics and JSON log on. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import path from 'node:path';
import { createWriteStream } from 'node:fs';
import { loadConfig } from '../../src/config/load-config.ts';
import { startGateway } from '../../src/main.ts';

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
path = ${JSON.stringify(path.join(folder, 'ledger.db'))}
[routing.budget]
monthly_limit_usd = 1000000
hard_limit_action = "block_cloud"
[[backends]]
name = "stub"
url = ${JSON.stringify(process.argv[2])}
type = "generic"
kind = "cloud"
models = ["stub-model"]
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
  logStream: createWriteStream(devNull),
});
process.send?.({ url: gateway.url });
process.on('SIGTERM', () => {
  void gateway.stop().then(() => process.exit(0));
});
