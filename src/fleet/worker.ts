/**
 * The composition root of a worker: the data plane of a gateway. It reads, counts, sends and relays; what is decided,
 * held, booked and shown is in the primary, on the other side of the line.
 */
import { createClocks } from '../control/create-clocks.ts';
import { createCallApp } from '../http/app.ts';
import { listen } from '../http/listen.ts';
import { LoadBook } from '../http/load-book.ts';
import { timedId } from '../http/request-id.ts';
import type { CallServices } from '../http/services.ts';
import { createPriceBook } from '../metering/price-book.ts';
import { createTokenCounter } from '../metering/token-counter.ts';
import { createRouter } from '../routing/router.ts';
import { createUpstream } from '../upstream/create-upstream.ts';
import { drain, openGate } from './drain.ts';
import type { Line } from './line.ts';
import type { Beginning } from './messages.ts';
import { relayOperations } from './relay-operations.ts';
import {
  remoteAdmission,
  remoteCalibration,
  remoteFacts,
  remoteLedger,
  remoteLog,
} from './remote-ports.ts';

export interface RunningWorker {
  /** The injected clock was moved. */
  clockMoved(nowMs: number): void;
  /** Takes no new requests; resolves when those in flight have ended and are told. */
  drain(): Promise<void>;
}

/** Resolves when it listens; rejects with a message for the operator when something can not be opened. */
export async function startWorker(beginning: Beginning, line: Line): Promise<RunningWorker> {
  const { settings, nowMs } = beginning;
  const log = remoteLog(settings.logging.level, line);
  const { clock, ioClock, movable } = createClocks(settings, nowMs ?? undefined);
  const tokens = createTokenCounter({ log });
  const upstream = await createUpstream({
    backends: settings.backends,
    log,
    clock: ioClock,
    countTokens: async (body, model, route) => (await tokens.count({ body, route }, model)).tokens,
  });
  const gate = openGate();
  const services: CallServices = {
    settings,
    clock,
    ioClock,
    log,
    admission: remoteAdmission(line),
    control: { policy: () => ({ budget: line.standing.budget }) },
    ledger: remoteLedger(line),
    // Charges only: the price of an attempt comes with its hold.
    prices: createPriceBook({
      backends: settings.backends,
      unknownPrice: settings.routing.budget?.unknownPrice ?? 'conservative',
      log,
    }),
    tokens,
    calibration: remoteCalibration(line),
    upstream,
    router: createRouter(settings.routing),
    facts: remoteFacts(line),
    load: new LoadBook(),
    isOpen: () => gate.isOpen,
    calls: gate.calls,
    newRequestId: () => timedId('req'),
  };
  const app = createCallApp(services, relayOperations(beginning.operations));
  const listener = await listen(app, settings.server.host, beginning.port);
  const models = settings.backends.flatMap((backend) => backend.models);
  void tokens.warmUp(models).catch(() => undefined);
  return {
    clockMoved: (toMs) => movable?.advanceTo(Math.max(toMs, movable.now())),
    async drain() {
      const { load } = services;
      const { drainTimeoutSeconds } = settings.server;
      await drain({ gate, load, listener, drainTimeoutSeconds, ioClock, log });
      line.flush();
    },
  };
}
