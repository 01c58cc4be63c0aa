/**
 * The way from a worker to the primary for everything but requests to models: views, health, metrics, the pages and
 * their streams. Bytes pass as they are, so that a client can not tell which process it has reached.
 */
import { Agent, request as open, type RequestListener, type ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { writeError } from '../http/write-error.ts';

/** Names that are about one connection only; the other one has its own. */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'expect']);

/** Pairs of names and values without those of the connection. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!OF_CONNECTION.has(name.toLowerCase())) kept.push(name, rawHeaders[at + 1] ?? '');
  }
  return kept;
}

function fail(response: ServerResponse): void {
  // Once an answer has begun, `writeError` cuts it.
  const words = 'The gateway is starting or stopping. Send the request again in a moment.';
  writeError(response, new GatewayError('overloaded', words, { retryAfterSeconds: 1 }));
}

/** @param socketPath where the primary listens for its workers */
export function relayOperations(socketPath: string): RequestListener {
  const agent = new Agent({ keepAlive: true });
  return function relayed(request, response) {
    const { method, url: path, rawHeaders } = request;
    const headers = endToEnd(rawHeaders);
    // A body of unknown length stays one. A client of HTTP/1.0 may leave out the host, which 1.1 asks for.
    if (request.headers['transfer-encoding'] !== undefined)
      headers.push('Transfer-Encoding', 'chunked');
    if (request.headers.host === undefined) headers.push('Host', 'localhost');
    const onward = open({ socketPath, agent, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders));
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => fail(response));
    response.on('close', () => {
      if (!response.writableFinished) onward.destroy();
    });
    request.pipe(onward);
  };
}
