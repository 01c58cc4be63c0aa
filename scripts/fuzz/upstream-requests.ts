/**
 * What the gateway may send to a backend, byte for byte. Whatever else stands on a connection was smuggled, or is a
 * fault: each request is a known path, one content-length, a body of exactly that length that is a JSON object, and
 * nothing between two requests. RFC 9112.
 */
const HEAD_LINE = /^(GET|POST) (\/[\w/.-]*(?:\?limit=\d+)?) HTTP\/1\.1$/;
const HEADER_LINE = /^[a-z0-9-]+: [\t\x20-\x7e\x80-\xff]*$/i;
/** Everything that the gateway has a reason to send. */
const KNOWN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'host',
  'anthropic-beta',
  'anthropic-version',
  'openai-beta',
  'user-agent',
  'x-api-key',
  'x-request-id',
]);

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** What a gateway must not have sent, in words. */
  readonly faults: readonly string[];
}

/** Reads the requests of one connection. Bytes that can not be read as one are themselves a fault. */
export class UpstreamReader {
  #waiting: Buffer = Buffer.alloc(0);

  /** The requests that these bytes complete. */
  push(chunk: Buffer): readonly SeenRequest[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
    const seen: SeenRequest[] = [];
    for (;;) {
      const next = this.#next();
      if (next === null) return seen;
      seen.push(next);
    }
  }

  #next(): SeenRequest | null {
    const end = this.#waiting.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const [first = '', ...lines] = this.#waiting.toString('latin1', 0, end).split('\r\n');
    const faults: string[] = [];
    const headers = new Map<string, string>();
    for (const line of lines) {
      const name = line.slice(0, line.indexOf(':')).toLowerCase();
      if (!HEADER_LINE.test(line)) faults.push(`the header line ${JSON.stringify(line)}`);
      else if (!KNOWN_HEADERS.has(name)) faults.push(`the header ${name}`);
      if (headers.has(name)) faults.push(`the header ${name} twice`);
      headers.set(name, line.slice(name.length + 1).trim());
    }
    const length = Number(headers.get('content-length') ?? 0);
    if (this.#waiting.length < end + 4 + length) return null;
    const body = this.#waiting.subarray(end + 4, end + 4 + length);
    this.#waiting = this.#waiting.subarray(end + 4 + length);
    const [, method = '', path = ''] = HEAD_LINE.exec(first) ?? [];
    if (method === '') faults.push(`the request line ${JSON.stringify(first.slice(0, 200))}`);
    if (method === 'POST' && !isJsonObject(body)) faults.push('a body that is no JSON object');
    return { method, path, headers, body, faults };
  }
}

function isJsonObject(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
