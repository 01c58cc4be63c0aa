/** Attempts that gave the client no answer, and what the client is told when none did. */
import { GatewayError, type ErrorCode } from '../core/errors.ts';
import { UpstreamFailure, type UpstreamAnswer } from '../core/upstream.ts';
import type { StartedAttempt } from './call-context.ts';

/** An error answer of a provider, kept to be passed through when no other attempt does better. */
export interface KeptAnswer {
  readonly started: StartedAttempt;
  readonly answer: UpstreamAnswer;
  readonly body: Buffer;
}

export interface AttemptFailure {
  readonly backend: string;
  readonly code: ErrorCode;
  /** In words, for the client and the log. */
  readonly reason: string;
  readonly kept: KeptAnswer | null;
  readonly cause: unknown;
}

/** An answer after which the next candidate is tried. Redirects are not followed: a key must not travel with them. */
export function isRetriable(status: number): boolean {
  return status === 408 || status === 429 || status >= 500 || (status >= 300 && status < 400);
}

const CODE_OF_KIND: Readonly<Record<UpstreamFailure['kind'], ErrorCode>> = {
  connect: 'backend_error',
  reset: 'backend_error',
  aborted: 'backend_error',
  timeout: 'backend_timeout',
  untranslatable: 'invalid_request_error',
};

export function failureOf(backend: string, failure: UpstreamFailure): AttemptFailure {
  return {
    backend,
    code: CODE_OF_KIND[failure.kind],
    reason: failure.message,
    kept: null,
    cause: failure,
  };
}

const ADVICE: Readonly<Partial<Record<ErrorCode, string>>> = {
  backend_error: 'Send the request again, or look at the backends with GET /health.',
  backend_timeout: 'Send the request again, or raise [server] request_timeout_seconds.',
  invalid_request_error: 'Change the request, or ask for a model of another backend.',
};

/** The error when every attempt failed before a byte was sent. The last failure decides the code, all are told. */
export function errorOfFailures(failures: readonly AttemptFailure[]): GatewayError {
  const last = failures.at(-1);
  const code = last?.code ?? 'backend_error';
  const attempts = failures.map(({ backend, reason }) => ({ backend, reason }));
  const field = last?.cause instanceof UpstreamFailure ? last.cause.field : null;
  const words = attempts.map(({ backend, reason }) => `${backend}: ${reason}`).join('; ');
  return new GatewayError(code, `No backend answered. ${words}. ${ADVICE[code] ?? ''}`.trim(), {
    context: { attempts },
    ...(field === null ? {} : { param: field }),
    ...(code === 'ledger_unavailable' ? { retryAfterSeconds: 5 } : {}),
    ...(last?.cause === undefined ? {} : { cause: last.cause }),
  });
}
