/** The synchronous heart of a request: decide, hold, settle and tell the actors, by number of backends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '../../src/config/load-config.ts';
import { startControlPlane } from '../../src/control/start-control-plane.ts';
import { createSystemClock } from '../../src/control/system-clock.ts';
import { assert } from '../../src/core/assert.ts';
import { periodAt } from '../../src/core/billing-period.ts';
import type { Log } from '../../src/core/log.ts';
import type { ModelRequest } from '../../src/core/request.ts';
import type { Settings } from '../../src/core/settings.ts';
import { NO_USAGE, type TokenCount } from '../../src/core/usage.ts';
import { chooseAttempt } from '../../src/http/choose-attempt.ts';
import { LoadBook } from '../../src/http/load-book.ts';
import { chargeFor } from '../../src/http/settlement.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { createRouter } from '../../src/routing/router.ts';
import { median, quantile, shown, type Table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { writeFileSync } from 'node:fs';

const silent: Log = { error() {}, warn() {}, info() {}, debug() {} };
const CYCLE = { billingCycleDay: 1, timezone: 'UTC' };
const COUNT: TokenCount = { tokens: 180, bound: 180, tier: 'exact' };

function settingsWith(backends: number, folder: string): Settings {
  const file = path.join(folder, 'nexus.toml');
  const tables = Array.from(
    { length: backends },
    (_, at) => `[[backends]]
name = "backend-${at}"
url = "http://127.0.0.1:9"
type = "generic"
kind = "cloud"
priority = ${at % 100}
models = ["gpt-4o"]
`,
  );
  const budget =
    '[routing.budget]\nmonthly_limit_usd = 1000000\nhard_limit_action = "block_cloud"\n';
  writeFileSync(file, `${budget}${tables.join('')}`);
  return loadConfig({ path: file, env: {} }).settings;
}

function requestAt(atMs: number, id: string): ModelRequest {
  return {
    id,
    route: 'chat',
    model: 'gpt-4o',
    body: {},
    rawBody: Buffer.alloc(0),
    stream: false,
    wantsUsageChunk: false,
    maxOutputTokens: 256,
    maxOutputField: 'max_tokens',
    choices: 1,
    features: { vision: false, tools: false, jsonMode: false },
    strict: false,
    receivedAtMs: atMs,
  };
}

/** The engine of a gateway without its doors, over a real ledger file. */
async function engineWith(backends: number, folder: string) {
  const settings = settingsWith(backends, folder);
  const clock = createSystemClock();
  let ids = 0;
  const ledger = openLedger({
    store: openStore(path.join(folder, 'ledger.db')),
    clock,
    period: periodAt(clock.now(), CYCLE),
    newId: () => `hold_${String((ids += 1)).padStart(9, '0')}`,
    log: silent,
  });
  const { budget } = settings.routing;
  assert(budget !== null, 'there is a budget');
  ledger.setBudget({ limit: budget.monthlyLimit, enforce: true });
  const control = startControlPlane({
    clock,
    cycle: CYCLE,
    budget,
    backends: settings.backends,
    routesOf: () => ['chat'],
    healthCheck: settings.healthCheck,
    probe: async () => ({ latencyMs: 1, models: null }),
    initialPeriod: ledger.period(),
    totals: () => ledger.totals(),
    openPeriod: (period) => ledger.openPeriod(period),
    audit: () => ledger.audit(),
  });
  ledger.onTotals((totals) => control.totalsChanged(totals));
  await control.probeAll();
  const prices = createPriceBook({
    backends: settings.backends,
    unknownPrice: 'conservative',
    log: silent,
  });
  const router = createRouter(settings.routing);
  const load = new LoadBook();
  let sent = 0;
  const once = (): void => {
    sent += 1;
    const request = requestAt(clock.now(), `request_${sent}`);
    control.noticeTime(request.receivedAtMs);
    const decision = router.decide({
      request,
      tokens: COUNT.tokens,
      policy: control.policy(),
      pending: (backend) => load.pending(backend),
      turn: load.nextTurn(),
      random: Math.random,
    });
    assert(decision.kind === 'route', 'a backend can serve');
    const input = { ledger, prices, load, request, countOf: () => COUNT, attempts: 0 };
    const choice = chooseAttempt(input, decision.candidates, 0);
    assert(choice.kind === 'start', 'a hold fits');
    const { plan, hold } = choice.started;
    control.attemptEnded({
      backend: plan.candidate.backend,
      outcome: 'ok',
      reason: null,
      latencyMs: 1,
    });
    const usage = { ...NO_USAGE, input: 180, output: 160 };
    ledger.settle(hold.id, chargeFor(prices, plan, usage, 'provider'));
  };
  return {
    once,
    committed: async () => ledger.committed(),
    async close() {
      await control.stop();
      await ledger.close();
    },
  };
}

/** Microseconds of single requests; the disk is waited for between them, so that only their own work is timed. */
async function sampled(backends: number, samples: number): Promise<readonly number[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-bench-decide-'));
  const engine = await engineWith(backends, folder);
  const micros: number[] = [];
  try {
    for (let sample = 0; sample < samples; sample += 1) {
      const startedMs = performance.now();
      engine.once();
      micros.push((performance.now() - startedMs) * 1000);
      if (sample % 16 === 15) await engine.committed();
    }
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
  // The first half warms up.
  return micros.slice(samples / 2);
}

export async function decidePart({ isQuick }: BenchOptions): Promise<Table> {
  const rows: string[][] = [];
  for (const backends of [1, 10, 100, 1000]) {
    const micros = await sampled(backends, isQuick ? 1000 : 8000);
    rows.push([
      String(backends),
      shown(median(micros), 1),
      shown(quantile(micros, 0.25), 1),
      shown(quantile(micros, 0.99), 1),
    ]);
  }
  return {
    title: 'Deciding',
    note: 'One request through decide, hold, settle and the facts to the actors, over a real ledger file; without the wait for the disk, which requests of one turn share.',
    columns: ['backends', 'median µs', 'quartile µs', 'p99 µs'],
    rows,
  };
}
