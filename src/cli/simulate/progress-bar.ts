/** How far a simulation is, on standard error, for a person at a terminal only. */
import type { Output } from '../output.ts';

const BAR_WIDTH = 24;
/** A line drawn more often costs more than it tells. */
const EVERY_MS = 100;
const CLEAR_LINE = '\r\u001B[2K';

export class ProgressBar {
  readonly #output: Output;
  readonly #startedAtMs = performance.now();
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** @param share 0 to 1; null when nobody knows how much is to come. */
  async step(requests: number, share: number | null): Promise<void> {
    const nowMs = performance.now();
    if (!this.#output.isTty || nowMs - this.#drawnAtMs < EVERY_MS) return;
    this.#drawnAtMs = nowMs;
    this.#isShown = true;
    const seconds = (nowMs - this.#startedAtMs) / 1000;
    const words = `${requests.toLocaleString('en-US')} requests, ${seconds.toFixed(0)} s`;
    await this.#output.write(`${CLEAR_LINE}${bar(share)}${words}`);
  }

  async clear(): Promise<void> {
    if (this.#isShown) await this.#output.write(CLEAR_LINE);
    this.#isShown = false;
  }
}

function bar(share: number | null): string {
  if (share === null) return '';
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}] ${Math.round(share * 100)} %  `;
}
