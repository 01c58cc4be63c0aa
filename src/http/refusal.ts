/** Why no candidate could be tried, in words and facts that let the reader do something about it. */
import { ERRORS, GatewayError } from '../core/errors.ts';
import { formatUsdExact } from '../core/money.ts';
import type { Candidate } from '../core/request.ts';
import type { HardLimitAction, Settings } from '../core/settings.ts';
import type { PlanResult } from './plan-attempt.ts';
import type { Services } from './services.ts';

export interface CandidateRefusal {
  readonly candidate: Candidate;
  readonly result: Exclude<PlanResult, { kind: 'fits' }> | { readonly kind: 'ledger_unavailable' };
}

function nameOf({ candidate }: CandidateRefusal): string {
  return `${candidate.model} at ${candidate.backend}`;
}

/** The refusal to answer with, from the reasons of all candidates: what waiting could cure comes first. */
export function refusalFor(refusals: readonly CandidateRefusal[], model: string): GatewayError {
  const rooms = refusals.flatMap(({ result }) => (result.kind === 'no_room' ? [result] : []));
  const least = Math.min(...rooms.map((room) => room.least));
  if (rooms.some((room) => room.fitsWhenIdle)) {
    return new GatewayError(
      'budget_reserved',
      "The rest of this month's budget is held by requests in flight. Send the request again when they have ended, or ask for fewer output tokens.",
      { retryAfterSeconds: 1, context: { needed_usd: formatUsdExact(least) } },
    );
  }
  if (rooms.length > 0) {
    return new GatewayError(
      'budget_exhausted',
      `This request would cost at least ${formatUsdExact(least)} USD, which no longer fits this month's budget. Use a local model, raise monthly_limit_usd, or wait for the reset.`,
      { context: { needed_usd: formatUsdExact(least) } },
    );
  }
  if (refusals.some(({ result }) => result.kind === 'ledger_unavailable'))
    return ledgerUnavailable();
  const capped = refusals.find(({ result }) => result.kind === 'over_request_cap');
  if (capped?.result.kind === 'over_request_cap') {
    return new GatewayError(
      'no_available_backend',
      `${nameOf(capped)} would cost at least ${formatUsdExact(capped.result.hold)} USD, above the policy's max_cost_per_request of ${formatUsdExact(capped.result.cap)} USD. Shorten the prompt or change the policy.`,
      {
        context: {
          available_backends: [],
          reasons: { [capped.candidate.backend]: 'above max_cost_per_request' },
        },
      },
    );
  }
  const unpriced = refusals.map(nameOf).join(', ');
  return new GatewayError(
    'price_unknown',
    `No price is known for ${unpriced || model}, and unknown_price = "deny". Add a price under [[backends]] prices, or set unknown_price = "conservative".`,
    { param: 'model' },
  );
}

/** @param most requests to models that may be in the gateway at one time */
export function tooManyRequests(most: number): GatewayError {
  return new GatewayError(
    'overloaded',
    `${most} requests are in flight, the most that [server] max_concurrent_requests allows. Send the request again in a moment.`,
    { retryAfterSeconds: 1 },
  );
}

export function ledgerUnavailable(cause?: unknown): GatewayError {
  return new GatewayError(
    'ledger_unavailable',
    'The ledger can not be written, so no request that costs money is sent. Free the disk or mend its permissions; the gateway goes on by itself.',
    { retryAfterSeconds: 5, ...(cause === undefined ? {} : { cause }) },
  );
}

function adviceFor({ code }: GatewayError, action: HardLimitAction): string {
  if (code === 'budget_reserved')
    return 'Send the request again in a moment, ask for fewer output tokens, or raise monthly_limit_usd.';
  return action === 'block_all'
    ? 'Raise monthly_limit_usd, or wait until resets_at.'
    : 'Use a local model, raise monthly_limit_usd, or wait until resets_at.';
}

function exhaustedStatus({ routing }: Settings): number {
  return routing.budget?.exhaustedStatus ?? ERRORS.budget_exhausted.status;
}

/** Limit, spent, held and reset beside a refusal for lack of money, and the status that the configuration gives it. */
export function withBudgetContext(
  error: GatewayError,
  { control, ledger, settings }: Pick<Services, 'control' | 'ledger' | 'settings'>,
): GatewayError {
  const budget = control.policy().budget;
  if (budget === null || !['budget_exhausted', 'budget_reserved'].includes(error.code))
    return error;
  const totals = ledger.totals();
  const period = control.period();
  const spent = totals.settled + totals.suspense;
  return new GatewayError(error.code, error.message, {
    ...(error.retryAfterSeconds === null ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
    ...(error.code === 'budget_exhausted' && { status: exhaustedStatus(settings) }),
    cause: error,
    context: {
      limit_source: 'routing.budget.monthly_limit_usd',
      status: budget.status,
      hard_limit_action: budget.action,
      billing_month: period.month,
      limit_usd: formatUsdExact(budget.limit),
      spent_usd: formatUsdExact(spent),
      held_usd: formatUsdExact(totals.held),
      remaining_usd: formatUsdExact(Math.max(0, budget.limit - spent)),
      resets_at: new Date(period.endsAtMs).toISOString(),
      what_to_do: adviceFor(error, budget.action),
      ...error.context,
    },
  });
}
