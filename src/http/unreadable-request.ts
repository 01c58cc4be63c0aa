/** Requests that Node's parser refuses, before the app has seen them, get an error of the same shape as every other. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import { errorBody } from './error-bodies.ts';

interface Refusal {
  readonly statusLine: string;
  readonly message: string;
}

/** The statuses are those with which Node answers by itself. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    statusLine: '431 Request Header Fields Too Large',
    message: 'The headers of the request are longer than this gateway takes, 32 KiB together.',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    statusLine: '413 Payload Too Large',
    message: 'The chunk extensions of the request are longer than this gateway takes.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    statusLine: '408 Request Timeout',
    message: 'The request did not come whole in time. Send it again.',
  },
};
const NOT_HTTP: Refusal = {
  statusLine: '400 Bad Request',
  message: 'This is not a request of HTTP/1.1 that can be read in one way only.',
};

function answerOf({ statusLine, message }: Refusal): Buffer {
  const body = errorBody(new GatewayError('invalid_request_error', message));
  const head = [
    `HTTP/1.1 ${statusLine}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(head.join('\r\n')), body]);
}

/** What came and what goes on one connection. */
class Traffic {
  latest: IncomingMessage;
  /** Nearly always none or one. */
  #open: readonly ServerResponse[] = [];

  constructor(request: IncomingMessage) {
    this.latest = request;
  }

  get open(): readonly ServerResponse[] {
    return this.#open;
  }

  /** True when the request whose body is still coming has been answered: what is wrong with it is said to nobody. */
  get isAnswered(): boolean {
    return !this.latest.complete && !this.#open.some(({ req }) => req === this.latest);
  }

  begin(request: IncomingMessage, response: ServerResponse): void {
    this.latest = request;
    this.#open = [...this.#open, response];
    response.once('close', () => {
      this.#open = this.#open.filter((other) => other !== response);
    });
  }
}

/** Answers for the parser of this server. The connection ends with the answer: where the next request begins is unknown. */
export function answerUnreadable(server: Server): void {
  const traffic = new WeakMap<Duplex, Traffic>();
  server.on('request', (request, response) => {
    const { socket } = request;
    let own = traffic.get(socket);
    if (own === undefined) {
      own = new Traffic(request);
      traffic.set(socket, own);
    }
    own.begin(request, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const own = traffic.get(socket);
    const responses = own?.open ?? [];
    // The answer may be for the request that is being read, but not land inside of another, or in its place.
    const isFree =
      responses.length < 2 &&
      responses.every(({ headersSent }) => !headersSent) &&
      (own === undefined || !own.isAnswered);
    const isThere = socket.writable && error.code !== 'ECONNRESET';
    if (isFree && isThere) socket.write(answerOf(REFUSALS[error.code ?? ''] ?? NOT_HTTP));
    socket.destroy(error);
  });
}
