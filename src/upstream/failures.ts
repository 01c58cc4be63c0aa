/** Socket errors in words for an operator. Nothing matches on these texts: the kind of the failure is the contract. */
import { UpstreamFailure } from '../core/upstream.ts';

/** The `code` of a Node error, or an empty string. */
function codeOf(error: unknown): string {
  if (!Error.isError(error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function connectReason(code: string, target: URL): string | null {
  switch (code) {
    case 'ECONNREFUSED':
      return `connection refused at ${target.origin}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `host name ${target.hostname} was not found`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `no route to ${target.origin}`;
    case 'ETIMEDOUT':
      return `no connection to ${target.origin} in time`;
    case 'ERR_INVALID_CHAR':
      return 'a header for the backend holds characters that no header can carry; check its API key';
    default:
      return isTlsCode(code) ? `TLS with ${target.origin} failed: ${code}` : null;
  }
}

function isTlsCode(code: string): boolean {
  return (
    code === 'EPROTO' || /^(?:CERT_|ERR_SSL|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)
  );
}

/**
 * What an error before the headers means. While nothing was sent it is `connect`, whatever the socket says; after
 * that the backend may have worked, and billed, already.
 */
export function failureBeforeHeaders(
  error: unknown,
  target: URL,
  wasSent: boolean,
): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  const code = codeOf(error);
  const detail = Error.isError(error) ? error.message : String(error);
  if (!wasSent) {
    const reason = connectReason(code, target) ?? `no connection to ${target.origin}: ${detail}`;
    return new UpstreamFailure('connect', false, reason, error);
  }
  const reason = code.startsWith('HPE_')
    ? `${target.origin} answered with something that is not HTTP: ${detail}`
    : `${target.origin} closed the connection before it answered: ${code || detail}`;
  return new UpstreamFailure('reset', true, reason, error);
}
