/** Facts and events as log lines. The texts of the budget lines are part of the contract: people grep for them. */
import type { ControlEvent } from '../core/control.ts';
import { unreachable } from '../core/assert.ts';
import type { RequestEnded } from '../core/facts.ts';
import type { Log } from '../core/log.ts';
import { formatUsdExact } from '../core/money.ts';
import { ACTION_WORDS } from './words.ts';

/** Returns the listener that writes one line for every event of the control plane. */
export function announceEvents(log: Log): (event: ControlEvent) => void {
  return (event) => announce(log, event);
}

function announce(log: Log, event: ControlEvent): void {
  switch (event.kind) {
    case 'soft_limit_reached':
      return log.info(
        'BudgetReconciler: soft limit reached, SchedulerReconciler will prefer local agents',
        crossing(event),
      );
    case 'hard_limit_reached':
      return log.warn(
        `BudgetReconciler: hard limit reached, action ${ACTION_WORDS[event.action]}`,
        crossing(event),
      );
    case 'month_rollover':
      return log.info('Budget month rollover, resetting spending', {
        oldMonth: event.from,
        newMonth: event.to,
        finalSpendingUsd: formatUsdExact(event.finalSpending),
      });
    case 'limit_increased':
    case 'limit_decreased':
      return log.info(`Budget ${event.kind.replace('_', ' ')}`, {
        fromUsd: formatUsdExact(event.from),
        toUsd: formatUsdExact(event.to),
      });
    case 'reconciled':
      return announceReconciliation(log, event);
    case 'backend_changed':
      return log[event.to === 'unhealthy' ? 'warn' : 'info'](`backend is ${event.to}`, {
        backend: event.backend,
        before: event.from,
        reason: event.reason ?? undefined,
      });
    case 'actor_failed':
      return log.error(
        event.restarted ? 'actor failed and was restarted' : 'actor failed and was given up',
        {
          actor: event.actor,
          reason: event.reason,
        },
      );
    default:
      return unreachable(event);
  }
}

type Crossing = Extract<ControlEvent, { kind: 'soft_limit_reached' | 'hard_limit_reached' }>;

function crossing({ spending, limit, month }: Crossing): Record<string, string> {
  return {
    billingMonth: month,
    spendingUsd: formatUsdExact(spending),
    limitUsd: formatUsdExact(limit),
  };
}

function announceReconciliation(
  log: Log,
  { report, seconds }: Extract<ControlEvent, { kind: 'reconciled' }>,
): void {
  const { month, drift, totals, entriesChecked } = report;
  const fields = {
    billingMonth: month,
    spendingUsd: formatUsdExact(totals.settled + totals.suspense),
    heldUsd: formatUsdExact(totals.held),
    driftUsd: formatUsdExact(drift),
    entriesChecked,
    durationMs: hundredths(seconds * 1000),
  };
  log.info('Budget reconciliation completed', fields);
  if (drift !== 0)
    log.error(
      'the balances of the ledger differ from its entries; run `nexus ledger verify`',
      fields,
    );
}

/** Writes the one line of a request. No text of prompt or answer is in a fact, so none can be in the line. */
export function announceRequest(log: Log, fact: RequestEnded): void {
  log.info('request', {
    requestId: fact.id,
    route: fact.route,
    stream: fact.stream,
    model: fact.modelRequested,
    modelServed: fact.modelServed,
    backend: fact.backend,
    backendType: fact.backendKind,
    routeReason: fact.routeReason,
    attempts: fact.attempts,
    status: fact.status,
    error: fact.errorCode ?? undefined,
    clientGone: fact.clientGone || undefined,
    inputTokens: fact.usage?.input,
    outputTokens: fact.usage?.output,
    basis: fact.basis ?? undefined,
    costUsd: formatUsdExact(fact.cost),
    estimateUsd: fact.estimate === null ? undefined : formatUsdExact(fact.estimate),
    excessUsd: fact.excess === 0 ? undefined : formatUsdExact(fact.excess),
    priceSource: fact.priceSource ?? undefined,
    durationMs: Math.round(fact.durationMs),
    firstByteMs: fact.firstByteMs === null ? undefined : Math.round(fact.firstByteMs),
    overheadMs: hundredths(fact.overheadMs),
    budgetStatus: fact.budgetStatus ?? undefined,
  });
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
