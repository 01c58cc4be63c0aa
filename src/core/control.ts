/** The control plane as the other rooms see it. Policy goes down, facts go up; nothing here is awaited by a request. */
import type { BillingPeriod } from './billing-period.ts';
import type { AttemptEnded } from './facts.ts';
import type { AuditReport, MonthTotals } from './ledger.ts';
import type { NanoUsd } from './money.ts';
import type { BudgetStatus, HealthStatus, RoutingPolicy } from './policy.ts';
import type { HardLimitAction } from './settings.ts';

/** What the actors announce to the world: logs, metrics, webhooks and the dashboard hang on these. */
export type ControlEvent =
  /** The spending crossed the soft limit upwards; once per crossing, not at a restart above it. */
  | {
      readonly kind: 'soft_limit_reached';
      readonly spending: NanoUsd;
      readonly limit: NanoUsd;
      readonly month: string;
    }
  | {
      readonly kind: 'hard_limit_reached';
      readonly spending: NanoUsd;
      readonly limit: NanoUsd;
      readonly month: string;
      readonly action: HardLimitAction;
    }
  | {
      readonly kind: 'month_rollover';
      readonly from: string;
      readonly to: string;
      readonly finalSpending: NanoUsd;
    }
  | {
      readonly kind: 'limit_increased' | 'limit_decreased';
      readonly from: NanoUsd;
      readonly to: NanoUsd;
    }
  | { readonly kind: 'reconciled'; readonly report: AuditReport; readonly seconds: number }
  | {
      readonly kind: 'backend_changed';
      readonly backend: string;
      readonly from: HealthStatus;
      readonly to: HealthStatus;
      readonly reason: string | null;
    }
  /** An actor failed and was started again, or was given up after too many failures. */
  | {
      readonly kind: 'actor_failed';
      readonly actor: string;
      readonly restarted: boolean;
      readonly reason: string;
    };

export interface BudgetReading {
  readonly status: BudgetStatus;
  readonly lastReconciliationMs: number | null;
}

export interface ControlPlane {
  /** The policy in force: one reference read, never blocks, never stale by more than the current synchronous step. */
  policy(): RoutingPolicy;
  /**
   * The request path and timers tell the time here. One integer comparison, unless a month boundary has passed: then
   * the month is turned before this returns.
   */
  noticeTime(nowMs: number): void;
  /** The ledger's balances changed. An integer comparison, unless the budget chart would change its state. */
  totalsChanged(totals: MonthTotals): void;
  /** A request was refused with no hold in flight although it was an ordinary one: nothing more fits this month. */
  nothingFits(): void;
  /** Other prices are in force: that nothing more fitted was true of those before. */
  pricesChanged(): void;
  attemptEnded(fact: AttemptEnded): void;
  /** A changed limit, soft percent or action, while running. */
  changeBudget(change: {
    readonly limit: NanoUsd;
    readonly softLimitPercent: number;
    readonly action: HardLimitAction;
  }): void;
  /** Runs a reconciliation at once, beside the regular ones. */
  reconcile(): void;
  /** Probes every backend once; resolves when all have answered or failed. */
  probeAll(): Promise<void>;
  budget(): BudgetReading | null;
  period(): BillingPeriod;
  onEvent(listener: (event: ControlEvent) => void): () => void;
  onPolicy(listener: (policy: RoutingPolicy) => void): () => void;
  stop(): Promise<void>;
}
