/**
 * Counts long prompts off the event loop, in one thread: counting is bound by the processor, and a gateway's own cores
 * are better spent on relaying. The thread is started on first need and never keeps the process alive on its own.
 *
 * Never rejects and never waits long: a job that finds the queue full, or is not done in time, is answered with null,
 * and the caller uses a bound that needs no counting.
 */
import { Worker } from 'node:worker_threads';
import type { Log } from '../core/log.ts';
import type { CountingAnswer, CountingJob, CountingNews } from './counting-job.ts';
import type { EncodingName } from './encodings.ts';

export interface CountingPoolOptions {
  /** From the call to the answer, waiting and loading included. */
  readonly timeLimitMs: number;
  readonly maxQueuedJobs: number;
  readonly maxQueuedChars: number;
  readonly log: Log;
}

/** Part of the remaining time that the thread may use itself; the rest is for the way there and back. */
const OWN_SHARE = 0.85;
/** One thread holds two encodings and one job. */
const HEAP_MB = 384;
/** A thread that has not loaded its encoding by then never will; on a quiet machine it takes a quarter of a second. */
const MOST_LOADING_MS = 60_000;

interface Waiting {
  readonly encoding: EncodingName;
  readonly texts: readonly string[];
  readonly chars: number;
  readonly deadlineMs: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (answer: CountingAnswer | null) => void;
}

/** The thread's file: TypeScript where this file is run as it is, JavaScript where it was compiled. */
function threadUrl(): URL {
  return import.meta.url.endsWith('.ts')
    ? new URL('./counting-thread.ts', import.meta.url)
    : new URL('./counting-thread.js', import.meta.url);
}

export class CountingPool {
  readonly #options: CountingPoolOptions;
  readonly #queue: Waiting[] = [];
  #queuedChars = 0;
  #running: Waiting | null = null;
  #worker: Worker | null = null;
  /** Set while the thread starts or loads the encoding of the job that it was given last. */
  #loading: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: CountingPoolOptions) {
    this.#options = options;
  }

  /** Counts for each text, or null when there was no room or no time. */
  count(encoding: EncodingName, texts: readonly string[]): Promise<CountingAnswer | null> {
    let chars = 0;
    for (const text of texts) chars += text.length;
    const { maxQueuedJobs, maxQueuedChars, timeLimitMs } = this.#options;
    const isFull =
      this.#queue.length >= maxQueuedJobs || this.#queuedChars + chars > maxQueuedChars;
    if (this.#isClosed || isFull) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp(waiting), timeLimitMs);
      const waiting: Waiting = {
        encoding,
        texts,
        chars,
        deadlineMs: performance.now() + timeLimitMs,
        timer,
        resolve,
      };
      this.#queue.push(waiting);
      this.#queuedChars += chars;
      this.#next();
    });
  }

  /** Ends the thread and answers what waits with null. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiting of this.#queue.splice(0)) this.#settle(waiting, null);
    this.#queuedChars = 0;
    await this.#dropWorker();
  }

  #settle(waiting: Waiting, answer: CountingAnswer | null): void {
    clearTimeout(waiting.timer);
    waiting.resolve(answer);
  }

  #giveUp(waiting: Waiting): void {
    if (waiting === this.#running) {
      this.#options.log.warn('token counting took too long; a bound is used instead', {
        chars: waiting.chars,
      });
      // The thread keeps its own time, so one that is late is stuck or starved: a new one is started for the next job.
      // One that is not ready yet goes on: where a start takes longer than a job may, no new one would be faster.
      if (this.#loading === null) void this.#dropWorker();
      else this.#settle(waiting, null);
      return;
    }
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    this.#queuedChars -= waiting.chars;
    this.#settle(waiting, null);
  }

  #next(): void {
    if (this.#running !== null) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) return;
    this.#queuedChars -= waiting.chars;
    this.#running = waiting;
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    this.#loading = setTimeout(() => void this.#dropWorker(), MOST_LOADING_MS).unref();
    const budgetMs = Math.max(0, (waiting.deadlineMs - performance.now()) * OWN_SHARE);
    const job: CountingJob = { encoding: waiting.encoding, texts: waiting.texts, budgetMs };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
    worker.postMessage(job);
  }

  #start(): Worker {
    const worker = new Worker(threadUrl(), { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    worker.on('message', (news: CountingNews) => {
      if (this.#worker !== worker) return;
      this.#endLoading();
      if ('answer' in news) this.#finish(news.answer);
    });
    worker.on('error', (error) => {
      this.#options.log.warn('the token counting thread failed; a bound is used instead', {
        error,
      });
    });
    worker.on('exit', () => {
      if (this.#worker === worker) void this.#dropWorker();
    });
    return worker;
  }

  #endLoading(): void {
    if (this.#loading !== null) clearTimeout(this.#loading);
    this.#loading = null;
  }

  #finish(answer: CountingAnswer | null): void {
    const done = this.#running;
    this.#running = null;
    this.#worker?.unref();
    if (done !== null) this.#settle(done, answer);
    if (!this.#isClosed) this.#next();
  }

  async #dropWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (worker === null) return;
    this.#endLoading();
    this.#finish(null);
    await worker.terminate();
  }
}
