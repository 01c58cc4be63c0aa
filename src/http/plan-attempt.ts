/**
 * From a candidate to an attempt that may be sent: its price, its hold, and, where the whole does not fit the budget,
 * the lowered maximum of output tokens that does. Everything here is synchronous, so that nothing can come between
 * reading the headroom and taking it.
 */
import type { Price, PriceBook } from '../core/prices.ts';
import type { NanoUsd } from '../core/money.ts';
import type { Candidate, RequestHead } from '../core/request.ts';
import type { TokenCount } from '../core/usage.ts';

/** Fewer tokens than this make no useful answer: below it a request is refused rather than cut. */
const OUTPUT_FLOOR = 16;
/** What a request without a maximum of its own may take even when a quarter of the headroom is less. */
const USEFUL_OUTPUT = 1024;
/**
 * Where neither the client nor a price list names a maximum, nothing bounds the answer, so the gateway does. Every
 * chat model in use accepts this figure; a larger one is refused by some providers.
 */
const UNKNOWN_MODEL_OUTPUT = 4096;
/** No model in sight gives longer answers; bounds the hold of a client that asks for an absurd maximum. */
const LARGEST_OUTPUT = 1_000_000;
/** Output expected of a chat answer, for estimates shown to people. Holds never use it. */
const TYPICAL_OUTPUT = 256;
/**
 * A refusal shows that the month is used up only if an ordinary request, with one answer to a prompt of this size at the
 * most, would be refused too, and would not have been at the start of the month. Without this one oversized request
 * could close the budget for everybody.
 */
const ORDINARY_INPUT = 8192;

export interface Money {
  /** Free money now; null when nothing is enforced. */
  readonly headroom: NanoUsd | null;
  /** Held by requests in flight in this month. */
  readonly held: NanoUsd;
  /** Settled and in suspense in this month. */
  readonly spent: NanoUsd;
  /** Another request is in the gateway at this moment. */
  readonly othersWaiting: boolean;
}

export interface AttemptPlan {
  readonly kind: 'fits';
  readonly candidate: Candidate;
  readonly price: Price;
  readonly count: TokenCount;
  readonly hold: NanoUsd;
  /** What the call will probably cost, for the header. */
  readonly estimate: NanoUsd;
  /** The maximum to send, per answer, when the client's own had to be lowered or set; else null. */
  readonly maxOutputTokens: number | null;
  /** Lowered because of the budget, which the client is told in a header. */
  readonly isLowered: boolean;
}

export type PlanResult =
  | AttemptPlan
  | { readonly kind: 'price_unknown' }
  | { readonly kind: 'over_request_cap'; readonly hold: NanoUsd; readonly cap: NanoUsd }
  | {
      readonly kind: 'no_room';
      /** The least that the attempt could be held for. */
      readonly least: NanoUsd;
      /** It would fit if every hold in flight ended without a charge. */
      readonly fitsWhenIdle: boolean;
      /** Not even an ordinary request fits what is left, and that is because of what was spent. */
      readonly provesExhaustion: boolean;
      /** Not even the whole limit pays for an ordinary request of this model. */
      readonly exceedsLimit: boolean;
    };

interface Sizing {
  readonly price: Price;
  readonly count: TokenCount;
  readonly request: RequestHead;
  readonly book: PriceBook;
}

function holdFor({ price, count, request, book }: Sizing, outputEach: number): NanoUsd {
  return book.worstCase(price, count.bound, outputEach * request.choices, count.premiums);
}

/** Output tokens per answer that `amount` pays for beside the input; 0 or less when it does not even pay for the input. */
function outputFor({ price, count, request, book }: Sizing, amount: NanoUsd): number {
  return Math.floor(
    book.affordableOutput(price, count.bound, amount, count.premiums) / request.choices,
  );
}

