/** Bodies of errors, in the dialect of the route that was asked: OpenAI's, or Anthropic's on its Messages routes. */
import type { ErrorCode, GatewayError } from '../core/errors.ts';

export type ErrorDialect = 'openai' | 'anthropic';

/** The dialect in which the client at a path expects its errors. */
export function errorDialectOf(path: string | undefined): ErrorDialect {
  return path !== undefined && /^\/v1\/messages(?:[/?]|$)/i.test(path) ? 'anthropic' : 'openai';
}

/** Types of the Messages API (its page on errors, 2026-11). SDKs choose their exception by the status, people read these. */
const ANTHROPIC_TYPES: Readonly<Record<ErrorCode, string>> = {
  invalid_request_error: 'invalid_request_error',
  unauthorized: 'authentication_error',
  not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
  model_not_found: 'not_found_error',
  request_too_large: 'request_too_large',
  price_unknown: 'invalid_request_error',
  internal_error: 'api_error',
  backend_error: 'api_error',
  budget_exhausted: 'billing_error',
  budget_reserved: 'overloaded_error',
  ledger_unavailable: 'api_error',
  no_available_backend: 'overloaded_error',
  overloaded: 'overloaded_error',
  backend_timeout: 'timeout_error',
};

function openAiBody({ message, type, param, code, context }: GatewayError): object {
  return { error: { message, type, param, code }, ...(context === null ? {} : { context }) };
}

/** `code` and `param` stand beside what the Messages API has, so that a program can tell our errors apart there too. */
function anthropicBody(error: GatewayError, requestId: string | null): object {
  const { message, param, code, context } = error;
  return {
    type: 'error',
    error: { type: ANTHROPIC_TYPES[code], message, param, code },
    ...(requestId === null ? {} : { request_id: requestId }),
    ...(context === null ? {} : { context }),
  };
}

/** The body of an error, as bytes of JSON. */
export function errorBody(
  error: GatewayError,
  dialect: ErrorDialect = 'openai',
  requestId: string | null = null,
): Buffer {
  const body = dialect === 'openai' ? openAiBody(error) : anthropicBody(error, requestId);
  return Buffer.from(JSON.stringify(body));
}
