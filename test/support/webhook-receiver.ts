/** A receiver of webhooks that does what a test tells it, and checks signatures as its own program would. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** A status; `hang` never answers. */
export type ReceiverStep = number | 'hang';

export interface ReceivedAlert {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
  readonly answered: ReceiverStep;
}

export class WebhookReceiver {
  readonly all: ReceivedAlert[] = [];
  /** What to do with the next requests; 204 when there is nothing. */
  readonly steps: ReceiverStep[] = [];
  readonly headers: Record<string, string> = {};
  readonly #server: Server;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () =>
        this.#take(request.headers, Buffer.concat(chunks).toString(), response),
      );
    });
  }

  /** Listens on a free port, or again on the one it had. */
  async start(): Promise<this> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks/hidden-path`;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Alerts that were answered with a 2xx. */
  get taken(): readonly ReceivedAlert[] {
    return this.all.filter(({ answered }) => answered !== 'hang' && answered < 300);
  }

  /** Resolves when so many requests have come in all. */
  async received(count: number): Promise<void> {
    if (this.all.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  #take(headers: IncomingHttpHeaders, body: string, response: ServerResponse): void {
    const answered = this.steps.shift() ?? 204;
    const json = JSON.parse(body) as Record<string, unknown>;
    this.all.push({ headers, body, json, answered });
    if (answered !== 'hang') response.writeHead(answered, this.headers).end('thank you');
    for (const { count, resolve } of this.#waiting) if (this.all.length >= count) resolve();
  }
}

/** True when a receiver that knows the key's bytes would trust the request. */
export function isSigned({ headers, body }: ReceivedAlert, key: Buffer, nowMs: number): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': given } = headers;
  if (Math.abs(nowMs / 1000 - Number(at)) > 300) return false;
  const expected = createHmac('sha256', key)
    .update(`${String(id)}.${String(at)}.${body}`)
    .digest();
  const signature = Buffer.from(String(given).replace(/^v1,/, ''), 'base64');
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}
