/**
 * Reads HTTP/1.1 answers from the bytes of a connection, more strictly than any client would: what it does not like is
 * a fault of the gateway. RFC 9112.
 */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const STATUS_LINE = /^HTTP\/1\.1 ([1-9]\d\d) [\t\x20-\x7e\x80-\xff]*$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const MAX_HEAD_BYTES = 64 * 1024;
/** Of a body so much is kept at each end; the rest is counted. */
const KEPT_BYTES = 1024 * 1024;

export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer';
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; values of a repeated name in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The body, or as much of its start as is kept. */
  readonly body: Buffer;
  readonly bodyBytes: number;
  /** False when the connection ended before the body did. */
  readonly isWhole: boolean;
  readonly startedAtMs: number;
}

export function headerOf({ headers }: HttpAnswer, name: string): string | undefined {
  return headers.get(name)?.[0];
}

type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'untilClose' };

function headersOf(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (colon < 1 || !TOKEN.test(name) || !FIELD_VALUE.test(value))
      throw new MalformedAnswer(`a header line is ${JSON.stringify(line)}`);
    headers.set(name, [...(headers.get(name) ?? []), value]);
  }
  return headers;
}

function framingOf(
  status: number,
  headers: ReadonlyMap<string, readonly string[]>,
  method: string,
): Framing {
  const lengths = headers.get('content-length') ?? [];
  const encodings = headers.get('transfer-encoding') ?? [];
  if (lengths.length > 1 || encodings.length > 1 || lengths.length + encodings.length > 1)
    throw new MalformedAnswer(`framed more than once: ${[...lengths, ...encodings].join(', ')}`);
  const [length] = lengths;
  if (length !== undefined && !/^\d+$/.test(length))
    throw new MalformedAnswer(`content-length: ${length}`);
  // The parser's own refusal comes before the method is known.
  const isRefusal = status === 400 && headers.get('connection')?.[0] === 'close';
  if ((method === 'HEAD' && !isRefusal) || status === 204 || status === 304)
    return { kind: 'none' };
  if (length !== undefined) return { kind: 'length', bytes: Number(length) };
  if (encodings[0] === 'chunked') return { kind: 'chunked' };
  if (encodings[0] !== undefined) throw new MalformedAnswer(`transfer-encoding: ${encodings[0]}`);
  return { kind: 'untilClose' };
}

/** A body on its way in. */
class Body {
  readonly framing: Framing;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  bytes = 0;
  /** Bytes of the present chunk that are still to come; null while its size line is. */
  chunkLeft: number | null = null;

  constructor(framing: Framing) {
    this.framing = framing;
  }

