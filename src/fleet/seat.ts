/** One worker's place in the fleet: a process comes, works, and goes; another takes the place. */
import cluster, { type Worker } from 'node:cluster';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Desk, type DeskOptions } from './desk.ts';
import type { Answer, Beginning, Down, Standing, Up } from './messages.ts';

/** The pause before a new process takes the place of one that died; doubled while they die young. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** A process that lived this long did not die of its start. */
const GROWN_UP_MS = 30_000;

export interface SeatOptions {
  readonly number: number;
  readonly desk: Omit<DeskOptions, 'answer' | 'worker'>;
  readonly log: Log;
  readonly ioClock: Clock;
  /** What a process starts from, at this moment. */
  readonly beginning: () => Beginning;
  readonly standing: () => Standing;
}

/** A process that was started, until it is gone and its desk is cleared. */
interface Sitting {
  readonly worker: Worker;
  readonly desk: Desk;
  readonly startedMs: number;
  readonly listening: PromiseWithResolvers<void>;
  readonly drained: PromiseWithResolvers<void>;
  readonly gone: Promise<void>;
}

export class Seat {
  readonly #options: SeatOptions;
  #sitting: Sitting | null = null;
  #isClosing = false;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: unknown = null;
  #answers: Answer[] = [];

  constructor(options: SeatOptions) {
    this.#options = options;
  }

  /** Starts the first process. Resolves when it listens; rejects when it can not, or dies before. */
  async start(): Promise<void> {
    await this.#sit().listening.promise;
  }

  tell(message: Down): void {
    const { worker } = this.#sitting ?? {};
    // A process that is going takes no more messages, and needs none.
    if (worker?.isConnected() === true) worker.send(message, () => undefined);
  }

  /** No new process takes the place, and the present one takes no new requests. Resolves when none is in flight. */
  async drain(): Promise<void> {
    this.#isClosing = true;
    this.#options.ioClock.clearTimeout(this.#timer);
    this.tell({ kind: 'drain' });
    await this.#sitting?.drained.promise;
  }

  /** Ends the process in order; resolves when it is gone. */
  async end(): Promise<void> {
    this.#isClosing = true;
    this.tell({ kind: 'end' });
    await this.#sitting?.gone;
  }

  /** Ends the process at once; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#isClosing = true;
    this.#options.ioClock.clearTimeout(this.#timer);
    this.#sitting?.worker.process.kill('SIGKILL');
    await this.#sitting?.gone;
  }

  #sit(): Sitting {
    const { number, desk: options, ioClock } = this.#options;
    const worker = cluster.fork();
    const desk = new Desk({
      ...options,
      worker: number,
      answer: (answer) => this.#answer(answer),
    });
    const listening = Promise.withResolvers<void>();
    // Of a process that takes another's place nobody waits for it.
    listening.promise.catch(() => undefined);
    const drained = Promise.withResolvers<void>();
    const startedMs = ioClock.monotonicMs();
    const gone = this.#untilGone(worker);
    const sitting: Sitting = { worker, desk, startedMs, listening, drained, gone };
    this.#sitting = sitting;
    worker.on('message', (message: Up) => this.#hear(sitting, message));
    return sitting;
  }

  #hear({ worker, desk, listening, drained }: Sitting, message: Up): void {
    const { number, log, beginning } = this.#options;
    switch (message.kind) {
      case 'here':
        this.tell({ kind: 'begin', ...beginning() });
        break;
      case 'listening':
        log.info('worker listens', { worker: number, pid: worker.process.pid });
        listening.resolve();
        break;
      case 'failed':
        listening.reject(new Error(message.reason));
        log.error('worker can not start', { worker: number, reason: message.reason });
        break;
      case 'drained':
        drained.resolve();
        break;
      case 'items':
        desk.take(message.items);
        break;
    }
  }

  /** Answers of one step travel together; those to one group commit come in one step. */
  #answer(answer: Answer): void {
    if (this.#answers.length === 0) {
      process.nextTick(() => {
        const answers = this.#answers;
        this.#answers = [];
        this.tell({ kind: 'answers', answers, standing: this.#options.standing() });
      });
    }
    this.#answers.push(answer);
  }

  /** A process is gone when it has ended and all that it had said was heard. */
  async #untilGone(worker: Worker): Promise<void> {
    const disconnected = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<string>();
    worker.once('disconnect', () => {
      // Without its line it can not tell what its calls cost, so it must not make any.
      worker.process.kill('SIGKILL');
      disconnected.resolve();
    });
    worker.once('exit', (code: number | null, signal: string | null) =>
      exited.resolve(signal ?? `exit code ${code}`),
    );
    worker.on('error', (error) => {
      // Any other error of the channel ends in its closing. A process that never was has no end to be heard of.
      if (worker.process.pid !== undefined) return;
      exited.resolve(error.message);
      disconnected.resolve();
    });
    const [how] = await Promise.all([exited.promise, disconnected.promise]);
    this.#clear(how);
  }

  #clear(how: string): void {
    const { number, log, ioClock } = this.#options;
    const sitting = this.#sitting;
    this.#sitting = null;
    if (sitting === null) return;
    const { desk, listening, drained, startedMs, worker } = sitting;
    const { requests, holds } = desk.open;
    desk.abandon();
    listening.reject(new Error(`worker ${number} ended before it listened: ${how}`));
    drained.resolve();
    if (this.#isClosing) return;
    log.error('worker died; what it may have sent counts as spending until it is known', {
      worker: number,
      pid: worker.process.pid,
      how,
      requests,
      holds,
    });
    if (ioClock.monotonicMs() - startedMs >= GROWN_UP_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#sitLater();
  }

  #sitLater(): void {
    const { number, log, ioClock } = this.#options;
    this.#timer = ioClock.setTimeout(() => {
      try {
        this.#sit();
      } catch (thrown) {
        // No memory, or too many processes: what is here now goes on, and another try may do better.
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        log.error('worker can not be started', { worker: number, error });
        this.#sitLater();
      }
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
