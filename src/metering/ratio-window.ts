/**
 * What a provider billed against what was estimated, over the last requests of one model, and the two ratios that follow
 * from it: one for the estimate, and one for holds, which is as small as it can be while what is billed beyond holds
 * stays far below a thousandth of what is billed.
 *
 * The ratio for holds is the largest of three, and a margin for what so few samples can not show:
 * - 99.5 % of the tokens were billed at or below it;
 * - held with it, all samples together would have left 0.02 % of their tokens without a hold: rare requests in another
 *   language cost half as much again, and no quantile sees them;
 * - held with it, the last 64 samples would have left no more either: a provider that changes its tokenizer is followed
 *   with the next request, not when the window has forgotten the old one.
 *
 * Ratios are whole millionths: they decide about money.
 */

export const MILLION = 1_000_000;
/** Samples that are kept; older ones are forgotten. */
const WINDOW = 1024;
const RECENT = 64;
/** Share of the tokens that may be billed above the ratio for holds, and share that may be left without a hold. */
const ABOVE_SHARE = 0.005;
const UNHELD_SHARE = 0.0002;
/** Shrinks with the root of the samples: 4.5 % at 50 of them, 1 % at 1,024. */
const MARGIN_MILLIONTHS = 320_000;
/** More than four times the estimate is no matter of tokenizers: one such bill must not rule the ratio. */
const MOST_SAMPLE = 4 * MILLION;
/** Sorting a thousand samples takes some 200 µs, so not every request pays for it. */
const SAMPLES_PER_REFRESH = 64;

export interface Ratios {
  readonly estimate: number;
  readonly hold: number;
}

/** Samples with the largest ratio first. */
interface Sorted {
  readonly ratios: readonly number[];
  readonly estimated: readonly number[];
}

/** The smallest ratio that leaves at most `share` of the billed tokens unheld. */
function coveringRatio({ ratios, estimated }: Sorted, share: number): number {
  let billedInAll = 0;
  for (const [at, ratio] of ratios.entries())
    billedInAll += (ratio * (estimated[at] ?? 0)) / MILLION;
  const mayBeUnheld = billedInAll * share;
  let billed = 0;
  let estimates = 0;
  for (const [at, ratio] of ratios.entries()) {
    // Held at this ratio, the samples before it lack `billed - estimates x ratio`.
    if (billed - (estimates * ratio) / MILLION > mayBeUnheld) break;
    const own = estimated[at] ?? 0;
    billed += (ratio * own) / MILLION;
    estimates += own;
  }
  return Math.ceil(((billed - mayBeUnheld) / estimates) * MILLION);
}

/** The ratio above which at most `share` of the estimated tokens lie. */
function quantile({ ratios, estimated }: Sorted, share: number): number {
  let rest = estimated.reduce((sum, tokens) => sum + tokens, 0) * share;
  for (const [at, ratio] of ratios.entries()) {
    rest -= estimated[at] ?? 0;
    if (rest < 0) return ratio;
  }
  return 0;
}

export class RatioWindow {
  /** In a ring: the newest overwrites the oldest. */
  readonly #ratios: number[] = [];
  readonly #estimated: number[] = [];
  #next = 0;
  #sinceRefresh = 0;
  #known: Ratios | null = null;

  get samples(): number {
    return this.#ratios.length;
  }

  /** Both in tokens, `estimated` above 0. */
  add(estimated: number, actual: number): void {
    const ratio = Math.min(MOST_SAMPLE, Math.ceil((actual / estimated) * MILLION));
    this.#ratios[this.#next] = ratio;
    this.#estimated[this.#next] = estimated;
    this.#next = (this.#next + 1) % WINDOW;
    this.#sinceRefresh += 1;
    // What the hold would not have covered counts at once.
    const isBeyond = this.#known !== null && ratio > this.#known.hold;
    if (isBeyond || this.#sinceRefresh >= SAMPLES_PER_REFRESH) this.#known = null;
  }

  /** Asked only when there are samples. */
  ratios(): Ratios {
    if (this.#known === null) {
      this.#known = this.#compute();
      this.#sinceRefresh = 0;
    }
    return this.#known;
  }

  #compute(): Ratios {
    const all = this.#newest(this.samples);
    const recent = this.#newest(Math.min(RECENT, this.samples));
    const base = Math.max(
      quantile(all, ABOVE_SHARE),
      coveringRatio(all, UNHELD_SHARE),
      coveringRatio(recent, UNHELD_SHARE),
    );
    const margin = MILLION + Math.ceil(MARGIN_MILLIONTHS / Math.sqrt(this.samples));
    return { estimate: this.#mean(), hold: Math.ceil((base / MILLION) * margin) };
  }

  /** Billed by estimated tokens, the newest quarter of the window counting four times as much as the oldest. */
  #mean(): number {
    let billed = 0;
    let estimates = 0;
    for (let age = 0; age < this.samples; age += 1) {
      const at = this.#at(age);
      const weight = 4 - Math.floor((4 * age) / WINDOW);
      const own = weight * (this.#estimated[at] ?? 0);
      billed += own * (this.#ratios[at] ?? 0);
      estimates += own;
    }
    return Math.round(billed / estimates);
  }

  #at(age: number): number {
    return (this.#next - 1 - age + WINDOW) % WINDOW;
  }

  #newest(count: number): Sorted {
    const order = Array.from({ length: count }, (_, age) => this.#at(age));
    order.sort((a, b) => (this.#ratios[b] ?? 0) - (this.#ratios[a] ?? 0));
    return {
      ratios: order.map((at) => this.#ratios[at] ?? 0),
      estimated: order.map((at) => this.#estimated[at] ?? 0),
    };
  }
}
