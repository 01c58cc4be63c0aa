/** Errors to clients, in the dialect of the route. */
import type { ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { errorBody, errorDialectOf } from './error-bodies.ts';

/** Any thrown value as an error for clients. What is not a `GatewayError` is ours to mend and says nothing of its inside. */
export function asGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const status =
    typeof thrown === 'object' && thrown !== null && 'status' in thrown ? thrown.status : undefined;
  // A path that is no percent-encoded text, such as `/v1/models/%zz`.
  if (thrown instanceof URIError)
    return new GatewayError(
      'invalid_request_error',
      `The path could not be read: ${thrown.message}.`,
    );
  if (status === 413) {
    return new GatewayError(
      'request_too_large',
      'The body is larger than this gateway takes; shorten it or raise [server] max_body_bytes.',
    );
  }
  // Errors of the body reader: aborted, wrong length, unsupported encoding or charset.
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const reason = thrown instanceof Error ? thrown.message : 'the body could not be read';
    return new GatewayError('invalid_request_error', `The body could not be read: ${reason}.`);
  }
  return new GatewayError(
    'internal_error',
    'The gateway failed on this request. The log has the reason under this request id.',
    { cause: thrown },
  );
}

/** Writes the error; an answer that has begun is cut, as one that merely ended would be taken for whole. */
export function writeError(response: ServerResponse, error: GatewayError): void {
  if (response.headersSent || response.destroyed) {
    if (!response.writableEnded) response.destroy();
    return;
  }
  response.statusCode = error.status;
  if (error.retryAfterSeconds !== null)
    response.setHeader('Retry-After', String(error.retryAfterSeconds));
  // The one header by which the official SDKs can be told that a retry is useless.
  if (error.code === 'budget_exhausted') response.setHeader('x-should-retry', 'false');
  const id = response.getHeader('X-Nexus-Request-Id');
  // A simulated response has no request behind it.
  const path = (response.req as { url?: string } | undefined)?.url;
  const body = errorBody(error, errorDialectOf(path), typeof id === 'string' ? id : null);
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', String(body.length));
  response.end(body);
}
