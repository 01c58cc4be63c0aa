/**
 * Carries an answer from a backend to the client: reads it once, writes with back-pressure, and goes on reading for a
 * bounded time when the client has left, because the meter belongs to the upstream call and not to the client.
 */
import type { ServerResponse } from 'node:http';
import type { UpstreamAnswer } from '../core/upstream.ts';
import type { Clock } from '../core/clock.ts';

/** A JSON answer up to this size is read whole before a byte goes out, so that a backend dying in it can be failed over. */
export const WHOLE_ANSWER_BYTES = 8 * 1024 * 1024;

/** An answer of which nothing can be said before its end is given up when it is longer: no end may ever come. */
const MOST_UNSAID_BYTES = 16 * 1024 * 1024;

/**
 * Reading that has taken so long lets everybody else have a turn. Node hands over up to 32 pieces of a socket in one
 * turn, so that pieces which are costly to read (events that are no JSON, say) would hold the event loop for seconds.
 */
const TURN_MS = 10;

/** How long a stream that has said its end marker may keep its connection open. Common backends need no millisecond. */
const AFTER_END_MS = 250;

type RelayEnd =
  /** The whole upstream body was seen. */
  | 'complete'
  /** The upstream body broke off. */
  | 'broken'
  /** Nothing came from the backend for the idle timeout. */
  | 'idle';

/** Where bytes go to. */
export interface Client {
  readonly response: ServerResponse;
  readonly clock: Clock;
  /** How long the backend may send nothing, and the client take nothing. */
  readonly idleTimeoutMs: number;
}

export interface RelayOptions extends Client {
  readonly answer: UpstreamAnswer;
  /** Gives the upstream call up. */
  readonly abort: () => void;
  /** Called once, before the first byte goes out. */
  readonly writeHead: () => void;
}

/** True when bytes for the client would go nowhere. */
export function isClientGone(response: ServerResponse): boolean {
  return response.destroyed || response.closed || response.socket?.destroyed === true;
}

/**
 * Resolves when the response can take more, or when the client has left. One that takes nothing for `stallMs` is taken
 * for gone: else it could keep its hold, and with it a part of the budget, for as long as it likes.
 */
function writable(response: ServerResponse, clock: Clock, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clock.clearTimeout(timer);
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    const timer = clock.setTimeout(() => {
      response.destroy();
      // One that waits in line behind another answer has no socket yet, and would not say that it is closed.
      done();
    }, stallMs);
    response.on('drain', done);
    response.on('close', done);
  });
}

/**
 * Gives an upstream call up when its client has been gone for `drainMs`. Until then it goes on, so that its usage can
 * still come. One watch spans an attempt from its dispatch to its last byte.
 */
export class ClientWatch {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #drainMs: number;
  readonly #abandon: () => void;
  #timer: unknown = null;
  // A function that is assigned to a property (`this.#onClose = () =>`) is made in V8's old space, where what it refers
  // to outlives its request; one that initialises a field is not.
  readonly #onClose = (): void => this.#clientLeft();

  constructor(response: ServerResponse, clock: Clock, drainMs: number, abandon: () => void) {
    this.#response = response;
    this.#clock = clock;
    this.#drainMs = drainMs;
    this.#abandon = abandon;
    if (isClientGone(response)) this.#clientLeft();
    else response.on('close', this.#onClose);
  }

  #clientLeft(): void {
    if (this.#response.writableFinished || this.#timer !== null) return;
    this.#timer = this.#clock.setTimeout(this.#abandon, this.#drainMs);
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#response.off('close', this.#onClose);
  }
}

/** False when the client should be waited for. Bytes for one that has left go nowhere. */
function write(response: ServerResponse, bytes: Buffer): boolean {
  return bytes.length === 0 || isClientGone(response) || response.write(bytes);
}

function joined(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces;
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces);
}

/**
 * Sends the last bytes and ends the response. Resolves when they have left, or when the client has: a gateway that stops
 * waits for its requests, and Node closes the connection of a response that was ended, sent or not.
 */
export async function sendLast(client: Client, bytes: Buffer): Promise<void> {
  const { response, clock, idleTimeoutMs } = client;
  const room = response.writableHighWaterMark - response.writableLength;
  // What fits goes out with its head in one piece.
  if (bytes.length < room && !isClientGone(response)) {
    response.end(bytes);
    return;
  }
  if (!write(response, bytes)) await writable(response, clock, idleTimeoutMs);
  if (!isClientGone(response)) response.end();
}

export interface Relayed {
  readonly end: RelayEnd;
  /** The head, and perhaps bytes, went out. */
  readonly headSent: boolean;
  /** Bytes for the client that were kept back. */
  readonly unsent: Buffer;
}

/**
 * Gives the call up when the backend has sent nothing for too long. A piece that comes is only noted, because a timer
 * that is set anew for each of them costs more than the piece.
 */
class IdleWatch {
  readonly #options: RelayOptions;
  #timer: unknown = null;
  #sinceMs: number;
  #isWaived = false;
  #isIdle = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.monotonicMs();
    this.#arm(options.idleTimeoutMs);
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Something came, or the client took something. */
  note(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#isWaived = false;
  }

  /** From now on a little time is enough: the backend has said its last word. */
  hurry(): void {
    this.stop();
    this.#arm(AFTER_END_MS);
  }

  /** A slow client is waited for: its pauses are not the backend's. */
  waive(): void {
    this.#isWaived = true;
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }

