/**
 * Learns from bills how far estimates are off, by backend and model, and corrects the next ones. Only models whose own
 * tokenizer is not public are corrected; of the others nothing is to be learned.
 *
 * The ledger is its memory: a charge that shows a ratio is stored with the estimate it was held by, so that a restart finds
 * the samples where the money is, and nothing has to be kept in step with it.
 */
import type {
  CalibrationReading,
  InputSample,
  RememberedCharges,
  TokenCalibration,
} from '../core/tokens.ts';
import type { TokenCount, TokenTier } from '../core/usage.ts';
import { MILLION, RatioWindow, type Ratios } from './ratio-window.ts';

export interface TokenCalibrationOptions {
  readonly tierOf: (model: string) => TokenTier;
}

/** Models come from clients where a backend serves any name; the one that was used least lately is forgotten. */
const MOST_MODELS = 256;
/** Fewer show nothing. */
const LEAST_SAMPLES = 50;
/** Frames of messages weigh too much in shorter prompts. They are cheap: the larger of both bounds is held for them. */
const LEAST_TOKENS = 64;
/** A ratio beyond these is a fault, of ours or of the provider, and no tokenizer. */
const LEAST_RATIO = MILLION / 2;
const MOST_RATIO = (5 * MILLION) / 2;
/** Charges that are read at a start, newest first: some 100 ms. */
const RECALL_PAGES = 10;
const RECALL_PAGE = 1000;

interface Learned {
  readonly backend: string;
  readonly model: string;
  readonly window: RatioWindow;
}

function scaled(tokens: number, millionths: number): number {
  return Math.ceil((tokens * millionths) / MILLION);
}

function bounded(millionths: number): number {
  return Math.min(MOST_RATIO, Math.max(LEAST_RATIO, millionths));
}

/** The samples that the newest charges of a ledger hold, oldest first. */
function samplesOf(ledger: RememberedCharges): readonly InputSample[] {
  const samples: InputSample[] = [];
  let beforeSeq: number | undefined;
  for (let page = 0; page < RECALL_PAGES; page += 1) {
    const entries = ledger.entries({
      kind: 'charge',
      limit: RECALL_PAGE,
      ...(beforeSeq !== undefined && { beforeSeq }),
    });
    for (const { backend, model, estimatedInput, usage } of entries)
      if (estimatedInput !== undefined && usage !== null)
        samples.push({ backend, model, estimated: estimatedInput, actual: usage.input });
    if (entries.length < RECALL_PAGE) break;
    beforeSeq = entries.at(-1)?.seq;
  }
  return samples.toReversed();
}

class LearnedCalibration implements TokenCalibration {
  readonly #tierOf: (model: string) => TokenTier;
  /** Least lately used first. */
  readonly #learned = new Map<string, Learned>();

  constructor({ tierOf }: TokenCalibrationOptions) {
    this.#tierOf = tierOf;
  }

  calibrated(backend: string, model: string, count: TokenCount): TokenCount {
    const { scalable } = count;
    const ratios = scalable === undefined ? null : this.#ratiosOf(backend, model);
    if (scalable === undefined || ratios === null) return count;
    const tokens = scaled(scalable.tokens, ratios.estimate) + scalable.others;
    const bound = scaled(scalable.tokens, ratios.hold) + scalable.othersBound;
    const least = scalable.tokens < LEAST_TOKENS ? Math.max(tokens, count.bound) : tokens;
    return { ...count, tokens, bound: Math.max(bound, least) };
  }

  learn({ backend, model, estimated, actual }: InputSample): void {
    if (estimated < LEAST_TOKENS) return;
    const key = JSON.stringify([backend, model]);
    const known = this.#learned.get(key) ?? { backend, model, window: new RatioWindow() };
    this.#learned.delete(key);
    this.#learned.set(key, known);
    known.window.add(estimated, actual);
    if (this.#learned.size <= MOST_MODELS) return;
    for (const oldest of this.#learned.keys()) {
      this.#learned.delete(oldest);
      break;
    }
  }

  recall(ledger: RememberedCharges): void {
    for (const sample of samplesOf(ledger)) this.learn(sample);
  }

  readings(): readonly CalibrationReading[] {
    return Array.from(this.#learned.values(), ({ backend, model, window }) => ({
      backend,
      model,
      tier: this.#tierOf(model),
      samples: window.samples,
      ratios: this.#ratiosOf(backend, model),
    }));
  }

  #ratiosOf(backend: string, model: string): Ratios | null {
    const window = this.#learned.get(JSON.stringify([backend, model]))?.window;
    if (window === undefined || window.samples < LEAST_SAMPLES) return null;
    const { estimate, hold } = window.ratios();
    return { estimate: bounded(estimate), hold: bounded(Math.max(estimate, hold)) };
  }
}

/** Makes a calibration that knows nothing yet: every count comes back as it is. */
export function createTokenCalibration(options: TokenCalibrationOptions): TokenCalibration {
  return new LearnedCalibration(options);
}
