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
interface Traffic {
  readonly open: Set<ServerResponse>;
  latest: IncomingMessage;
}

/** True when the request whose body is still coming has been answered: what is wrong with the body is said to nobody. */
function isAnswered({ open, latest }: Traffic): boolean {
  return !latest.complete && ![...open].some(({ req }) => req === latest);
}

/** Answers for the parser of this server. The connection ends with the answer: where the next request begins is unknown. */
export function answerUnreadable(server: Server): void {
  const traffic = new WeakMap<Duplex, Traffic>();
  server.on('request', (request, response) => {
    const { socket } = request;
    const own = traffic.get(socket) ?? { open: new Set(), latest: request };
    own.latest = request;
    traffic.set(socket, own);
    own.open.add(response);
    response.once('close', () => own.open.delete(response));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const own = traffic.get(socket);
    const responses = [...(own?.open ?? [])];
    // The answer may be for the request that is being read, but not land inside of another, or in its place.
    const isFree =
      responses.length < 2 &&
      responses.every(({ headersSent }) => !headersSent) &&
      (own === undefined || !isAnswered(own));
    const isThere = socket.writable && error.code !== 'ECONNRESET';
    if (isFree && isThere) socket.write(answerOf(REFUSALS[error.code ?? ''] ?? NOT_HTTP));
    socket.destroy(error);
  });
}
