/**
 * A gateway of several processes on one machine. The primary owns everything that there must be one of: ledger, control
 * plane, views, log. Its workers share the port and do the work of the data plane.
 *
 * Why the workers ask for every hold instead of spending from a lease of credit: the channel to a process on the same
 * machine costs some ten microseconds, and the answer is then exactly that of one process. No credit lies idle in a
 * worker, no request is refused for money that another worker keeps, `max_tokens` is lowered against the headroom of
 * that instant, and one commit to the disk carries the holds of all workers.
 */
import cluster from 'node:cluster';
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Closers } from '../control/closers.ts';
import { atMost } from '../control/waiting.ts';
import type { Clock } from '../core/clock.ts';
import type { ControlPlane } from '../core/control.ts';
import type { Facts } from '../core/facts.ts';
import type { LedgerAdmin, MonthTotals } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { Settings } from '../core/settings.ts';
import type { TokenCalibration } from '../core/tokens.ts';
import type { AdmissionHere } from '../http/admission.ts';
import { findAddress, listenAt, type Address } from '../http/listen.ts';
import type { LoadBook } from '../http/load-book.ts';
import { GIVE_UP_MS } from './drain.ts';
import type { Beginning, Down, Standing } from './messages.ts';
import { Seat } from './seat.ts';

/** Totals change with every hold; workers that ask hear of it with the answer, the others within this time. */
const STANDING_MS = 50;
/** After the drain of a worker: to tell the last facts, and to end. */
const LAST_WORDS_MS = 2000;

export interface FleetOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly ioClock: Clock;
  readonly log: Log;
  readonly admission: AdmissionHere;
  readonly ledger: LedgerAdmin & {
    onTotals(listener: (totals: MonthTotals) => void): () => void;
  };
  readonly control: ControlPlane;
  /** Counts what is in flight in all workers. */
  readonly load: LoadBook;
  readonly facts: Facts;
  readonly calibration: TokenCalibration;
}

export interface Fleet {
  /** The URL that the workers share. */
  readonly url: string;
  /** The injected clock was moved. */
  clockMoved(nowMs: number): void;
  /** Takes no new requests; resolves when those in flight have ended, or were given up. */
  drain(): Promise<void>;
}

/** The program of a worker: TypeScript where this file is run as it is, JavaScript where it was compiled. */
function workerProgram(): string {
  return fileURLToPath(
    import.meta.url.endsWith('.ts')
      ? new URL('./worker-process.ts', import.meta.url)
      : new URL('./worker-process.js', import.meta.url),
  );
}

/** A place for a socket that no other user of this machine can reach. */
async function socketPath(closers: Closers): Promise<string> {
  if (process.platform === 'win32') return `\\\\.\\pipe\\nexus-${process.pid}-${Date.now()}`;
  const folder = await mkdtemp(path.join(tmpdir(), 'nexus-'));
  closers.add(() => rm(folder, { recursive: true, force: true }));
  return path.join(folder, 'operations.sock');
}

class RunningFleet implements Fleet {
  readonly #options: FleetOptions;
  readonly #address: Address;
  readonly #operations: string;
  readonly #seats: readonly Seat[];
  #isTelling = false;

  constructor(options: FleetOptions, address: Address, operations: string) {
    this.#options = options;
    this.#address = address;
    this.#operations = operations;
    const { settings, log, ioClock } = options;
    const desk = { ...options, maxConcurrentRequests: settings.server.maxConcurrentRequests };
    const beginning = (): Beginning => this.#beginning();
    const standing = (): Standing => this.#standing();
    this.#seats = Array.from(
      { length: settings.server.workers },
      (_, at) => new Seat({ number: at + 1, desk, log, ioClock, beginning, standing }),
    );
  }

  get url(): string {
    return this.#address.url;
  }

  async start(closers: Closers): Promise<void> {
    const { control, ledger } = this.#options;
    closers.add(() => this.#kill());
    cluster.setupPrimary({ exec: workerProgram(), args: [] });
    await Promise.all(this.#seats.map((seat) => seat.start()));
    // A policy is told at once: it decides which status the next answer shows.
    closers.add(control.onPolicy(() => this.#tellStanding()));
    closers.add(ledger.onTotals(() => this.#totalsChanged()));
  }

  clockMoved(nowMs: number): void {
    this.#tell({ kind: 'clock', nowMs });
  }

  async drain(): Promise<void> {
    const { drainTimeoutSeconds } = this.#options.settings.server;
    const mostMs = drainTimeoutSeconds * 1000 + GIVE_UP_MS + LAST_WORDS_MS;
    await atMost(Promise.all(this.#seats.map((seat) => seat.drain())), mostMs);
    await atMost(Promise.all(this.#seats.map((seat) => seat.end())), LAST_WORDS_MS);
  }

  async #kill(): Promise<void> {
    await atMost(Promise.all(this.#seats.map((seat) => seat.kill())), LAST_WORDS_MS);
  }

  #beginning(): Beginning {
    const { settings, clock } = this.#options;
    return {
      settings,
      port: this.#address.port,
      nowMs: settings.control.clock === 'injected' ? clock.now() : null,
      operations: this.#operations,
      standing: this.#standing(),
    };
  }

  #standing(): Standing {
    const { control, ledger } = this.#options;
    return { budget: control.policy().budget, totals: ledger.totals() };
  }

  #totalsChanged(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#options.ioClock.setTimeout(() => this.#tellStanding(), STANDING_MS);
  }

  #tellStanding(): void {
    this.#isTelling = false;
    this.#tell({ kind: 'standing', standing: this.#standing() });
  }

  #tell(message: Down): void {
    for (const seat of this.#seats) seat.tell(message);
  }
}

/**
 * Starts the workers. `operations` answers what they hand on. Rejects with a message for the operator when the port can
 * not be had, or a worker can not start; what was begun is then in `closers`.
 */
export async function startFleet(
  options: FleetOptions,
  operations: RequestListener,
  closers: Closers,
): Promise<Fleet> {
  const { host, port } = options.settings.server;
  const address = await findAddress(host, port);
  const socket = await socketPath(closers);
  const listener = await listenAt(operations, socket);
  closers.add(() => listener.close());
  const fleet = new RunningFleet(options, address, socket);
  await fleet.start(closers);
  return fleet;
}
