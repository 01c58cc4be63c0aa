/** Asks a running gateway over HTTP. Every failure is one line that says what to do. */
import { Answer } from './answer.ts';
import type { Session } from './command.ts';
import { CommandFailure, UsageFailure } from './failure.ts';
import type { Flags, FlagSpec } from './flags.ts';

const DEFAULT_URL = 'http://127.0.0.1:8000';
const DEFAULT_KEY_ENV = 'NEXUS_API_KEY';
const TIMEOUT_MS = 30_000;

export const GATEWAY_FLAGS = {
  url: {
    value: 'URL',
    help: `Address of the gateway; by default NEXUS_URL, or else ${DEFAULT_URL}.`,
  },
  'api-key-env': {
    value: 'NAME',
    help: `Environment variable that holds the gateway's key; ${DEFAULT_KEY_ENV} by default.`,
  },
} as const satisfies Readonly<Record<string, FlagSpec>>;

/** Text of a query; what is undefined is left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

function readBaseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageFailure(`'${text}' is not a URL; write it like ${DEFAULT_URL}`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UsageFailure(`'${text}' is not an http or https URL; write it like ${DEFAULT_URL}`);
  if (url.username !== '' || url.password !== '')
    throw new UsageFailure(
      'the URL must not hold a user or password; use --api-key-env for the key',
    );
  // People paste the base URL of their SDK, which ends in /v1.
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/v1$/, '');
}

/** What Node says about a connection that failed, in words. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : null;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unknown host';
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return `no answer within ${TIMEOUT_MS / 1000} s`;
  return cause instanceof Error ? cause.message : String(cause);
}

export class GatewayClient {
  readonly baseUrl: string;
  readonly #key: string | null;

  /** Throws `UsageFailure` for an address that is none. */
  constructor(url: string, key: string | null = null) {
    this.baseUrl = readBaseUrl(url);
    this.#key = key;
  }

  /** A JSON object; throws `CommandFailure` for every other answer. */
  async get(path: string, query: Query = {}): Promise<Answer> {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) given.set(name, String(value));
    const search = given.toString();
    return await this.#ask('GET', search === '' ? path : `${path}?${search}`);
  }

  async post(path: string, body: unknown): Promise<Answer> {
    return await this.#ask('POST', path, JSON.stringify(body));
  }

  async #ask(method: string, path: string, body?: string): Promise<Answer> {
    const where = `the answer to ${method} ${path}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.baseUrl + path, {
        method,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#key === null ? {} : { authorization: `Bearer ${this.#key}` }),
        },
        ...(body === undefined ? {} : { body }),
      });
      text = await response.text();
    } catch (thrown) {
      throw new CommandFailure(
        `no gateway answers at ${this.baseUrl} (${reasonOf(thrown)}); start one with 'nexus serve', or name its address with --url`,
      );
    }
    if (!response.ok) throw new CommandFailure(this.#refusalOf(response.status, text));
    try {
      return new Answer(JSON.parse(text), where);
    } catch (thrown) {
      if (thrown instanceof CommandFailure) throw thrown;
      throw new CommandFailure(`${where} is not JSON; is that a Nexus gateway?`);
    }
  }

  /** The gateway's own words where it has some. */
  #refusalOf(status: number, text: string): string {
    if (status === 401) {
      return this.#key === null
        ? `the gateway at ${this.baseUrl} asks for a key; put it in ${DEFAULT_KEY_ENV}, or name its variable with --api-key-env`
        : `the gateway at ${this.baseUrl} does not accept this key`;
    }
    try {
      return new Answer(JSON.parse(text), 'the error').object('error').text('message');
    } catch {
      return `the gateway at ${this.baseUrl} answered ${status}; is that a Nexus gateway?`;
    }
  }
}

/** The client that the flags and the environment name. */
export function connect(flags: Flags<'url' | 'api-key-env'>, { env }: Session): GatewayClient {
  const keyEnv = flags.text('api-key-env');
  const key = env[keyEnv ?? DEFAULT_KEY_ENV];
  if (keyEnv !== undefined && !key)
    throw new CommandFailure(`the environment variable ${keyEnv} is not set`);
  return new GatewayClient(flags.text('url') ?? (env['NEXUS_URL'] || DEFAULT_URL), key || null);
}