  add(piece: Buffer): void {
    this.bytes += piece.length;
    const room = Math.max(0, KEPT_BYTES - this.#keptBytes);
    if (room === 0) return;
    this.#kept.push(piece.subarray(0, room));
    this.#keptBytes += Math.min(room, piece.length);
  }

  kept(): Buffer {
    return Buffer.concat(this.#kept);
  }
}

/** Takes bytes, gives answers. `methods` are those of the requests that were sent, in order. */
export class AnswerParser {
  readonly answers: HttpAnswer[] = [];
  /** 1xx answers that came before real ones. */
  interim = 0;
  readonly #methods: readonly string[];
  #waiting: Buffer = Buffer.alloc(0);
  #head: Pick<HttpAnswer, 'status' | 'headers' | 'startedAtMs'> | null = null;
  #body: Body | null = null;
  #bytes = 0;

  constructor(methods: readonly string[]) {
    this.#methods = methods;
  }

  /** True when every request has its answer. */
  get isDone(): boolean {
    return this.answers.length >= this.#methods.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws `MalformedAnswer`. */
  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.isDone) throw new MalformedAnswer(`bytes after the last answer: ${text(chunk)}`);
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    let goesOn = true;
    while (goesOn) goesOn = this.#body === null ? this.#readHead() : this.#readBody(this.#body);
  }

  /** The connection ended. Throws `MalformedAnswer` when it ended in the middle of a head. */
  end(): void {
    if (this.#body !== null) this.#finish(this.#body, this.#body.framing.kind === 'untilClose');
    else if (this.#waiting.length > 0)
      throw new MalformedAnswer(`the connection ended in a head: ${text(this.#waiting)}`);
  }

  #readHead(): boolean {
    if (this.isDone) {
      if (this.#waiting.length > 0)
        throw new MalformedAnswer(`bytes after the last answer: ${text(this.#waiting)}`);
      return false;
    }
    const end = this.#waiting.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#waiting.length > MAX_HEAD_BYTES) throw new MalformedAnswer('an endless head');
      return false;
    }
    const [first = '', ...lines] = this.#waiting.toString('latin1', 0, end).split('\r\n');
    this.#waiting = this.#waiting.subarray(end + 4);
    const status = Number(STATUS_LINE.exec(first)?.[1]);
    if (Number.isNaN(status))
      throw new MalformedAnswer(`a status line is ${JSON.stringify(first)}`);
    const headers = headersOf(lines);
    if (status < 200) {
      this.interim += 1;
      return true;
    }
    const method = this.#methods[this.answers.length] ?? 'GET';
    this.#head = { status, headers, startedAtMs: performance.now() };
    this.#body = new Body(framingOf(status, headers, method));
    return true;
  }

  #readBody(body: Body): boolean {
    const { framing } = body;
    if (framing.kind === 'none') return this.#finish(body, true);
    if (framing.kind === 'chunked') return this.#readChunks(body);
    const most = framing.kind === 'length' ? framing.bytes - body.bytes : this.#waiting.length;
    body.add(this.#waiting.subarray(0, most));
    this.#waiting = this.#waiting.subarray(Math.min(most, this.#waiting.length));
    if (framing.kind === 'length' && body.bytes === framing.bytes) return this.#finish(body, true);
    return false;
  }

  #readChunks(body: Body): boolean {
    if (body.chunkLeft === null) {
      const end = this.#waiting.indexOf('\r\n');
      if (end < 0) return false;
      const line = this.#waiting.toString('latin1', 0, end);
      if (!/^[0-9a-f]{1,8}$/i.test(line)) throw new MalformedAnswer(`a chunk of size "${line}"`);
      body.chunkLeft = Number.parseInt(line, 16);
      this.#waiting = this.#waiting.subarray(end + 2);
    }
    if (body.chunkLeft === 0) return this.#readTrailers(body);
    const data = this.#waiting.subarray(0, body.chunkLeft);
    body.add(data);
    body.chunkLeft -= data.length;
    this.#waiting = this.#waiting.subarray(data.length);
    if (body.chunkLeft > 0 || this.#waiting.length < 2) return false;
    if (this.#waiting.toString('latin1', 0, 2) !== '\r\n')
      throw new MalformedAnswer('a chunk does not end where it says');
    this.#waiting = this.#waiting.subarray(2);
    body.chunkLeft = null;
    return true;
  }

  /** What follows the last chunk: a blank line, or headers that the head announced and then a blank line. */
  #readTrailers(body: Body): boolean {
    const isBlank = this.#waiting.toString('latin1', 0, 2) === '\r\n';
    const end = isBlank ? 0 : this.#waiting.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#waiting.length > MAX_HEAD_BYTES) throw new MalformedAnswer('endless trailers');
      return false;
    }
    const lines = isBlank ? [] : this.#waiting.toString('latin1', 0, end).split('\r\n');
    const announced = (this.#head?.headers.get('trailer') ?? []).join(',').toLowerCase();
    for (const name of headersOf(lines).keys())
      if (!announced.includes(name)) throw new MalformedAnswer(`a trailer "${name}" of no head`);
    this.#waiting = this.#waiting.subarray(end + (isBlank ? 2 : 4));
    return this.#finish(body, true);
  }

  #finish(body: Body, isWhole: boolean): boolean {
    const { status = 0, headers = new Map<string, string[]>(), startedAtMs = 0 } = this.#head ?? {};
    const parts = { body: body.kept(), bodyBytes: body.bytes, isWhole };
    this.answers.push({ status, headers, startedAtMs, ...parts });
    this.#head = null;
    this.#body = null;
    return true;
  }
}

function text(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 120));
}
