/** The body of a simulated answer: just so much of a readable stream as the conductor touches, with no buffer of its own. */
import { EventEmitter } from 'node:events';

type Result = IteratorResult<Buffer, undefined>;

export class SimulatedBody extends EventEmitter {
  destroyed = false;
  readonly #onGivenUp: () => void;
  #isPaused = false;
  #waiting: PromiseWithResolvers<Result> | null = null;
  #broken: Error | null = null;

  /** `onGivenUp`: its reader wants no more of it. */
  constructor(onGivenUp: () => void) {
    super();
    this.#onGivenUp = onGivenUp;
    // As for a stream that somebody listens to: an error between two readers is no fault of the process.
    this.on('error', () => undefined);
  }

  /** True when somebody would take a piece now. */
  get isRead(): boolean {
    return this.#waiting !== null || (this.listenerCount('data') > 0 && !this.#isPaused);
  }

  pause(): this {
    this.#isPaused = true;
    return this;
  }

  resume(): this {
    this.#isPaused = false;
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#onGivenUp();
    this.emit('close');
    return this;
  }

  send(bytes: Buffer): void {
    const waiting = this.#take();
    if (waiting === null) this.emit('data', bytes);
    else waiting.resolve({ done: false, value: bytes });
  }

  end(): void {
    this.#take()?.resolve({ done: true, value: undefined });
    this.emit('end');
    this.emit('close');
  }

  breakOff(error: Error): void {
    this.#broken = error;
    this.destroyed = true;
    this.#take()?.reject(error);
    this.emit('error', error);
    this.emit('close');
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return {
      next: () => {
        if (this.#broken !== null) return Promise.reject(this.#broken);
        this.#waiting = Promise.withResolvers<Result>();
        return this.#waiting.promise;
      },
      return: () => {
        this.#onGivenUp();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #take(): PromiseWithResolvers<Result> | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }
}