  #arm(delayMs: number): void {
    this.#timer = this.#options.clock.setTimeout(() => this.#look(), delayMs);
  }

  #look(): void {
    const { clock, answer, idleTimeoutMs, abort } = this.#options;
    const mostMs = answer.reader.isComplete() ? AFTER_END_MS : idleTimeoutMs;
    const leftMs = this.#isWaived ? mostMs : this.#sinceMs + mostMs - clock.monotonicMs();
    if (leftMs > 0) {
      this.#arm(leftMs);
      return;
    }
    this.#isIdle = true;
    abort();
  }
}

/** One answer on its way. Listens to the body instead of iterating over it, which would cost three promises a piece. */
class Relay {
  readonly #options: RelayOptions;
  readonly #wholeBytes: number;
  readonly #idle: IdleWatch;
  readonly #resolve: (relayed: Relayed) => void;
  #isOver = false;
  #headSent = false;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #cameBytes = 0;
  /** Time that reading has taken since the rest of the process had its turn. */
  #busyMs = 0;

  constructor(options: RelayOptions, wholeBytes: number, resolve: (relayed: Relayed) => void) {
    this.#options = options;
    this.#wholeBytes = wholeBytes;
    this.#resolve = resolve;
    this.#idle = new IdleWatch(options);
    const { body } = options.answer;
    body.on('end', () => void this.#finish());
    body.on('error', () => this.#breakOff());
    // Also without an error: destroyed in the middle.
    body.on('close', () => this.#breakOff());
    if (body.destroyed) this.#breakOff();
    else body.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    const { reader, body } = this.#options.answer;
    try {
      this.#cameBytes += chunk.length;
      const isFree = this.#pass(this.#read(chunk));
      if (!this.#headSent && this.#cameBytes > MOST_UNSAID_BYTES)
        throw new Error('an answer without end');
      if (!isFree) void this.#awaitClient();
      else if (this.#busyMs >= TURN_MS) this.#yield();
      if (reader.isComplete()) this.#idle.hurry();
    } catch {
      this.#breakOff();
      body.destroy();
    }
  }

  #read(chunk: Buffer): Buffer {
    const { answer, clock } = this.#options;
    const startedAtMs = clock.monotonicMs();
    const bytes = answer.reader.push(chunk);
    const nowMs = clock.monotonicMs();
    this.#busyMs += nowMs - startedAtMs;
    this.#idle.note(nowMs);
    return bytes;
  }

  /** Writes bytes, or keeps them back while the answer may still be whole. False when the client should be waited for. */
  #pass(bytes: Buffer): boolean {
    if (this.#headSent) return write(this.#options.response, bytes);
    // Nothing for the client yet: as long as nothing went out, another backend can still be tried.
    if (bytes.length === 0) return true;
    if (this.#waitingBytes + bytes.length < this.#wholeBytes) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      return true;
    }
    const { response, writeHead } = this.#options;
    this.#headSent = true;
    if (!isClientGone(response)) writeHead();
    const kept = joined(this.#waiting);
    this.#waiting = [];
    const isFree = write(response, kept);
    return write(response, bytes) && isFree;
  }

  async #awaitClient(): Promise<void> {
    const { answer, response, clock, idleTimeoutMs } = this.#options;
    answer.body.pause();
    this.#idle.waive();
    await writable(response, clock, idleTimeoutMs);
    this.#idle.note(clock.monotonicMs());
    answer.body.resume();
  }

  #yield(): void {
    const { body } = this.#options.answer;
    this.#busyMs = 0;
    body.pause();
    setImmediate(() => body.resume());
  }

  async #finish(): Promise<void> {
    if (this.#isOver) return;
    const { answer, response, clock, idleTimeoutMs } = this.#options;
    this.#isOver = true;
    this.#idle.stop();
    try {
      const rest = answer.reader.end();
      if (rest.length > 0 && !this.#pass(rest)) await writable(response, clock, idleTimeoutMs);
    } catch {
      // What is not complete now is broken.
    }
    this.#tell(answer.reader.isComplete() ? 'complete' : 'broken');
  }

  #breakOff(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#idle.stop();
    if (this.#options.answer.reader.isComplete()) this.#tell('complete');
    else this.#tell(this.#idle.isIdle ? 'idle' : 'broken');
  }

  #tell(end: RelayEnd): void {
    this.#resolve({ end, headSent: this.#headSent, unsent: joined(this.#waiting) });
  }
}

/**
 * Relays an answer. Resolves with how it ended and whether a byte went out; never rejects for what backend or client
 * do. With `wholeBytes` set, nothing goes out until the body is complete or that many bytes have come; the bytes that
 * are still unsent at the end are returned, for the caller to send or drop.
 */
export function relayAnswer(options: RelayOptions, wholeBytes: number): Promise<Relayed> {
  return new Promise((resolve) => {
    // It lives as long as the body has its listeners.
    void new Relay(options, wholeBytes, resolve);
  });
}

/** The body of an error answer as the client would get it, cut after about `most` bytes. Never rejects. */
export async function readBounded({ body, reader }: UpstreamAnswer, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // What came is counted, not what the reader gives: that one may keep everything until the end.
  let cameBytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(reader.push(chunk as Buffer));
      cameBytes += (chunk as Buffer).length;
      if (cameBytes > most) break;
    }
  } catch {
    // A broken body does not change what its status says.
  }
  return Buffer.concat([...chunks, reader.end()]);
}
