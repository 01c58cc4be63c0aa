/**
 * The composition root: the one place that knows everything. It builds the specialists, connects facts and policy, opens
 * the doors, and closes them again in the opposite order.
 */
import { existsSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { followConfig, type ConfigFollower, type ConfigSource } from './config/follow-config.ts';
import { periodAt, type BillingCycle } from './core/billing-period.ts';
import type { Clock } from './core/clock.ts';
import type { AuditReport } from './core/ledger.ts';
import type { Log } from './core/log.ts';
import type { Settings } from './core/settings.ts';
import type { TokenCounter } from './core/tokens.ts';
import type { Upstream } from './core/upstream.ts';
import { Closers } from './control/closers.ts';
import { createClocks, type Clocks } from './control/create-clocks.ts';
import { startControlPlane } from './control/start-control-plane.ts';
import { atMost } from './control/waiting.ts';
import { createInspectorApp } from './dashboard/inspector-routes.ts';
import { openDoors, type Engine } from './doors.ts';
import { admitHere } from './http/admission.ts';
import { listen, type Listener } from './http/listen.ts';
import { LoadBook } from './http/load-book.ts';
import { timedId } from './http/request-id.ts';
import { openLedger, type OpenLedger } from './ledger/ledger.ts';
import { openStore } from './ledger/open-store.ts';
import { verifyStore } from './ledger/verify-store.ts';
import { costOf } from './metering/cost.ts';
import { startCounting } from './metering/counting.ts';
import { createCurrentPrices } from './metering/current-prices.ts';
import { PRICE_LIST } from './metering/price-list.ts';
import { createRouter } from './routing/router.ts';
import { startInspection, type Inspection } from './telemetry/inspection.ts';
import { createLog, type ClosableLog } from './telemetry/log.ts';
import { observe } from './telemetry/observe.ts';
import { summaryLines } from './telemetry/summary.ts';
import { createUpstream } from './upstream/create-upstream.ts';

export interface GatewayOptions {
  readonly settings: Settings;
  readonly version: string;
  /** Whence prices are read again; without it they stay. */
  readonly source?: ConfigSource;
  /** Said in the log at start. */
  readonly warnings?: readonly string[];
  /** First instant of an injected clock; now, when it is left out. */
  readonly startAtMs?: number;
  /** Where the log goes; the terminal, when it is left out. */
  readonly logStream?: Writable;
  /** Show the running actors to the Stately inspector, on this machine only. */
  readonly stately?: boolean;
}

export interface Gateway {
  /** `http://host:port`, with the port that was really taken. */
  readonly url: string;
  readonly metricsUrl: string | null;
  /** What runs, in lines for people. */
  readonly summary: readonly string[];
  /** Reads the config file again, for its prices. Never throws: what is wrong is logged. */
  reload(): void;
  /** Stops taking requests, lets those in flight end, settles or carries over every hold, and stores everything. */
  stop(): Promise<void>;
}

/** Months without a budget are calendar months in UTC. */
const CALENDAR_MONTH: BillingCycle = { billingCycleDay: 1, timezone: 'UTC' };
/** Backends that have not answered by then are learnt of while requests are already served. */
const FIRST_PROBE_MS = 1500;
/** How long a charge may wait for the commit of the next hold, before it gets one of its own. */
const CHARGE_WAITS_MS = 10;

function openBooks(
  settings: Settings,
  cycle: BillingCycle,
  { clock, ioClock }: Clocks,
  log: ClosableLog,
): OpenLedger {
  const store = openStore(settings.ledger.path);
  try {
    const nowMs = clock.now();
    // A month that ended while nothing ran is opened as it was: the control plane turns it, and says so.
    const last = store.load().periods.at(-1)?.period;
    const ledger = openLedger({
      store,
      clock,
      period: last !== undefined && last.endsAtMs <= nowMs ? last : periodAt(nowMs, cycle),
      newId: () => timedId('hold'),
      log,
      scheduleLater: (flush) => ioClock.setTimeout(flush, CHARGE_WAITS_MS),
    });
    const { budget } = settings.routing;
    ledger.setBudget(
      budget && { limit: budget.monthlyLimit, enforce: budget.hardLimitAction !== 'warn' },
    );
    return ledger;
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Starts a gateway. Rejects with a message for the operator when something can not be opened. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const closers = new Closers();
  try {
    return await build(options, closers);
  } catch (error) {
    await closers.run().catch(() => undefined);
    throw error;
  }
}

function openLog(
  { settings, logStream, warnings = [] }: GatewayOptions,
  closers: Closers,
): ClosableLog {
  const secrets = [
    settings.server.apiKey,
    ...settings.backends.map(({ apiKey }) => apiKey),
    ...settings.alerts.webhooks.map(({ secret }) => secret),
  ];
  const log = createLog(
    settings.logging,
    logStream ?? process.stdout,
    secrets.filter((key) => key !== null),
  );
  closers.add(() => log.close());
  for (const warning of warnings) log.warn(warning);
  return log;
}

function openUpstream(
  { backends }: Settings,
  clock: Clock,
  log: Log,
  tokens: TokenCounter,
): Promise<Upstream> {
  return createUpstream({
    backends,
    log,
    clock,
    // The simulated backends report what the gateway's own counter counts.
    countTokens: async (body, model, route) => (await tokens.count({ body, route }, model)).tokens,
  });
}

function openInspection(
  { settings, stately = false }: GatewayOptions,
  clock: Clock,
  log: ClosableLog,
): Promise<Inspection> {
  const page = settings.control.inspector;
  return startInspection({ now: () => clock.now(), log, page, stately });
}

/** What this process runs beside what its doors know of. */
interface RunningEngine extends Engine {
  readonly follower: ConfigFollower;
}

type Owned = Pick<Engine, 'log' | 'ledger' | 'control' | 'calibration' | 'clocks'>;

/** What decides about requests: routes, prices as the file has them, load, and the admission that brings them together. */
function openAdmission(
  { settings, source }: GatewayOptions,
  { clocks, log, ledger, control, calibration }: Owned,
): Pick<RunningEngine, 'router' | 'prices' | 'load' | 'admission' | 'follower'> {
  const { routing, backends } = settings;
  const unknownPrice = routing.budget?.unknownPrice ?? 'conservative';
  const router = createRouter(routing);
  const prices = createCurrentPrices({ backends, unknownPrice, log });
  const load = new LoadBook();
  const { random } = Math;
  const { clock } = clocks;
  const follower = followConfig({
    source,
    backends,
    apply: (next) => prices.swap(next),
    changed: () => control.pricesChanged(),
    log,
    ...clocks,
  });
  const parts = { settings, clock, ledger, control, calibration, router, prices, load, random };
  return { router, prices, load, follower, admission: admitHere(parts) };
}

async function startEngine(options: GatewayOptions, closers: Closers): Promise<RunningEngine> {
  const { settings, version } = options;
  const log = openLog(options, closers);
  const clocks = createClocks(settings, options.startAtMs);
  const { clock, ioClock } = clocks;
  const cycle: BillingCycle = settings.routing.budget ?? CALENDAR_MONTH;
  const ledger = openBooks(settings, cycle, clocks, log);
  closers.add(() => ledger.close());
  const { tokens, calibration } = startCounting(log, ledger);
  closers.add(() => tokens.close());
  const upstream = await openUpstream(settings, ioClock, log, tokens);
  closers.add(() => upstream.close());
  const inspection = await openInspection(options, clock, log);
  closers.add(() => inspection.close());
  const control = startControlPlane({
    clock,
    ioClock,
    cycle,
    budget: settings.routing.budget,
    backends: settings.backends,
    routesOf: (backend) => upstream.routesOf(backend),
    healthCheck: settings.healthCheck,
    probe: (backend, timeoutMs) => upstream.probe(backend, timeoutMs),
    initialPeriod: ledger.period(),
    totals: () => ledger.totals(),
    openPeriod: (period) => ledger.openPeriod(period),
    audit: () => ledger.audit(),
    ...(inspection.inspect && { inspect: inspection.inspect }),
  });
  closers.add(() => control.stop());
  ledger.onTotals((totals) => control.totalsChanged(totals));
  const owned = { clocks, log, ledger, control, calibration };
  const deciding = openAdmission(options, owned);
  const { router, load, follower } = deciding;
  closers.add(() => follower.stop());
  // In the same turn as the start of the control plane, whose first events come in the next.
  const observation = observe({
    settings,
    version,
    clock,
    ioClock,
    log,
    ledger,
    control,
    resolveAlias: (model) => router.resolve(model).model,
    pending: (backend) => load.pending(backend),
    calibration: () => calibration.readings(),
    priceList: PRICE_LIST,
    lastReload: () => follower.state(),
  });
  closers.add(() => observation.stop());
  return {
    ...owned,
    options,
    cycle,
    tokens,
    upstream,
    ...deciding,
    observation,
    inspection,
  };
}

async function build(options: GatewayOptions, closers: Closers): Promise<Gateway> {
  const engine = await startEngine(options, closers);
  const { log, tokens, control } = engine;
  await atMost(control.probeAll(), FIRST_PROBE_MS);
  const { url, metricsUrl, drain: drainAll } = await openDoors(engine, closers);
  // Next to the gateway's own port, so that a page that is left open finds it again after a restart.
  const statelyUrl = await engine.inspection.openStately(Number(new URL(url).port) + 1);
  const policy = control.policy();
  const { month } = control.period();
  const summary = summaryLines({ ...options, policy, month, url, metricsUrl, statelyUrl });
  for (const line of summary) log.info(line.replace(/ {2,}/, ': '));
  // The first request of a model would wait for its encoding; now nobody does. What fails here is tried again then.
  // Workers have counters of their own.
  const models = options.settings.backends.flatMap((backend) => backend.models);
  if (options.settings.server.workers === 1) void tokens.warmUp(models).catch(() => undefined);
  let stopping: Promise<void> | null = null;
  return {
    url,
    metricsUrl,
    summary,
    reload: () => engine.follower.reload(),
    stop: () => (stopping ??= drainAll().then(() => closers.run())),
  };
}

/** A ledger file recomputed from its entries, and these from usage and prices, month by month. Throws when there is none, or another process holds it. */
export async function verifyLedgerFile(path: string): Promise<readonly AuditReport[]> {
  if (!existsSync(path))
    throw new Error(`There is no ledger file at ${path}. Name it with --ledger, or by --config.`);
  const store = openStore(path);
  try {
    return verifyStore(store, Date.now(), costOf);
  } finally {
    store.close();
  }
}

/** The inspector page without a gateway: it simulates. */
export async function serveInspector(version: string, port: number): Promise<Listener> {
  return await listen(createInspectorApp(version), '127.0.0.1', port);
}
