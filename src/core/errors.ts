/**
 * The one table of errors that a client can see. The README's error table is checked against it by a test, in both
 * directions. Codes are the contract: nothing ever matches on a message.
 */
export const ERRORS = {
  invalid_request_error: { status: 400, type: 'invalid_request_error' },
  unauthorized: { status: 401, type: 'authentication_error' },
  not_found: { status: 404, type: 'invalid_request_error' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  model_not_found: { status: 404, type: 'invalid_request_error' },
  request_too_large: { status: 413, type: 'invalid_request_error' },
  price_unknown: { status: 422, type: 'invalid_request_error' },
  internal_error: { status: 500, type: 'server_error' },
  backend_error: { status: 502, type: 'server_error' },
  budget_exhausted: { status: 503, type: 'insufficient_quota' },
  budget_reserved: { status: 503, type: 'server_error' },
  ledger_unavailable: { status: 503, type: 'server_error' },
  no_available_backend: { status: 503, type: 'server_error' },
  overloaded: { status: 503, type: 'server_error' },
  backend_timeout: { status: 504, type: 'server_error' },
} as const satisfies Record<string, { status: number; type: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** JSON facts beside the error: what was found, what to do. Never prompt text, never a key. */
export type ErrorContext = Readonly<Record<string, unknown>>;

export interface GatewayErrorOptions {
  /** The field of the request that is wrong, such as `messages[0].content`. */
  readonly param?: string;
  readonly context?: ErrorContext;
  /** Only where waiting helps: seconds. */
  readonly retryAfterSeconds?: number;
  /** Instead of the table's status, where the configuration chooses another one. */
  readonly status?: number;
  readonly cause?: unknown;
}

/** A refusal or failure that is answered to the client in the dialect of its route. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly context: ErrorContext | null;
  readonly retryAfterSeconds: number | null;
  readonly status: number;

  /** `message` says what is wrong and what to do about it. */
  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param ?? null;
    this.context = options.context ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.status = options.status ?? ERRORS[code].status;
  }

  get type(): string {
    return ERRORS[this.code].type;
  }
}
