/** Progress of the demo on standard error: a bar that redraws itself for a person, plain lines for everything else. */
import type { Output } from '../output.ts';
import type { Reading } from './reading.ts';

/** So that the whole line fits into 80 columns. */
const BAR_WIDTH = 20;
/** Plain output says how far it is once in so many requests. */
const PLAIN_EVERY = 20;
const COLOUR_OF: Readonly<Record<string, string>> = {
  Normal: '\u001B[32m',
  SoftLimit: '\u001B[33m',
  HardLimit: '\u001B[31m',
};
const RESET = '\u001B[0m';
const CLEAR_LINE = '\r\u001B[2K';

function bar(percent: number): string {
  const full = Math.min(BAR_WIDTH, Math.round((percent / 100) * BAR_WIDTH));
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`;
}

function figures({ spent, limit, utilisation }: Reading): string {
  return `${utilisation.toFixed(1)} %, ${spent.toFixed(4)} of ${limit.toFixed(2)} USD`;
}

export class Progress {
  readonly #output: Output;
  readonly #isSilent: boolean;
  #requests = 0;
  #hasBar = false;

  constructor(output: Output, isSilent: boolean) {
    this.#output = output;
    this.#isSilent = isSilent;
  }

  /** A line that stays. */
  async say(text: string): Promise<void> {
    await this.clear();
    if (!this.#isSilent) await this.#output.line(text);
  }

  /** Takes the bar away. */
  async clear(): Promise<void> {
    if (this.#hasBar) await this.#output.write(CLEAR_LINE);
    this.#hasBar = false;
  }

  /** One request was answered. */
  async step(reading: Reading, what: string): Promise<void> {
    this.#requests += 1;
    if (this.#isSilent) return;
    if (!this.#output.isTty) {
      if (this.#requests % PLAIN_EVERY === 0)
        await this.#output.line(`    ${this.#requests} requests, ${figures(reading)}`);
      return;
    }
    const { status, utilisation, limit } = reading;
    const colour = this.#output.hasColour ? (COLOUR_OF[status] ?? '') : '';
    const share = `${utilisation.toFixed(1)} % of ${limit.toFixed(2)} USD`;
    const line = `${bar(utilisation)} ${status}  ${share}  ${what}`;
    const shown = line.slice(0, this.#output.columns - 1);
    this.#hasBar = true;
    await this.#output.write(`${CLEAR_LINE}${colour}${shown}${colour === '' ? '' : RESET}`);
  }
}
