/**
 * The transport over http-proxy-middleware. The library opens the upstream request, pools sockets and knows targets
 * and TLS; it never sees the client.
 *
 * Why a stand-in for the client's request and response: the library (httpxy below it) destroys the upstream request as
 * soon as the response that it was given closes. A gateway must not do that by itself. The meter belongs to the
 * upstream call: when a client leaves, the conductor may still want the rest of the answer for the usage at its end.
 * So each exchange gets a pair of small emitters of its own, which close when the exchange is over or its signal says
 * so, and at no other time. It also keeps every client header out of the library's reach, which forwards all of them.
 */
import { EventEmitter } from 'node:events';
import { Agent as HttpAgent } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Stream } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { assert } from '../core/assert.ts';
import type { Clock } from '../core/clock.ts';
import { Roster } from '../core/roster.ts';
import { UpstreamFailure } from '../core/upstream.ts';
import { failureBeforeHeaders } from './failures.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** A host that does not answer to a connection attempt must not eat the whole deadline of the first byte. */
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_SOCKETS_PER_ORIGIN = 256;
/**
 * Idle sockets are closed by us first: common servers (uvicorn, Node) close theirs after 5 seconds without saying so,
 * and a request that meets that close can not be told from one that was billed.
 */
const IDLE_SOCKET_MS = 4_000;

/** Hands the body over in one write, so that headers and body leave in one packet and nothing is copied. */
class BodySource extends Stream {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    super();
    this.#exchange = exchange;
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    const { body } = this.#exchange.request;
    if (this.#exchange.isOver) return destination;
    if (body === null) destination.end();
    else destination.end(body);
    return destination;
  }
}

/** The request as the library wants to see it. A writable socket makes it report resets like every other error. */
class StandInRequest extends EventEmitter {
  readonly exchange: Exchange;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly httpVersionMajor = 1;
  readonly socket = { writable: true };

  constructor(exchange: Exchange) {
    super();
    this.exchange = exchange;
    this.method = exchange.request.method;
    this.url = exchange.request.path;
    this.headers = exchange.request.headers;
  }
}

/** The response as the library wants to see it. Its `close` is the lever that destroys the upstream request. */
class StandInResponse extends EventEmitter {
  readonly headersSent = false;
  destroyed = false;
  /** True tells the library that the response is in other hands. */
  finished = false;
  writableFinished = false;

  /** Lets go of the upstream request: it lives on, the library forgets it. */
  release(): void {
    this.finished = true;
    this.writableFinished = true;
    this.emit('close');
  }

