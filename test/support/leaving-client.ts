/** A client that can leave at any moment, and a server's view of that: its socket is gone, nothing else is said. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from './eventually.ts';

/** Event-loop turns in which the server, in this process, reads the end of the connection. */
const TURNS = 20;

export class LeavingClient {
  readonly #request: ClientRequest;
  readonly #closed: Promise<unknown>;
  /** What there is of the body has left this process. */
  readonly #sent: Promise<void>;
  #answer: IncomingMessage | null = null;
  #text = '';

  /** `bodyBytes` cuts the body short: the request is then never complete. */
  constructor(url: string, document: object, bodyBytes?: number) {
    const body = Buffer.from(JSON.stringify(document));
    this.#request = request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    });
    this.#closed = new Promise((resolve) => {
      this.#request.once('close', resolve);
    });
    this.#request.on('error', () => undefined);
    this.#request.on('response', (answer) => {
      this.#answer = answer;
      answer.on('error', () => undefined);
      answer.on('data', (chunk: Buffer) => {
        this.#text += chunk.toString();
      });
    });
    this.#sent = new Promise((resolve) => {
      if (bodyBytes === undefined) this.#request.end(body, resolve);
      else this.#request.write(body.subarray(0, bodyBytes), () => resolve());
    });
  }

  get text(): string {
    return this.#text;
  }

  get status(): number | null {
    return this.#answer?.statusCode ?? null;
  }

  /** Resolves when the answer holds this text. */
  async saw(text: string): Promise<void> {
    await eventually(() => {
      if (!this.#text.includes(text)) throw new Error(`the client did not see ${text}`);
    });
  }

  /** Takes nothing more, without leaving. */
  stall(): void {
    this.#answer?.pause();
  }

  async leave(): Promise<void> {
    await this.#sent;
    await turns();
    this.#request.destroy();
    await this.#closed;
    await turns();
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < TURNS; i += 1) await turn();
}
