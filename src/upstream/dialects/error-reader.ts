/**
 * Reader of answers with an error status. They are small, not metered, and the one place where a provider may quote
 * the key that it refused: the backend's key belongs to the gateway, so it is taken out before a client can read it.
 */
import type { AnswerReader } from '../../core/upstream.ts';
import { errorEvent } from './openai/errors.ts';

const EMPTY = Buffer.alloc(0);
const REDACTED = '[key redacted by the gateway]';
/** No provider explains itself at such length; what is longer is cut, not held without bound. */
const MAX_ERROR_BYTES = 1024 * 1024;

export class ErrorReader implements AnswerReader {
  readonly #secret: string | null;
  readonly #translate: (body: string) => string;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isComplete = false;

  /** `translate` turns the whole body into the client's dialect. */
  constructor(secret: string | null, translate: (body: string) => string) {
    this.#secret = secret;
    this.#translate = translate;
  }

  push(chunk: Buffer): Buffer {
    if (this.#bytes < MAX_ERROR_BYTES) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return EMPTY;
  }

  end(): Buffer {
    this.#isComplete = true;
    const body = Buffer.concat(this.#chunks);
    const text = body.toString('utf8');
    const shown = this.#translate(this.#secret ? text.replaceAll(this.#secret, REDACTED) : text);
    return shown === text ? body : Buffer.from(shown);
  }

  usage(): null {
    return null;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    return '';
  }

  streamError(message: string, code: string): Buffer {
    return errorEvent(message, code);
  }
}
