/**
 * The composition root: the one place that knows everything. It builds the specialists, connects facts and policy, opens
 * the doors, and closes them again in the opposite order.
 */
import { existsSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { followConfig, type ConfigFollower, type ConfigSource } from './config/follow-config.ts';
import { periodAt, type BillingCycle } from './core/billing-period.ts';
import type { Clock } from './core/clock.ts';
import type { ControlPlane } from './core/control.ts';
import type { AuditReport } from './core/ledger.ts';
import type { ModelRequest } from './core/request.ts';
import type { Settings } from './core/settings.ts';
import type { Upstream } from './core/upstream.ts';
import { Closers } from './control/closers.ts';
import { createClocks, type Clocks } from './control/create-clocks.ts';
import { startControlPlane } from './control/start-control-plane.ts';
import { atMost, waitUntil } from './control/waiting.ts';
import { dashboardView } from './dashboard/dashboard-view.ts';
import { inspectedGateway } from './dashboard/inspected-gateway.ts';
import {
  createInspector,
  createInspectorApp,
  type Inspector,
} from './dashboard/inspector-routes.ts';
import { createDashboard } from './dashboard/routes.ts';
import { createApp, createMetricsApp } from './http/app.ts';
import { authenticate } from './http/authenticate.ts';
import { listen, type Listener } from './http/listen.ts';
import { LoadBook } from './http/load-book.ts';
import { timedId } from './http/request-id.ts';
import type { Services } from './http/services.ts';
import { openLedger, type OpenLedger } from './ledger/ledger.ts';
import { openStore } from './ledger/open-store.ts';
import { verifyStore } from './ledger/verify-store.ts';
import { costOf } from './metering/cost.ts';
import { startCounting, type Counting } from './metering/counting.ts';
import { createCurrentPrices, type CurrentPrices } from './metering/current-prices.ts';
import { PRICE_LIST } from './metering/price-list.ts';
import { createRouter, type Router } from './routing/router.ts';
import { startInspection, type Inspection } from './telemetry/inspection.ts';
import { createLog, type ClosableLog } from './telemetry/log.ts';
import { observe, type Observation } from './telemetry/observe.ts';
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
/** After the drain time, for holds of given-up attempts to end. */
const GIVE_UP_MS = 1000;
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

/** What works behind the doors. */
interface Engine {
  readonly options: GatewayOptions;
  readonly clocks: Clocks;
  readonly log: ClosableLog;
  readonly ledger: OpenLedger;
  readonly counting: Counting;
  readonly upstream: Upstream;
  readonly control: ControlPlane;
  readonly router: Router;
  readonly load: LoadBook;
  readonly prices: CurrentPrices;
  readonly follower: ConfigFollower;
  readonly observation: Observation;
  readonly inspection: Inspection;
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

/** What the simulated backends report: the gateway's own count. */
async function countFor(
  { tokens }: Counting,
  request: Pick<ModelRequest, 'route' | 'body'>,
  model: string,
): Promise<number> {
  return (await tokens.count(request, model)).tokens;
}

function openInspection(
  { settings, stately = false }: GatewayOptions,
  clock: Clock,
  log: ClosableLog,
): Promise<Inspection> {
  const page = settings.control.inspector;
  return startInspection({ now: () => clock.now(), log, page, stately });
}

function openPrices(
  { settings, source }: GatewayOptions,
  { clock, ioClock }: Clocks,
  log: ClosableLog,
  control: ControlPlane,
): Pick<Engine, 'prices' | 'follower'> {
  const { backends, routing } = settings;
  const unknownPrice = routing.budget?.unknownPrice ?? 'conservative';
  const prices = createCurrentPrices({ backends, unknownPrice, log });
  const follower = followConfig({
    source,
    backends,
    apply: (next) => prices.swap(next),
    changed: () => control.pricesChanged(),
    log,
    clock,
    ioClock,
  });
  return { prices, follower };
}

async function startEngine(options: GatewayOptions, closers: Closers): Promise<Engine> {
  const { settings, version } = options;
  const log = openLog(options, closers);
  const clocks = createClocks(settings, options.startAtMs);
  const { clock, ioClock } = clocks;
  const cycle: BillingCycle = settings.routing.budget ?? CALENDAR_MONTH;
  const ledger = openBooks(settings, cycle, clocks, log);
  closers.add(() => ledger.close());
  const counting = startCounting(log, ledger);
  closers.add(() => counting.tokens.close());
  const upstream = await createUpstream({
    backends: settings.backends,
    log,
    clock: ioClock,
    countTokens: (body, model, route) => countFor(counting, { body, route }, model),
  });
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
  const router = createRouter(settings.routing);
  const load = new LoadBook();
  const pricing = openPrices(options, clocks, log, control);
  closers.add(() => pricing.follower.stop());
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
    calibration: () => counting.calibration.readings(),
    priceList: PRICE_LIST,
    lastReload: () => pricing.follower.state(),
  });
  closers.add(() => observation.stop());
  return {
    options,
    clocks,
    log,
    ledger,
    counting,
    upstream,
    control,
    router,
    load,
    ...pricing,
    observation,
    inspection,
  };
}

