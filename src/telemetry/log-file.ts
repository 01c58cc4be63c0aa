/** The file that log lines go to. */
import fs from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';

/**
 * Appends to a file. A disk that is full loses lines, but neither stops the gateway nor ends the log: writing goes on
 * with the next line that fits, which a `fs.WriteStream` would not do.
 */
class LogFile extends Writable {
  readonly #fd: number;
  readonly #file: string;
  #isFailing = false;

  constructor(file: string, fd: number) {
    super({ decodeStrings: true });
    this.#file = file;
    this.#fd = fd;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#append(chunk, callback);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], callback: () => void): void {
    this.#append(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    fs.close(this.#fd, callback);
  }

  #append(bytes: Buffer, done: () => void): void {
    fs.write(this.#fd, bytes, (error, written) => {
      if (error !== null) this.#fail(error);
      else this.#isFailing = false;
      if (error === null && written < bytes.length) this.#append(bytes.subarray(written), done);
      else done();
    });
  }

  /** Says so once, where somebody may still see it. */
  #fail(error: Error): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    process.stderr.write(
      `log lines are lost: ${this.#file} can not be written: ${error.message}\n`,
    );
  }
}

/** Opens the file at once, so that a wrong path stops the start. Throws with the path and what to do. */
export function openLogFile(file: string): Writable {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    // Appending is what lets other programs truncate or move the file meanwhile. Logs are for their owner and group.
    return new LogFile(file, fs.openSync(file, 'a', 0o640));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `the log file ${file} can not be opened (${reason}); change [logging] file or the permissions of its folder`,
      { cause },
    );
  }
}
