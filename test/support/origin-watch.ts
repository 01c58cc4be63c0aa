/** Where this process sends requests, whoever makes them. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Origins to which anything in this process opened a request with `fetch`. */
export class OriginWatch {
  readonly origins = new Set<string>();
  readonly #note = (message: unknown): void => {
    this.origins.add(String((message as { request: { origin: unknown } }).request.origin));
  };

  start(): void {
    subscribe('undici:request:create', this.#note);
  }

  stop(): void {
    unsubscribe('undici:request:create', this.#note);
  }
}
