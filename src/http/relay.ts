/**
 * Carries an answer from a backend to the client: reads it once, writes with back-pressure, and goes on reading for a
 * bounded time when the client has left, because the meter belongs to the upstream call and not to the client.
 */
import type { ServerResponse } from 'node:http';
import type { AnswerReader, UpstreamAnswer } from '../core/upstream.ts';
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
  #timer: unknown = null;
  #isAbandoned = false;
  readonly #onClose: () => void;

  constructor(response: ServerResponse, clock: Clock, drainMs: number, abandon: () => void) {
    this.#response = response;
    this.#clock = clock;
    this.#onClose = () => {
      if (response.writableFinished || this.#timer !== null) return;
      this.#timer = clock.setTimeout(() => {
        this.#isAbandoned = true;
        abandon();
      }, drainMs);
    };
    if (isClientGone(response)) this.#onClose();
    else response.on('close', this.#onClose);
  }

  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#response.off('close', this.#onClose);
  }
}

async function send({ response, clock, idleTimeoutMs }: Client, bytes: Buffer): Promise<void> {
  if (bytes.length === 0 || isClientGone(response)) return;
  if (!response.write(bytes)) await writable(response, clock, idleTimeoutMs);
}

/**
 * Sends the last bytes and ends the response. Resolves when they have left, or when the client has: a gateway that stops
 * waits for its requests, and Node closes the connection of a response that was ended, sent or not.
 */
export async function sendLast(client: Client, bytes: Buffer): Promise<void> {
  const { response } = client;
  await send(client, bytes);
  if (!isClientGone(response)) response.end();
}

/** Lets the rest of the process have its turn, whenever reading has taken too long since the last one. */
class Turns {
  readonly #clock: Clock;
  #busyMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Reads a piece. */
  read(reader: AnswerReader, chunk: Buffer): Buffer {
    const startedAtMs = this.#clock.monotonicMs();
    const bytes = reader.push(chunk);
    this.#busyMs += this.#clock.monotonicMs() - startedAtMs;
    return bytes;
  }

  async yield(): Promise<void> {
    if (this.#busyMs < TURN_MS) return;
    this.#busyMs = 0;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

export interface Relayed {
  readonly end: RelayEnd;
  /** The head, and perhaps bytes, went out. */
  readonly headSent: boolean;
  /** Bytes for the client that were kept back. */
  readonly unsent: Buffer;
}

/**
 * Relays an answer. Resolves with how it ended and whether a byte went out; never rejects for what backend or client
 * do. With `wholeBytes` set, nothing goes out until the body is complete or that many bytes have come; the bytes that
 * are still unsent at the end are returned, for the caller to send or drop.
 */
export async function relayAnswer(options: RelayOptions, wholeBytes: number): Promise<Relayed> {
  const { answer, response, clock, idleTimeoutMs, abort, writeHead } = options;
  const { reader } = answer;
  let isIdle = false;
  const armIdle = (): unknown =>
    clock.setTimeout(
      () => {
        isIdle = true;
        abort();
      },
      reader.isComplete() ? AFTER_END_MS : idleTimeoutMs,
    );
  let idleTimer = armIdle();
  let headSent = false;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let cameBytes = 0;
  const turns = new Turns(clock);
  const push = async (bytes: Buffer): Promise<void> => {
    if (!headSent && waitingBytes + bytes.length < wholeBytes) {
      waiting.push(bytes);
      waitingBytes += bytes.length;
      return;
    }
    if (!headSent) {
      headSent = true;
      if (!isClientGone(response)) writeHead();
      await send(options, Buffer.concat(waiting));
      waiting = [];
    }
    await send(options, bytes);
  };
  let end: RelayEnd;
  try {
    for await (const chunk of answer.body) {
      // Not armed while a slow client is waited for: its pauses are not the backend's.
      clock.clearTimeout(idleTimer);
      cameBytes += (chunk as Buffer).length;
      await push(turns.read(reader, chunk as Buffer));
      if (!headSent && cameBytes > MOST_UNSAID_BYTES) throw new Error('an answer without end');
      await turns.yield();
      idleTimer = armIdle();
    }
    const rest = reader.end();
    end = reader.isComplete() ? 'complete' : 'broken';
    if (rest.length > 0) await push(rest);
  } catch {
    if (reader.isComplete()) end = 'complete';
    else end = isIdle ? 'idle' : 'broken';
  } finally {
    clock.clearTimeout(idleTimer);
  }
  return { end, headSent, unsent: Buffer.concat(waiting) };
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
