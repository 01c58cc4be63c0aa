/** Whether a request went well, by one rule for statistics and metrics. */
import type { RequestEnded } from '../core/facts.ts';

/**
 * The kind of error that a request ended with, or null. Beside the gateway's own codes: `provider_error` for an error
 * answer of a provider that was passed through, `client_closed` for a client that left before it had an answer.
 */
export function errorTypeOf({
  errorCode,
  status,
  clientGone,
}: Pick<RequestEnded, 'errorCode' | 'status' | 'clientGone'>): string | null {
  if (errorCode !== null) return errorCode;
  if (status < 400) return null;
  return clientGone ? 'client_closed' : 'provider_error';
}