/** The most output that one answer can have, and whether the gateway has to say so to the backend. */
function naturalMaximum(
  { price, request }: Sizing,
  isEnforced: boolean,
): { tokens: number; mustSend: boolean } {
  if (request.route === 'embeddings') return { tokens: 0, mustSend: false };
  if (request.maxOutputTokens !== null) {
    // No model gives more than it can, whatever the client allows it.
    const most = price.maxOutputKnown ? price.maxOutputTokens : LARGEST_OUTPUT;
    return { tokens: Math.min(request.maxOutputTokens, most), mustSend: false };
  }
  if (price.source === 'free' || price.maxOutputKnown || !isEnforced)
    return { tokens: price.maxOutputTokens, mustSend: false };
  return { tokens: Math.min(price.maxOutputTokens, UNKNOWN_MODEL_OUTPUT), mustSend: true };
}

/**
 * Output tokens per answer for a request whose natural maximum does not fit. One that named its maximum gets all that
 * fits while it is alone; otherwise a quarter of the headroom, so that one open-ended request does not take what the
 * next ones need.
 */
function loweredMaximum(
  sizing: Sizing,
  natural: number,
  headroom: NanoUsd,
  isAlone: boolean,
): number {
  const all = outputFor(sizing, headroom);
  if (isAlone && sizing.request.maxOutputTokens !== null) return Math.min(all, natural);
  const quarter = outputFor(sizing, Math.floor(headroom / 4));
  return Math.min(all, natural, Math.max(quarter, USEFUL_OUTPUT));
}

function estimateOf({ price, count, request, book }: Sizing, outputEach: number): NanoUsd {
  const output = Math.min(outputEach, TYPICAL_OUTPUT) * request.choices;
  return book.worstCase(price, count.tokens, output, count.premiums);
}

/** Plans one attempt against the money that is free now. Never throws. */
export function planAttempt(
  request: RequestHead,
  candidate: Candidate,
  count: TokenCount,
  book: PriceBook,
  money: Money,
): PlanResult {
  const price = book.priceOf(candidate.backend, candidate.model, request.receivedAtMs);
  if (price === null) return { kind: 'price_unknown' };
  const sizing: Sizing = { price, count, request, book };
  const natural = naturalMaximum(sizing, money.headroom !== null);
  const full = holdFor(sizing, natural.tokens);
  const cap = candidate.maxCostPerRequest;
  const room = Math.min(
    money.headroom ?? Number.POSITIVE_INFINITY,
    cap ?? Number.POSITIVE_INFINITY,
  );
  const fit = (hold: NanoUsd, outputEach: number, isLowered: boolean): AttemptPlan => ({
    kind: 'fits',
    candidate,
    price,
    count,
    hold,
    estimate: Math.min(estimateOf(sizing, outputEach), hold),
    maxOutputTokens: isLowered || natural.mustSend ? outputEach : null,
    isLowered,
  });
  if (full === 0 || full <= room) return fit(full, natural.tokens, false);

  const floor = Math.min(OUTPUT_FLOOR, natural.tokens);
  const least = holdFor(sizing, floor);
  if (cap !== null && least > cap) return { kind: 'over_request_cap', hold: least, cap };
  const isAlone = money.held === 0 && !money.othersWaiting;
  const lowered = natural.tokens === 0 ? 0 : loweredMaximum(sizing, natural.tokens, room, isAlone);
  if (natural.tokens > 0 && lowered >= floor) return fit(holdFor(sizing, lowered), lowered, true);

  const headroom = money.headroom ?? 0;
  const ordinary = book.worstCase(
    price,
    Math.min(count.bound, ORDINARY_INPUT),
    floor,
    count.premiums,
  );
  const limit = headroom + money.held + money.spent;
  return {
    kind: 'no_room',
    least,
    fitsWhenIdle: least <= headroom + money.held,
    provesExhaustion: ordinary > headroom && ordinary <= limit,
    exceedsLimit: ordinary > limit,
  };
}
