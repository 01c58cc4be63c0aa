/**
 * Charges made once more from their evidence: usage and kept price, or the hold where that was charged.
 *
 * The arithmetic is given, and is the one that charges: its rules (tiers, parts of a total, what a provider reports) then
 * stand in one place, and what differs here was changed in the file. That the arithmetic itself is right is shown by
 * tests that compute with fractions of their own.
 */
import {
  CUT_AT_HOLD,
  type KeptPrice,
  type LedgerEntry,
  type Mismatch,
  type Recomputation,
} from '../core/ledger.ts';
import {
  formatPicoUsd,
  formatUsdExact,
  roundUpToNano,
  toPico,
  type NanoUsd,
  type PicoUsd,
} from '../core/money.ts';
import type { PriceBook } from '../core/prices.ts';
import { canonicalPrice, priceIdOf } from './kept-prices.ts';

/** The exact cost of a usage at a price. */
export type CostOf = PriceBook['costOf'];

/** So many are named for each month; more would fill the memory and help nobody. */
const MAX_MISMATCHES = 10_000;

/** A charge with what its hold says: the amount is null where the hold was never stored. */
interface Charged {
  readonly entry: LedgerEntry;
  /** Everything that was charged for the hold, this entry included. */
  readonly charged: NanoUsd;
  readonly held: NanoUsd | null;
}

interface Tally {
  recomputed: number;
  notRecomputable: number;
  readonly mismatches: Mismatch[];
}

export class Recomputer {
  readonly #costOf: CostOf;
  readonly #prices: ReadonlyMap<string, KeptPrice>;
  /** Few prices stand behind many entries, and the digest of each is made once. */
  readonly #faults = new Map<string, string | null>();
  readonly #tallies = new Map<string, Tally>();

  constructor(costOf: CostOf, prices: readonly KeptPrice[]) {
    this.#costOf = costOf;
    this.#prices = new Map(prices.map((kept) => [kept.id, kept]));
  }

  resultOf(month: string): Recomputation {
    return this.#tallyOf(month);
  }

  /** True when the charge could be made again; what differs from it is in the result. */
  check(charged: Charged): boolean {
    const tally = this.#tallyOf(charged.entry.month);
    const expected = this.#expected(charged);
    if (expected === null) {
      tally.notRecomputable += 1;
      return false;
    }
    tally.recomputed += 1;
    for (const mismatch of mismatchesOf(charged, expected))
      if (tally.mismatches.length < MAX_MISMATCHES) tally.mismatches.push(mismatch);
    return true;
  }

  /** What is wrong with the price that an entry refers to, in words; null for nothing. */
  faultOfPrice({ priceId }: LedgerEntry): string | null {
    if (priceId === null) return null;
    let fault = this.#faults.get(priceId);
    if (fault === undefined) {
      fault = this.#faultOf(priceId);
      this.#faults.set(priceId, fault);
    }
    return fault;
  }

  #faultOf(priceId: string): string | null {
    const kept = this.#prices.get(priceId);
    if (kept === undefined) return 'refers to a price that is not kept';
    return priceIdOf(canonicalPrice(kept.price)) === priceId
      ? null
      : `refers to the price ${priceId}, whose rates were changed`;
  }

  #tallyOf(month: string): Tally {
    let tally = this.#tallies.get(month);
    if (tally === undefined) {
      tally = { recomputed: 0, notRecomputable: 0, mismatches: [] };
      this.#tallies.set(month, tally);
    }
    return tally;
  }

  #expected({ entry, held }: Charged): PicoUsd | null {
    const { basis, usage, priceId, note } = entry;
    if (basis === 'assumed') return held === null ? null : toPico(held);
    const price = this.#prices.get(priceId ?? '')?.price;
    if (price === undefined || usage === null) return null;
    const cost = this.#costOf(price, usage);
    // A count of the gateway's own that came out above the hold says so.
    if (basis === 'provider' || note?.includes(CUT_AT_HOLD) !== true) return cost;
    if (held === null) return null;
    return roundUpToNano(cost) > held ? toPico(held) : cost;
  }
}

function mismatchesOf({ entry, charged }: Charged, expected: PicoUsd): readonly Mismatch[] {
  const { seq, kind, requestId, exactPico } = entry;
  const found: Mismatch[] = [];
  const add = (what: Mismatch['what'], expectedUsd: string, foundUsd: string): void => {
    found.push({ seq, kind, requestId, what, expectedUsd, foundUsd });
  };
  const exact = exactPico ?? '';
  if (exact !== expected.toString()) {
    const isDigits = /^\d+$/.test(exact);
    add('exact cost', formatPicoUsd(expected), isDigits ? formatPicoUsd(BigInt(exact)) : exact);
  }
  const amount = roundUpToNano(expected);
  if (charged !== amount) add('charge', formatUsdExact(amount), formatUsdExact(charged));
  return found;
}
