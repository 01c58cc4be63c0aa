/** Readings of the gateway's process while it is fuzzed. */
import { once } from 'node:events';
import type { GatewayProcess } from '../crash/gateway-process.ts';
import type { Question, Reading } from './watch-process.ts';

const EVERY_MS = 500;
/** Node options that load the watch into the gateway's process. */
export const WATCHED: readonly string[] = [
  '--expose-gc',
  '--import',
  new URL('watch-process.ts', import.meta.url).href,
];

export class GatewayWatch {
  readonly #gateway: GatewayProcess;
  #timer: NodeJS.Timeout | undefined;
  #asked: Promise<unknown> = Promise.resolve();
  /** The worst so far; see `Reading`. */
  loopDelayMs = 0;
  loopWorkMs = 0;
  rssBytes = 0;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
  }

  /** From now on: what a start needs (hundreds of files to load) delays nobody, as nobody can ask yet. */
  async start(): Promise<void> {
    await this.#ask('read');
    this.#timer = setInterval(() => void this.#note('read').catch(() => undefined), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Bytes in use after a collection of garbage. */
  async heapBytes(): Promise<number> {
    const { heapBytes } = await this.#note('collect');
    return heapBytes;
  }

  /** One question at a time, so that each answer belongs to its question. */
  async #note(question: Question): Promise<Reading> {
    const reading = this.#asked.then(() => this.#ask(question));
    this.#asked = reading.catch(() => undefined);
    const { loopDelayMs, loopWorkMs, rssBytes } = await reading;
    this.loopWorkMs = Math.max(this.loopWorkMs, loopWorkMs);
    this.loopDelayMs = Math.max(this.loopDelayMs, loopDelayMs);
    this.rssBytes = Math.max(this.rssBytes, rssBytes);
    return reading;
  }

  async #ask(question: Question): Promise<Reading> {
    const { child } = this.#gateway;
    if (!child.connected) throw new Error('the gateway has ended');
    const over = new AbortController();
    const { signal } = over;
    try {
      const answered = once(child, 'message', { signal }) as Promise<[Reading]>;
      const ended = once(child, 'exit', { signal }).then(() => {
        throw new Error('the gateway has ended');
      });
      child.send(question);
      return (await Promise.race([answered, ended]))[0];
    } finally {
      over.abort();
    }
  }
}
