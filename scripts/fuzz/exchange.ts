/** One connection of a hostile client: bytes out, piece by piece, answers in. */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AnswerParser, MalformedAnswer, type HttpAnswer } from './answer-parser.ts';

/** A client that takes so much has seen enough of a stream without an end. */
const ENOUGH_BYTES = 24 * 1024 * 1024;

/** What is done on a connection, in order. */
export type Step =
  | { readonly send: Buffer }
  | { readonly pauseMs: number }
  /** Half-close: no more will be sent, answers are still read. */
  | { readonly halfClose: true }
  /** The client is gone, politely or by a reset. */
  | { readonly leave: 'close' | 'reset' };

export interface Script {
  readonly steps: readonly Step[];
  /** Methods of the requests that are answered, in order. */
  readonly methods: readonly string[];
  /** A client that stops reading: bytes stay where they are. */
  readonly readsNothing?: boolean;
  /** Time after which a client that has at least begun to get its answer leaves. */
  readonly patienceMs?: number;
}

export interface Outcome {
  readonly answers: readonly HttpAnswer[];
  readonly malformed: string | null;
  /** Nothing more came before the deadline. */
  readonly hung: boolean;
  /** The client left on purpose, or had enough. */
  readonly left: boolean;
}

class Connection {
  readonly #socket: Socket;
  readonly #parser: AnswerParser;
  readonly #script: Script;
  readonly #over = Promise.withResolvers<void>();
  #malformed: string | null = null;
  #left = false;
  #patience: NodeJS.Timeout | undefined;

  constructor(port: number, script: Script) {
    this.#script = script;
    this.#parser = new AnswerParser(script.methods);
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#end());
    this.#socket.on('end', () => {
      this.#end();
      this.#socket.end();
    });
    if (script.readsNothing === true) this.#socket.pause();
    else this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  async run(deadlineMs: number): Promise<Outcome> {
    let hung = false;
    const deadline = setTimeout(() => {
      hung = true;
      this.#over.resolve();
    }, deadlineMs);
    void this.#play();
    await this.#over.promise;
    clearTimeout(deadline);
    clearTimeout(this.#patience);
    this.#socket.destroy();
    return { answers: this.#parser.answers, malformed: this.#malformed, hung, left: this.#left };
  }

  async #play(): Promise<void> {
    for (const step of this.#script.steps) {
      if (this.#socket.destroyed) return;
      if ('send' in step) this.#socket.write(step.send);
      else if ('pauseMs' in step) await delay(step.pauseMs);
      else if ('halfClose' in step) this.#socket.end();
      else {
        this.#left = true;
        if (step.leave === 'reset') this.#socket.resetAndDestroy();
        else this.#socket.destroy();
        this.#over.resolve();
      }
    }
  }

  #read(chunk: Buffer): void {
    try {
      this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      this.#malformed = error.message;
      this.#over.resolve();
      return;
    }
    const { patienceMs } = this.#script;
    if (patienceMs !== undefined) this.#patience ??= setTimeout(() => this.#leave(), patienceMs);
    if (this.#parser.isDone) this.#over.resolve();
    else if (this.#parser.bytes > ENOUGH_BYTES) this.#leave();
  }

  #leave(): void {
    this.#left = true;
    this.#over.resolve();
  }

  #end(): void {
    try {
      if (!this.#parser.isDone && this.#malformed === null) this.#parser.end();
    } catch (error) {
      this.#malformed = (error as Error).message;
    }
    this.#over.resolve();
  }
}

/** Plays a script against a port of this machine. Resolves with what came back; never rejects for what a peer does. */
export async function exchange(port: number, script: Script, deadlineMs: number): Promise<Outcome> {
  return new Connection(port, script).run(deadlineMs);
}
