/** The orderly end of a process that serves requests to models. */
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OpenCalls } from '../core/open-calls.ts';
import { waitUntil } from '../control/waiting.ts';

/** After the drain time, for holds of given-up attempts to end. */
export const GIVE_UP_MS = 1000;

export interface Gate {
  /** True while new requests are taken. */
  isOpen: boolean;
  /** Given up when the drain time is over. */
  readonly calls: OpenCalls;
}

export function openGate(): Gate {
  return { isOpen: true, calls: new OpenCalls() };
}

export interface Draining {
  readonly gate: Gate;
  /** Requests to models that are in this process. */
  readonly load: { readonly active: number };
  readonly listener: { refuseNew(): void };
  readonly drainTimeoutSeconds: number;
  readonly ioClock: Clock;
  readonly log: Log;
}

/** Takes no new requests, lets those in flight end, and gives up what has not ended in time. */
export async function drain(draining: Draining): Promise<void> {
  const { gate, load, listener, drainTimeoutSeconds, ioClock, log } = draining;
  gate.isOpen = false;
  listener.refuseNew();
  if (await waitUntil(() => load.active === 0, drainTimeoutSeconds * 1000, ioClock)) return;
  log.warn('the drain time is over: requests in flight are given up', { inFlight: load.active });
  gate.calls.giveUp();
  await waitUntil(() => load.active === 0, GIVE_UP_MS, ioClock);
}