interface Gate {
  isOpen: boolean;
  readonly giveUp: AbortController;
}

function servicesOf(engine: Engine, gate: Gate): Services {
  const { options, clocks, log, ledger, counting, upstream, control, router, load, observation } =
    engine;
  const { settings, version } = options;
  return {
    settings,
    version,
    clock: clocks.clock,
    ioClock: clocks.ioClock,
    movableClock: clocks.movable,
    log,
    control,
    ledger,
    prices: engine.prices,
    ...counting,
    upstream,
    router,
    facts: observation.facts,
    views: observation,
    load,
    isOpen: () => gate.isOpen,
    isLedgerHealthy: () => ledger.isHealthy(),
    giveUp: gate.giveUp.signal,
    newRequestId: () => timedId('req'),
    random: Math.random,
  };
}

interface Doors {
  readonly main: Listener;
  readonly metrics: Listener | null;
  readonly closePages: () => void;
}

function openInspector(engine: Engine): Inspector | null {
  const { options, clocks, inspection } = engine;
  const { settings, version } = options;
  const { journal } = inspection;
  if (journal === null) return null;
  const cycle = settings.routing.budget ?? CALENDAR_MONTH;
  const guard = authenticate(settings.server.apiKey);
  return createInspector(
    version,
    inspectedGateway({ ...engine, ...clocks, cycle, journal, guard }),
  );
}

async function openDoors(engine: Engine, services: Services, closers: Closers): Promise<Doors> {
  const { options, clocks, log, observation } = engine;
  const { settings, version } = options;
  const dashboard = createDashboard({
    view: () => dashboardView({ version, ...observation.frame() }),
    subscribe: (listener) => observation.subscribe(listener),
    clock: clocks.ioClock,
    log,
    guard: authenticate(settings.server.apiKey),
  });
  const inspector = openInspector(engine);
  if (inspector !== null) dashboard.router.use(inspector.router);
  const closePages = (): void => {
    dashboard.close();
    inspector?.close();
  };
  closers.add(closePages);
  const { host, port } = settings.server;
  const main = await listen(createApp(services, dashboard.router), host, port);
  closers.add(() => main.close());
  const metrics =
    settings.metrics.port === null
      ? null
      : await listen(createMetricsApp(services), host, settings.metrics.port);
  if (metrics !== null) closers.add(() => metrics.close());
  return { main, metrics, closePages };
}

/** Takes no new requests, lets those in flight end, and gives up what has not ended in time. */
async function drain(
  { options, clocks, log, load }: Engine,
  gate: Gate,
  { main, closePages }: Doors,
): Promise<void> {
  gate.isOpen = false;
  log.info('stopping: no new requests are taken', { inFlight: load.active });
  closePages();
  main.refuseNew();
  const mostMs = options.settings.server.drainTimeoutSeconds * 1000;
  if (await waitUntil(() => load.active === 0, mostMs, clocks.ioClock)) return;
  log.warn('the drain time is over: requests in flight are given up', { inFlight: load.active });
  gate.giveUp.abort();
  await waitUntil(() => load.active === 0, GIVE_UP_MS, clocks.ioClock);
}

async function build(options: GatewayOptions, closers: Closers): Promise<Gateway> {
  const engine = await startEngine(options, closers);
  const { log, counting, control } = engine;
  const gate: Gate = { isOpen: true, giveUp: new AbortController() };
  await atMost(control.probeAll(), FIRST_PROBE_MS);
  const doors = await openDoors(engine, servicesOf(engine, gate), closers);
  const metricsUrl = doors.metrics?.url ?? null;
  const { url } = doors.main;
  // Next to the gateway's own port, so that a page that is left open finds it again after a restart.
  const statelyUrl = await engine.inspection.openStately(Number(new URL(url).port) + 1);
  const policy = control.policy();
  const { month } = control.period();
  const summary = summaryLines({ ...options, policy, month, url, metricsUrl, statelyUrl });
  for (const line of summary) log.info(line.replace(/ {2,}/, ': '));
  // The first request of a model would wait for its encoding; now nobody does. What fails here is tried again then.
  const models = options.settings.backends.flatMap((backend) => backend.models);
  void counting.tokens.warmUp(models).catch(() => undefined);
  let stopping: Promise<void> | null = null;
  return {
    url,
    metricsUrl,
    summary,
    reload: () => engine.follower.reload(),
    stop: () => (stopping ??= drain(engine, gate, doors).then(() => closers.run())),
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
