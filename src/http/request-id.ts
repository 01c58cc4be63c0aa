/** The id of a request: on the answer, in the log and in the ledger. */
import type { RequestHandler, Response } from 'express';

const HEADER = 'X-Nexus-Request-Id';

/** Gives every request an id before anything else happens to it. A client can not choose it: ids stay unique in the ledger. */
export function assignRequestId(newRequestId: () => string): RequestHandler {
  return function requestId(_request, response, next) {
    const id = newRequestId();
    response.setHeader(HEADER, id);
    // The name that the official SDKs read into `error.requestID`.
    response.setHeader('x-request-id', id);
    next();
  };
}

export function requestIdOf(response: Response): string {
  return String(response.getHeader(HEADER));
}
