/** Where a command writes: standard output or standard error, with what is known of the reader. */
import { once } from 'node:events';
import type { Environment } from '../config/environment.ts';

/** Help and tables stay readable on the narrowest terminals that people use. */
const DEFAULT_COLUMNS = 100;

export class Output {
  readonly #stream: NodeJS.WriteStream;
  /** True for a person at a terminal; false for a pipe or a file. */
  readonly isTty: boolean;
  readonly hasColour: boolean;

  constructor(stream: NodeJS.WriteStream, env: Environment) {
    this.#stream = stream;
    this.isTty = stream.isTTY;
    // NO_COLOR: any value that is not empty turns colours off (no-color.org).
    this.hasColour = this.isTty && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  }

  get columns(): number {
    // Some terminals do not know their width and say 0.
    return this.#stream.columns || DEFAULT_COLUMNS;
  }

  /** Writes text as it is; resolves when the reader can take more. */
  async write(text: string): Promise<void> {
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
  }

  async line(text = ''): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Indented, so that it can be read, and one value, so that it can be piped into other tools. */
  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value, null, 2));
  }
}
