/**
 * Which candidate is tried: the first whose hold fits, held in the same instant. Requests over HTTP and requests of a
 * simulation are decided here, by the same lines.
 */
import { assert } from '../core/assert.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { NanoUsd } from '../core/money.ts';
import type { RoutingPolicy } from '../core/policy.ts';
import type { PriceBook } from '../core/prices.ts';
import type { Candidate, RequestHead, RouteReason } from '../core/request.ts';
import type { TokenCount } from '../core/usage.ts';
import type { StartedAttempt } from './call-context.ts';
import { planAttempt } from './plan-attempt.ts';
import type { CandidateRefusal } from './refusal.ts';

export type Choice =
  | { readonly kind: 'start'; readonly started: StartedAttempt; readonly next: number }
  | { readonly kind: 'none'; readonly refusals: readonly CandidateRefusal[] };

export interface ChooseInput {
  readonly ledger: LedgerAdmin;
  readonly prices: PriceBook;
  /** Requests that are in the gateway, this one included. */
  readonly load: { readonly active: number };
  readonly request: RequestHead;
  readonly countOf: (candidate: Candidate) => TokenCount;
  /** Attempts of this request that were sent already. */
  readonly attempts: number;
}

/** The first candidate from `from` on whose hold fits, held. Synchronous. */
export function chooseAttempt(
  input: ChooseInput,
  candidates: readonly Candidate[],
  from: number,
): Choice {
  const { ledger, prices, load, request, countOf, attempts } = input;
  const refusals: CandidateRefusal[] = [];
  for (let at = from; at < candidates.length; at += 1) {
    const candidate = candidates[at];
    assert(candidate !== undefined, 'the index is within the list');
    const { held, settled, suspense } = ledger.totals();
    const money = {
      headroom: ledger.headroom(),
      held,
      spent: settled + suspense,
      othersWaiting: load.active > 1,
    };
    const plan = planAttempt(request, candidate, countOf(candidate), prices, money);
    if (plan.kind !== 'fits') {
      refusals.push({ candidate, result: plan });
      continue;
    }
    const reserved = ledger.reserve({
      requestId: request.id,
      attempt: attempts + 1,
      backend: candidate.backend,
      backendKind: candidate.kind,
      model: candidate.model,
      amount: plan.hold,
      priceVersion: plan.price.version,
      route: request.route,
      price: plan.price,
    });
    if (reserved.kind === 'held') {
      const reason = reasonOf(candidate, attempts, refusals);
      return {
        kind: 'start',
        started: { plan, hold: reserved.hold, reason },
        next: at + 1,
      };
    }
    // Planned against the same headroom in the same instant, so the only reason left is the store.
    assert(
      reserved.kind === 'unavailable',
      'a planned hold fits the headroom it was planned against',
    );
    refusals.push({ candidate, result: { kind: 'ledger_unavailable' } });
  }
  return { kind: 'none', refusals };
}

function reasonOf(
  candidate: Candidate,
  attempts: number,
  refusals: readonly CandidateRefusal[],
): RouteReason {
  if (attempts > 0) return 'failover';
  return refusals.some(({ result }) => result.kind === 'no_room')
    ? 'budget-hard-limit'
    : candidate.reason;
}

/** The smallest request worth sending: a line of text, and an answer of a line. */
const LITTLE_INPUT = 64;
const LITTLE_OUTPUT = 16;

/** True when the headroom pays for a little request of some model that is served and costs money. */
export function somethingFits(
  { backends }: RoutingPolicy,
  prices: PriceBook,
  headroom: NanoUsd,
  atMs: number,
): boolean {
  return backends.some(({ name, models }) =>
    models.some(({ id }) => {
      const price = prices.priceOf(name, id, atMs);
      if (price === null || price.source === 'free') return false;
      return prices.worstCase(price, LITTLE_INPUT, LITTLE_OUTPUT) <= headroom;
    }),
  );
}

/**
 * True when a refusal shows that this month's budget is used up: nothing is in flight, and an ordinary request fits no
 * more. A model so dear that not even the whole limit pays for it shows nothing while another one is affordable: else a
 * single request for it would close the budget for everybody.
 */
export function showsThatNothingFits(
  ledger: LedgerAdmin,
  refusals: readonly CandidateRefusal[],
  isOtherAffordable: () => boolean = () => false,
): boolean {
  if (ledger.totals().held > 0) return false;
  const rooms = refusals.flatMap(({ result }) => (result.kind === 'no_room' ? [result] : []));
  if (rooms.some((room) => room.provesExhaustion)) return true;
  return rooms.some((room) => room.exceedsLimit) && !isOtherAffordable();
}
