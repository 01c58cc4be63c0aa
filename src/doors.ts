/**
 * Where requests come in: the door of one process or the one that workers share, the pages, and the second listener for
 * metrics. The part of the composition root that knows which of them there are.
 */
import type { BillingCycle } from './core/billing-period.ts';
import type { ControlPlane } from './core/control.ts';
import type { PriceBook } from './core/prices.ts';
import type { Settings } from './core/settings.ts';
import type { TokenCalibration } from './core/tokens.ts';
import type { Upstream } from './core/upstream.ts';
import type { Closers } from './control/closers.ts';
import type { Clocks } from './control/create-clocks.ts';
import { dashboardView } from './dashboard/dashboard-view.ts';
import { inspectedGateway } from './dashboard/inspected-gateway.ts';
import { createInspector, type Inspector } from './dashboard/inspector-routes.ts';
import { createDashboard, type Dashboard } from './dashboard/routes.ts';
import { drain, openGate, type Gate } from './fleet/drain.ts';
import { startFleet, type Fleet } from './fleet/fleet.ts';
import type { AdmissionHere } from './http/admission.ts';
import { createApp, createMetricsApp } from './http/app.ts';
import { authenticate } from './http/authenticate.ts';
import { listen } from './http/listen.ts';
import type { LoadBook } from './http/load-book.ts';
import { timedId } from './http/request-id.ts';
import type { Services } from './http/services.ts';
import type { OpenLedger } from './ledger/ledger.ts';
import type { WarmTokenCounter } from './metering/token-counter.ts';
import type { Router } from './routing/router.ts';
import type { Inspection } from './telemetry/inspection.ts';
import type { ClosableLog } from './telemetry/log.ts';
import type { Observation } from './telemetry/observe.ts';

/** What works behind the doors. */
export interface Engine {
  readonly options: { readonly settings: Settings; readonly version: string };
  readonly clocks: Clocks;
  readonly cycle: BillingCycle;
  readonly log: ClosableLog;
  readonly ledger: OpenLedger;
  readonly tokens: WarmTokenCounter;
  readonly calibration: TokenCalibration;
  readonly upstream: Upstream;
  readonly control: ControlPlane;
  readonly router: Router;
  readonly prices: PriceBook;
  readonly load: LoadBook;
  readonly admission: AdmissionHere;
  readonly observation: Observation;
  readonly inspection: Inspection;
}

function servicesOf(engine: Engine, gate: Gate, movableClock: Services['movableClock']): Services {
  const { options, clocks, ledger, observation } = engine;
  return {
    ...engine,
    ...clocks,
    settings: options.settings,
    version: options.version,
    movableClock,
    facts: observation.facts,
    views: observation,
    isOpen: () => gate.isOpen,
    isLedgerHealthy: () => ledger.isHealthy(),
    calls: gate.calls,
    newRequestId: () => timedId('req'),
    random: Math.random,
  };
}

interface Doors {
  readonly url: string;
  readonly metricsUrl: string | null;
  /** Takes no new requests; resolves when those in flight have ended, or were given up. */
  readonly drain: () => Promise<void>;
}

function openInspector(engine: Engine): Inspector | null {
  const { options, clocks, inspection } = engine;
  const { settings, version } = options;
  const { journal } = inspection;
  if (journal === null) return null;
  const guard = authenticate(settings.server.apiKey);
  return createInspector(version, inspectedGateway({ ...engine, ...clocks, journal, guard }));
}

/** Where requests come in. */
interface Door extends Pick<Doors, 'url' | 'drain'> {
  readonly services: Services;
}

/** The dashboard, with the inspector beside it. */
function openPages(engine: Engine): Dashboard {
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
  return {
    router: dashboard.router,
    close() {
      dashboard.close();
      inspector?.close();
    },
  };
}

/** The door of a gateway that is one process. */
async function openDoor(
  engine: Engine,
  gate: Gate,
  pages: Dashboard,
  closers: Closers,
): Promise<Door> {
  const { options, clocks, log, load } = engine;
  const { host, port, drainTimeoutSeconds } = options.settings.server;
  const services = servicesOf(engine, gate, clocks.movable);
  const listener = await listen(createApp(services, pages.router), host, port);
  closers.add(() => listener.close());
  const { ioClock } = clocks;
  const draining = { gate, load, listener, drainTimeoutSeconds, ioClock, log };
  return { services, url: listener.url, drain: () => drain(draining) };
}

/** The door of a gateway with workers: they stand in it, and hand on what is not for them. */
async function openSharedDoor(
  engine: Engine,
  gate: Gate,
  pages: Dashboard,
  closers: Closers,
): Promise<Door> {
  const { options, clocks, observation } = engine;
  const { movable } = clocks;
  let fleet: Fleet | null = null;
  const moveAll = (atMs: number): void => {
    movable?.advanceTo(atMs);
    fleet?.clockMoved(atMs);
  };
  const services = servicesOf(engine, gate, movable && { advanceTo: moveAll });
  const { settings } = options;
  const { facts } = observation;
  const shared = { ...engine, ...clocks, settings, facts };
  fleet = await startFleet(shared, createApp(services, pages.router), closers);
  const { url } = fleet;
  return {
    services,
    url,
    drain() {
      gate.isOpen = false;
      return fleet.drain();
    },
  };
}

/** Opens the doors. Rejects with a message for the operator; what was opened by then is in `closers`. */
export async function openDoors(engine: Engine, closers: Closers): Promise<Doors> {
  const { settings } = engine.options;
  const gate = openGate();
  const pages = openPages(engine);
  closers.add(() => pages.close());
  const open = settings.server.workers === 1 ? openDoor : openSharedDoor;
  const { services, url, drain: drainAll } = await open(engine, gate, pages, closers);
  const { host } = settings.server;
  const metrics =
    settings.metrics.port === null
      ? null
      : await listen(createMetricsApp(services), host, settings.metrics.port);
  if (metrics !== null) closers.add(() => metrics.close());
  return {
    url,
    metricsUrl: metrics?.url ?? null,
    async drain() {
      engine.log.info('stopping: no new requests are taken', { inFlight: engine.load.active });
      pages.close();
      await drainAll();
    },
  };
}
