/** The synchronous heart of a request: decide, hold, settle and tell the actors, by number of backends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '../../src/config/load-config.ts';
import { startControlPlane } from '../../src/control/start-control-plane.ts';
import { createSystemClock } from '../../src/control/system-clock.ts';
import { assert } from '../../src/core/assert.ts';
import { periodAt } from '../../src/core/billing-period.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { ControlPlane } from '../../src/core/control.ts';
import type { Log } from '../../src/core/log.ts';
import type { PriceBook } from '../../src/core/prices.ts';
import type { ModelRequest } from '../../src/core/request.ts';
import type { Settings } from '../../src/core/settings.ts';
import { NO_USAGE, type TokenCount } from '../../src/core/usage.ts';
import type { StartedAttempt } from '../../src/http/call-context.ts';
import { chooseAttempt } from '../../src/http/choose-attempt.ts';
import { LoadBook } from '../../src/http/load-book.ts';
import { chargeFor } from '../../src/http/settlement.ts';
import { openLedger, type OpenLedger } from '../../src/ledger/ledger.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { createRouter, type Router } from '../../src/routing/router.ts';
import { median, quantile, shown, type Table } from './figures.ts';
import type { BenchOptions } from './options.ts';

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

function openBooks(settings: Settings, folder: string, clock: Clock): OpenLedger {
  let ids = 0;
  const ledger = openLedger({
    store: openStore(path.join(folder, 'ledger.db')),
    clock,
    period: periodAt(clock.now(), CYCLE),
    newId: () => `hold_${String((ids += 1)).padStart(9, '0')}`,
    log: silent,
  });
  const { budget } = settings.routing;
  ledger.setBudget(budget && { limit: budget.monthlyLimit, enforce: true });
  return ledger;
}

/** The engine of a gateway without its doors, over a real ledger file. */
class Engine {
  readonly #clock = createSystemClock();
  readonly #load = new LoadBook();
  readonly #ledger: OpenLedger;
  readonly #control: ControlPlane;
  readonly #router: Router;
  readonly #prices: PriceBook;
  #sent = 0;

  constructor(backends: number, folder: string) {
    const settings = settingsWith(backends, folder);
    const ledger = openBooks(settings, folder, this.#clock);
    this.#ledger = ledger;
    this.#control = startControlPlane({
      clock: this.#clock,
      cycle: CYCLE,
      budget: settings.routing.budget,
      backends: settings.backends,
      routesOf: () => ['chat'],
      healthCheck: settings.healthCheck,
      probe: async () => ({ latencyMs: 1, models: null }),
      initialPeriod: ledger.period(),
      totals: () => ledger.totals(),
      openPeriod: (period) => ledger.openPeriod(period),
      audit: () => ledger.audit(),
    });
    ledger.onTotals((totals) => this.#control.totalsChanged(totals));
    this.#router = createRouter(settings.routing);
    this.#prices = createPriceBook({
      backends: settings.backends,
      unknownPrice: 'conservative',
      log: silent,
    });
  }

  async probeAll(): Promise<void> {
    await this.#control.probeAll();
  }

  /** One request from its decision to the facts of its end. */
  serve(): void {
    this.#sent += 1;
    const request = requestAt(this.#clock.now(), `request_${this.#sent}`);
    const { plan, hold } = this.#start(request);
    const { backend } = plan.candidate;
    this.#control.attemptEnded({ backend, outcome: 'ok', reason: null, latencyMs: 1 });
    const usage = { ...NO_USAGE, input: 180, output: 160 };
    this.#ledger.settle(hold.id, chargeFor(this.#prices, plan, usage, 'provider'));
  }

  #start(request: ModelRequest): StartedAttempt {
    this.#control.noticeTime(request.receivedAtMs);
    const decision = this.#router.decide({
      request,
      tokens: COUNT.tokens,
      policy: this.#control.policy(),
      pending: (backend) => this.#load.pending(backend),
      turn: this.#load.nextTurn(),
      random: Math.random,
    });
    assert(decision.kind === 'route', 'a backend can serve');
    const choice = chooseAttempt(
      {
        ledger: this.#ledger,
        prices: this.#prices,
        load: this.#load,
        request,
        countOf: () => COUNT,
        attempts: 0,
      },
      decision.candidates,
      0,
    );
    assert(choice.kind === 'start', 'a hold fits');
    return choice.started;
  }

  async committed(): Promise<void> {
    await this.#ledger.committed();
  }

  async close(): Promise<void> {
    await this.#control.stop();
    await this.#ledger.close();
  }
}

/** Microseconds of single requests; the disk is waited for between them, so that only their own work is timed. */
async function sampled(backends: number, samples: number): Promise<readonly number[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-bench-decide-'));
  const engine = new Engine(backends, folder);
  const micros: number[] = [];
  try {
    await engine.probeAll();
    for (let sample = 0; sample < samples; sample += 1) {
      const startedMs = performance.now();
      engine.serve();
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
