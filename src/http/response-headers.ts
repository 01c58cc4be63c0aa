/** The `X-Nexus-*` headers of contract section 5, set before the first byte of an answer. */
import type { ServerResponse } from 'node:http';
import type { MonthTotals } from '../core/ledger.ts';
import { formatUsd, percentOf } from '../core/money.ts';
import type { RoutingPolicy } from '../core/policy.ts';
import type { RouteReason } from '../core/request.ts';
import type { AttemptPlan } from './plan-attempt.ts';

/** What was decided about the answer that goes out. */
export interface AnswerOrigin {
  readonly plan: AttemptPlan;
  readonly reason: RouteReason;
}

export function setRouteHeaders(
  response: ServerResponse,
  { plan, reason }: AnswerOrigin,
  hasBudget: boolean,
): void {
  const { candidate, price } = plan;
  response.setHeader('X-Nexus-Backend', candidate.backend);
  response.setHeader('X-Nexus-Backend-Type', candidate.kind);
  response.setHeader('X-Nexus-Route-Reason', reason);
  if (hasBudget || price.source !== 'free')
    response.setHeader('X-Nexus-Cost-Estimated', formatUsd(plan.estimate, 4));
  if (candidate.isFallback)
    response.setHeader('X-Nexus-Fallback-Model', headerText(candidate.model));
  if (plan.isLowered) response.setHeader('X-Nexus-Max-Tokens', String(plan.maxOutputTokens));
}

/** Status and figures of the budget at this moment; nothing without a budget. */
export function setBudgetHeaders(
  response: ServerResponse,
  policy: Pick<RoutingPolicy, 'budget'>,
  totals: MonthTotals,
): void {
  if (policy.budget === null) return;
  const { limit, status } = policy.budget;
  const spending = totals.settled + totals.suspense;
  response.setHeader('X-Nexus-Budget-Status', status);
  response.setHeader('X-Nexus-Budget-Utilization', percentOf(spending, limit).toFixed(1));
  response.setHeader('X-Nexus-Budget-Remaining', formatUsd(Math.max(0, limit - spending), 2));
}

/** Model names come from files and clients: what a header can not carry is percent-encoded. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character));
}