  /** Destroys the upstream request. */
  cancel(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** One request from here to the headers of its answer. The first outcome counts; later ones are ignored. */
class Exchange {
  readonly request: TransportRequest;
  readonly standInRequest: StandInRequest;
  readonly standInResponse = new StandInResponse();
  readonly outcome: Promise<TransportResponse>;
  isOver = false;
  readonly #clock: Clock;
  readonly #resolve: (response: TransportResponse) => void;
  readonly #reject: (failure: UpstreamFailure) => void;
  readonly #deadline: unknown;
  readonly #onAbort = (): void => {
    this.fail(new UpstreamFailure('aborted', this.#wasSent, 'the attempt was aborted'));
  };
  #connectTimer: unknown = null;
  #wasSent = false;

  constructor(request: TransportRequest, clock: Clock) {
    this.request = request;
    this.#clock = clock;
    this.standInRequest = new StandInRequest(this);
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    request.signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#deadline = clock.setTimeout(() => {
      this.#expire();
    }, request.firstByteTimeoutMs);
  }

  #expire(): void {
    const { firstByteTimeoutMs, target } = this.request;
    const message = this.#wasSent
      ? `no answer from ${target.origin} within ${firstByteTimeoutMs} ms`
      : `no connection to ${target.origin} within ${firstByteTimeoutMs} ms`;
    this.fail(new UpstreamFailure(this.#wasSent ? 'timeout' : 'connect', this.#wasSent, message));
  }

  /** A socket was assigned. From the moment it is connected, bytes may have reached the backend. */
  watchSocket(upstreamRequest: ClientRequest): void {
    const { socket } = upstreamRequest;
    if (!socket?.connecting) {
      this.#wasSent = true;
      return;
    }
    this.#connectTimer = this.#clock.setTimeout(() => {
      const reason = `no connection to ${this.request.target.origin} within ${CONNECT_TIMEOUT_MS} ms`;
      this.fail(new UpstreamFailure('connect', false, reason));
    }, CONNECT_TIMEOUT_MS);
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      this.#clock.clearTimeout(this.#connectTimer);
      this.#wasSent = true;
    });
  }

  succeed(response: IncomingMessage): void {
    if (this.isOver) {
      response.destroy();
      return;
    }
    const { statusCode: status = 0 } = response;
    if (status < 200) {
      // Node's parser lets three digits pass that are no status of a last answer, and that no answer of ours can have.
      response.destroy();
      const { origin } = this.request.target;
      this.fail(new UpstreamFailure('reset', true, `${origin} answered with the status ${status}`));
      return;
    }
    this.#finish();
    // Without a listener, an error between two reads of the conductor would end the process.
    response.on('error', () => {});
    const { signal } = this.request;
    const onAbort = (): void => {
      response.destroy(new UpstreamFailure('aborted', true, 'the attempt was aborted'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    response.once('close', () => {
      signal.removeEventListener('abort', onAbort);
    });
    this.standInResponse.release();
    this.#resolve({
      status,
      headers: response.headers,
      body: response,
    });
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    const failure = failureBeforeHeaders(error, this.request.target, this.#wasSent);
    this.#finish();
    this.standInResponse.cancel();
    this.#reject(failure);
  }

  #finish(): void {
    this.isOver = true;
    this.#clock.clearTimeout(this.#deadline);
    if (this.#connectTimer !== null) this.#clock.clearTimeout(this.#connectTimer);
    this.request.signal.removeEventListener('abort', this.#onAbort);
  }
}

function exchangeOf(request: unknown): Exchange {
  assert(request instanceof StandInRequest, 'the proxy was given a request of ours');
  return request.exchange;
}

type Middleware = ReturnType<typeof createProxyMiddleware>;

function createMiddleware(httpAgent: HttpAgent, httpsAgent: HttpsAgent): Middleware {
  return createProxyMiddleware({
    changeOrigin: true,
    selfHandleResponse: true,
    router: (request, _response, options) => {
      const exchange = exchangeOf(request);
      const { target } = exchange.request;
      options.agent = target.protocol === 'https:' ? httpsAgent : httpAgent;
      options.buffer = new BodySource(exchange);
      return target;
    },
    // The default plugins log every request and answer errors to the client; the conductor does both.
    ejectPlugins: true,
    plugins: [
      (proxy) => {
        // Thrown here, it ends an exchange that was over before the library came to it: nothing is sent.
        proxy.on('start', (request) => {
          assert(!exchangeOf(request).isOver, 'the exchange is over');
        });
        proxy.on('proxyReq', (upstreamRequest, request) => {
          exchangeOf(request).watchSocket(upstreamRequest);
        });
        proxy.on('proxyRes', (response, request) => {
          exchangeOf(request).succeed(response);
        });
        proxy.on('error', (error, request) => {
          exchangeOf(request).fail(error);
        });
      },
    ],
  });
}

/** A transport with its own keep-alive pools, at most 256 sockets for each origin. */
export function createProxyTransport(clock: Clock): Transport {
  const pool = {
    keepAlive: true,
    maxSockets: MAX_SOCKETS_PER_ORIGIN,
    maxFreeSockets: MAX_SOCKETS_PER_ORIGIN,
    timeout: IDLE_SOCKET_MS,
  };
  const httpAgent = new HttpAgent(pool);
  const httpsAgent = new HttpsAgent(pool);
  const middleware = createMiddleware(httpAgent, httpsAgent);
  const exchanges = new Roster<Exchange>();
  let isClosed = false;

  return {
    async open(request) {
      if (isClosed || request.signal.aborted) {
        throw new UpstreamFailure('aborted', false, 'the attempt was aborted before it was sent');
      }
      const exchange = new Exchange(request, clock);
      const place = exchanges.add(exchange);
      // The stand-ins have the members that the library reads for plain HTTP, and no others.
      const standInRequest = exchange.standInRequest as unknown as IncomingMessage;
      const standInResponse = exchange.standInResponse as unknown as ServerResponse;
      void middleware(standInRequest, standInResponse, (error) => {
        exchange.fail(error);
      });
      try {
        return await exchange.outcome;
      } finally {
        exchanges.remove(place);
      }
    },
    close() {
      isClosed = true;
      for (const exchange of exchanges.items()) {
        exchange.fail(new UpstreamFailure('aborted', true, 'the gateway is stopping'));
      }
      httpAgent.destroy();
      httpsAgent.destroy();
      return Promise.resolve();
    },
  };
}
