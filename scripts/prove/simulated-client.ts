/** The client's side of a request: just so much of Node's objects as the conductor touches. */
import { EventEmitter } from 'node:events';
import type { Request, Response } from 'express';
import type { Question } from './question.ts';

function bodyOf(question: Question): Buffer {
  const { model, stream, maxTokens, choices, tokens, bound, isCountSlow } = question;
  return Buffer.from(
    JSON.stringify({
      model,
      stream,
      n: choices,
      ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
      messages: [{ role: 'user', content: '' }],
      counted: { tokens, bound, isCountSlow },
    }),
  );
}

/** The request as Express hands it over once its body was read. */
export function clientRequest(question: Question): Request {
  const headers = question.strict ? { 'x-nexus-strict': 'true' } : {};
  return { headers, body: bodyOf(question) } as unknown as Request;
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
  readonly #headers = new Map<string, unknown>();

  constructor(requestId: string) {
    super();
    this.setHeader('X-Nexus-Request-Id', requestId);
  }

  /** The same object as Express types it. */
  asResponse(): Response {
    return this as unknown as Response;
  }

  setHeader(name: string, value: unknown): this {
    this.#headers.set(name.toLowerCase(), value);
    return this;
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase());
  }

  addTrailers(): void {
    if (this.writableEnded) throw new Error('trailers after the end');
  }

  getHeader(name: string): unknown {
    return this.#headers.get(name.toLowerCase());
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
