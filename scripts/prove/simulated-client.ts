/** The client's side of a request: just so much of Node's objects as the conductor touches. */
import { EventEmitter } from 'node:events';
import type { Request, Response } from 'express';
import type { Question } from './question.ts';

function bodyOf(question: Question): Buffer {
  const { model, stream, maxTokens, choices, tokens, bound, isCountSlow } = question;
  const most = maxTokens === null ? '' : `"max_tokens":${maxTokens},`;
  const counted = `{"tokens":${tokens},"bound":${bound},"isCountSlow":${isCountSlow}}`;
  // Names and figures without a letter to escape: as text it takes a third of the time.
  return Buffer.from(
    `{"model":"${model}","stream":${stream},"n":${choices},${most}"messages":[{"role":"user","content":""}],"counted":${counted}}`,
    'latin1',
  );
}

/** The request as Express hands it over once its body was read. */
export function clientRequest(question: Question): Request {
  const headers = question.strict ? { 'x-nexus-strict': 'true' } : {};
  return { headers, body: bodyOf(question) } as unknown as Request;
}

const lowerCases = new Map<string, string>();

/** Few names, and each very often. */
function lowerCase(name: string): string {
  let lower = lowerCases.get(name);
  if (lower === undefined) {
    lower = name.toLowerCase();
    lowerCases.set(name, lower);
  }
  return lower;
}

/** A response that goes nowhere: it remembers what the client would have seen. */
export class SimulatedResponse extends EventEmitter {
  statusCode = 200;
  headersSent = false;
  readonly useChunkedEncodingByDefault = true;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  closed = false;
  /** The client takes no more bytes for now. */
  isSlow = false;
  isWaiting = false;
  /** How often it was ended; more than once is a fault. */
  ends = 0;
  /** The last bytes that were written. */
  last: Buffer | null = null;
  readonly socket = { destroyed: false };
  /** A dozen of them: two lists are cheaper than a table. */
  readonly #names: string[] = [];
  readonly #values: unknown[] = [];

  constructor(requestId: string) {
    super();
    this.setHeader('X-Nexus-Request-Id', requestId);
  }

  /** The same object as Express types it. */
  asResponse(): Response {
    return this as unknown as Response;
  }

  setHeader(name: string, value: unknown): this {
    const at = this.#names.indexOf(lowerCase(name));
    if (at === -1) {
      this.#names.push(lowerCase(name));
      this.#values.push(value);
    } else this.#values[at] = value;
    return this;
  }

  hasHeader(name: string): boolean {
    return this.#names.includes(lowerCase(name));
  }

  removeHeader(name: string): void {
    const at = this.#names.indexOf(lowerCase(name));
    if (at === -1) return;
    this.#names.splice(at, 1);
    this.#values.splice(at, 1);
  }

  addTrailers(): void {
    if (this.writableEnded) throw new Error('trailers after the end');
  }

  getHeader(name: string): unknown {
    return this.#values[this.#names.indexOf(lowerCase(name))];
  }

  flushHeaders(): void {
    this.headersSent = true;
  }

  /** False asks the writer to wait for `drain`. */
  write(bytes: Buffer): boolean {
    this.headersSent = true;
    this.last = bytes;
    if (this.isSlow) this.isWaiting = true;
    return !this.isSlow;
  }

  end(bytes?: Buffer): this {
    this.ends += 1;
    if (bytes !== undefined) this.last = bytes;
    this.headersSent = true;
    this.writableEnded = true;
    queueMicrotask(() => {
      if (this.closed) return;
      this.writableFinished = true;
      this.emit('finish');
      this.#close();
    });
    return this;
  }

  /** The gateway breaks the connection. */
  destroy(): this {
    this.leave();
    return this;
  }

  /** The client takes bytes again. */
  drain(): void {
    this.isSlow = false;
    this.isWaiting = false;
    this.emit('drain');
  }

  /** The client hangs up. */
  leave(): void {
    if (this.closed) return;
    this.destroyed = true;
    this.socket.destroyed = true;
    this.#close();
  }

  #close(): void {
    this.closed = true;
    this.emit('close');
  }
}
