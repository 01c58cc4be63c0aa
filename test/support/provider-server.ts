/**
 * The common part of servers that stand in for providers in tests: real HTTP on port 0, what arrived is recorded, and
 * each model call behaves as the test says. The wire formats are in the files named after the providers.
 */
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** From its question mark on; empty when there was none. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The parsed body, or null. */
  readonly json: Record<string, unknown> | null;
  /** Local port of the gateway's socket: the same port means that a socket was used again. */
  readonly clientPort: number;
  /** True when the whole answer went out, false when the caller hung up before. */
  readonly finished: Promise<boolean>;
}

export interface ToolCall {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

/** How one model call goes. Everything is optional: without anything it is an ordinary answer. */
export interface Behaviour {
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCall?: ToolCall;
  /** Several calls in one answer. */
  readonly toolCalls?: readonly ToolCall[];
  /** Figures of the usage; null leaves it out. */
  readonly usage?: {
    readonly input: number;
    readonly output: number;
    readonly cached?: number;
    readonly cacheWrite?: number;
    /** Written to the cache that is kept for an hour, where the provider has one. */
    readonly cacheWrite1h?: number;
  } | null;
  /** Answers with an error instead. */
  readonly status?: number;
  readonly errorMessage?: string;
  /** Time until the headers. */
  readonly delayMs?: number;
  /** Headers wait for this. */
  readonly until?: Promise<unknown>;
  /** Time between two events of a stream. */
  readonly eventDelayMs?: number;
  /** `beforeHeaders`: the socket closes without an answer. A number: after that many events of the stream. */
  readonly dies?: 'beforeHeaders' | number;
  /** A stream says an error in the provider's own way after that many events, and ends. */
  readonly failsAfter?: number;
  /** A stream says nothing more after that many events, until the caller hangs up. */
  readonly pausesAfter?: number;
  /** Pieces in which a stream is written: whole events, or so many bytes each. */
  readonly pieceBytes?: number;
  readonly gzip?: boolean;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** The body as it is, instead of the provider's format. */
  readonly raw?: { readonly contentType: string; readonly body: string | Buffer };
}

/** The provider's format: what it answers to a call. */
export interface WireFormat {
  /** Model calls are `POST`s to these paths. */
  readonly modelPaths: readonly string[];
  /** A `POST` to this path counts tokens; it is no model call. */
  readonly countPath?: string;
  readonly answer: (request: RecordedRequest, behaviour: Behaviour) => unknown;
  readonly events: (request: RecordedRequest, behaviour: Behaviour) => readonly string[];
  readonly error: (status: number, message: string) => unknown;
  /** The last words of a stream that fails after its headers; none when left out. */
  readonly eventOfError?: (message: string, request: RecordedRequest) => string;
  /** What the provider finds wrong with a call: it answers 400 with these words. Null for nothing. */
  readonly complaint?: (request: RecordedRequest) => string | null;
  /** Headers of every answer, where a behaviour names no others. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Spaces by which JSON answers are indented; one line when left out. */
  readonly indent?: number;
  /** Other paths: model lists and the like. Undefined: 404. */
  readonly other: (request: RecordedRequest) => unknown;
  /** Null for a welcome caller, otherwise why not. */
  readonly refuses: (headers: IncomingHttpHeaders) => string | null;
}

export class ProviderServer {
  readonly requests: RecordedRequest[] = [];
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch(() => response.destroy());
  });
  readonly #format: WireFormat;
  readonly #arrivals = new EventEmitter();
  #always: Behaviour = {};
  #next: Behaviour[] = [];
  readonly #nextCounts: Behaviour[] = [];
  #url = '';

  constructor(format: WireFormat) {
    this.#format = format;
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  get url(): string {
    return this.#url;
  }

  /** Model calls only, in the order of arrival. */
  get calls(): readonly RecordedRequest[] {
    return this.requests.filter((request) => this.#format.modelPaths.includes(request.path));
  }

  /** How every call goes from here on. */
  behave(behaviour: Behaviour): void {
    this.#always = behaviour;
  }

  /** How the next calls go, one each, before `behave` applies again. */
  next(...behaviours: Behaviour[]): void {
    this.#next.push(...behaviours);
  }

  /** How the next count of tokens goes. */
  nextCount(behaviour: Behaviour): void {
    this.#nextCounts.push(behaviour);
  }

  /** The next request that arrives. */
  async arrival(): Promise<RecordedRequest> {
    const [request] = (await once(this.#arrivals, 'request')) as [RecordedRequest];
    return request;
  }

  async connectionCount(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    return promise;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const recorded = await record(request, response);
    this.requests.push(recorded);
    this.#arrivals.emit('request', recorded);
    const { refuses, complaint, error, modelPaths, countPath, other } = this.#format;
    const refusal = refuses(request.headers);
    if (refusal !== null) {
      this.#send(response, 401, error(401, refusal), {});
    } else if (recorded.method === 'POST' && modelPaths.includes(recorded.path)) {
      const behaviour = this.#next.shift() ?? this.#always;
      const wrong = complaint?.(recorded) ?? null;
      if (wrong !== null) this.#send(response, 400, error(400, wrong), {});
      else await this.#answerCall(recorded, response, behaviour);
    } else if (recorded.method === 'POST' && recorded.path === countPath) {
      await this.#answerCall(recorded, response, this.#nextCounts.shift() ?? {});
    } else {
      const document = other(recorded);
      if (document === undefined) this.#send(response, 404, error(404, 'not found'), {});
      else this.#send(response, 200, document, {});
    }
  }

  #send(response: ServerResponse, status: number, document: unknown, behaviour: Behaviour): void {
    const headers = behaviour.headers ?? this.#format.headers ?? {};
    send(response, status, document, { ...behaviour, headers }, this.#format.indent);
  }

  async #answerCall(
    request: RecordedRequest,
    response: ServerResponse,
    behaviour: Behaviour,
  ): Promise<void> {
    await behaviour.until;
    if (behaviour.delayMs) await delay(behaviour.delayMs, undefined, { ref: false });
    if (behaviour.dies === 'beforeHeaders') {
      response.socket?.resetAndDestroy();
      return;
    }
    const { status = 200, errorMessage = 'the test says so', raw } = behaviour;
    const format = this.#format;
    if (raw) {
      response.writeHead(status, { 'content-type': raw.contentType, ...behaviour.headers });
      await writeAll(response, [raw.body], behaviour);
    } else if (status >= 400) {
      this.#send(response, status, format.error(status, errorMessage), behaviour);
    } else if (request.json?.['stream'] === true) {
      const type = { 'content-type': 'text/event-stream; charset=utf-8' };
      response.writeHead(status, { ...type, ...(behaviour.headers ?? format.headers) });
      const events = format.events(request, behaviour);
      const { failsAfter } = behaviour;
      const said =
        failsAfter === undefined
          ? events
          : [...events.slice(0, failsAfter), format.eventOfError?.(errorMessage, request) ?? ''];
      await writeAll(response, said, behaviour);
    } else {
      this.#send(response, status, format.answer(request, behaviour), behaviour);
    }
  }
}

async function record(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<RecordedRequest> {
  const { promise: finished, resolve } = Promise.withResolvers<boolean>();
  response.once('close', () => resolve(response.writableFinished));
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return {
    method: request.method ?? '',
    path: (request.url ?? '').split('?')[0] ?? '',
    query: /\?.*$/.exec(request.url ?? '')?.[0] ?? '',
    headers: request.headers,
    body,
    json: parsed(body),
    clientPort: request.socket.remotePort ?? 0,
    finished,
  };
}

function parsed(body: Buffer): Record<string, unknown> | null {
  try {
    return JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function send(
  response: ServerResponse,
  status: number,
  document: unknown,
  { gzip, headers }: Behaviour,
  indent?: number,
): void {
  const plain = Buffer.from(JSON.stringify(document, null, indent));
  const body = gzip ? gzipSync(plain) : plain;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    ...headers,
  });
  response.end(body);
}

async function writeAll(
  response: ServerResponse,
  events: readonly (string | Buffer)[],
  { eventDelayMs, dies, pieceBytes, pausesAfter }: Behaviour,
): Promise<void> {
  let sent = 0;
  for (const event of events) {
    if (sent === pausesAfter) await hangUp(response);
    if (sent === dies) {
      await flushed(response);
      response.socket?.resetAndDestroy();
      return;
    }
    for (const piece of pieces(Buffer.from(event), pieceBytes)) {
      if (response.destroyed) return;
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), hangUp(response)]);
      if (pieceBytes !== undefined) await flushed(response);
    }
    sent += 1;
    if (eventDelayMs) await delay(eventDelayMs, undefined, { ref: false });
  }
  response.end();
}

async function hangUp(response: ServerResponse): Promise<void> {
  if (!response.closed) await once(response, 'close');
}

/** What was written has left the process, so that it is a piece of its own for the reader. */
async function flushed(response: ServerResponse): Promise<void> {
  await delay(2);
  while (response.socket && response.socket.writableLength > 0) await delay(1);
}

function pieces(bytes: Buffer, size: number | undefined): Buffer[] {
  if (size === undefined) return [bytes];
  const list: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) list.push(bytes.subarray(at, at + size));
  return list;
}

/** The tool calls of an answer; none when it is text. */
export function callsOf({ toolCall, toolCalls }: Behaviour): readonly ToolCall[] {
  return toolCalls ?? (toolCall ? [toolCall] : []);
}

/** A text in the pieces in which a model would say it. */
export function tokensOf(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}
