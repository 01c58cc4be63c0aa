/**
 * A provider that a test plays by hand, over real HTTP: each model call waits until the test says the next piece of its
 * answer. For what depends on the exact moment at which something happens; see `provider-server.ts` for the rest.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface HandUsage {
  readonly input: number;
  readonly output: number;
}

export function usageDocument({ input, output }: HandUsage): object {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

/** One model call that waits for its answer. */
export class HandCall {
  readonly body: Readonly<Record<string, unknown>>;
  /** Resolves when the connection or the answer has ended; true when the caller hung up before the end. */
  readonly hungUp: Promise<boolean>;
  readonly #response: ServerResponse;

  constructor(body: Readonly<Record<string, unknown>>, response: ServerResponse) {
    this.body = body;
    this.#response = response;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.hungUp = promise;
    response.once('close', () => resolve(!response.writableFinished));
    response.on('error', () => undefined);
  }

  /** The text of the last message, by which a test tells its calls apart. */
  get prompt(): string {
    const messages = this.body['messages'] as readonly { readonly content: string }[];
    return messages.at(-1)?.content ?? '';
  }

  get isOver(): boolean {
    return this.#response.closed || this.#response.destroyed;
  }

  /** Status and headers of a stream, and no more. */
  head(): this {
    this.#response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#response.flushHeaders();
    return this;
  }

  /** Events of a stream, one for each text. */
  say(...texts: readonly string[]): this {
    if (!this.#response.headersSent) this.head();
    for (const content of texts)
      this.event({ choices: [{ index: 0, delta: { content }, finish_reason: null }], usage: null });
    return this;
  }

  event(document: object): this {
    const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
    return this.raw(`data: ${JSON.stringify({ ...envelope, ...document })}\n\n`);
  }

  raw(text: string): this {
    if (!this.isOver) this.#response.write(text);
    return this;
  }

  finish(): this {
    return this.event({
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
      usage: null,
    });
  }

  usage(usage: HandUsage): this {
    return this.event({ choices: [], usage: usageDocument(usage) });
  }

  done(): this {
    return this.raw('data: [DONE]\n\n');
  }

  end(): this {
    if (!this.isOver) this.#response.end();
    return this;
  }

  /** A whole JSON answer; without usage when `usage` is null. A string in its place is sent as it is. */
  json(text: string, usage: unknown): this {
    return this.answer(200, {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: this.body['model'],
      choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
      ...(usage === null ? {} : { usage }),
    });
  }

  answer(status: number, document: unknown, headers: Readonly<Record<string, string>> = {}): this {
    if (this.isOver) return this;
    const body = Buffer.from(JSON.stringify(document));
    this.#response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': body.length,
      ...headers,
    });
    this.#response.end(body);
    return this;
  }

  /** The first bytes of a JSON answer that promises to be longer; resolves when they have left. */
  async cutJson(text: string, promisedBytes: number): Promise<this> {
    this.#response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': promisedBytes,
    });
    await this.#written(text);
    return this;
  }

  /** Writes a text and waits for room: how a backend meets the gateway's back-pressure. False once the caller is gone. */
  async push(text: string): Promise<boolean> {
    if (this.isOver) return false;
    if (!this.#response.write(text)) {
      const stop = new AbortController();
      const { signal } = stop;
      const room = once(this.#response, 'drain', { signal }).catch(() => undefined);
      await Promise.race([room, this.hungUp]);
      stop.abort();
    }
    return !this.isOver;
  }

  /** Resets the connection. What was written before has left. */
  reset(): void {
    this.#response.socket?.resetAndDestroy();
  }

  #written(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#response.write(text, () => resolve());
    });
  }
}

export class HandProvider {
  /** Every model call so far, in the order of arrival. */
  readonly calls: HandCall[] = [];
  readonly url: string;
  readonly #server: Server;
  readonly #waiting: ((call: HandCall) => void)[] = [];
  readonly #unseen: HandCall[] = [];

  constructor(server: Server, models: readonly string[]) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.method === 'GET') {
        response.end(JSON.stringify({ object: 'list', data: models.map((id) => ({ id })) }));
        return;
      }
      json(request).then(
        (body) => this.#arrive(new HandCall(body as Record<string, unknown>, response)),
        () => response.destroy(),
      );
    });
  }

  /** The next model call that no one was given yet. */
  call(): Promise<HandCall> {
    const call = this.#unseen.shift();
    if (call !== undefined) return Promise.resolve(call);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #arrive(call: HandCall): void {
    this.calls.push(call);
    const next = this.#waiting.shift();
    if (next === undefined) this.#unseen.push(call);
    else next(call);
  }
}

export async function startHandProvider(
  models: readonly string[] = ['gpt-4-turbo'],
): Promise<HandProvider> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new HandProvider(server, models);
}
