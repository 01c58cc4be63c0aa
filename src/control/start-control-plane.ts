/** The control plane: one actor system, the gates before it, the policy that comes out of it. */
import type { InspectionEvent } from 'xstate';
import { assert } from '../core/assert.ts';
import type { BillingCycle, BillingPeriod } from '../core/billing-period.ts';
import type { Clock } from '../core/clock.ts';
import type { BudgetReading, ControlEvent, ControlPlane } from '../core/control.ts';
import type { AttemptEnded } from '../core/facts.ts';
import type { AuditReport, MonthTotals } from '../core/ledger.ts';
import type { ModelRoute, RoutingPolicy } from '../core/policy.ts';
import type { BackendSettings, BudgetSettings, Settings } from '../core/settings.ts';
import type { ProbeResult } from '../core/upstream.ts';
import { startActors } from './actors.ts';
import type { ChildCare, SchedulerRef } from './actors.ts';
import { Announcements, tellSafely } from './announcements.ts';
import { BudgetControl } from './budget-control.ts';
import type { BudgetStanding } from './budget-control.ts';
import { HealthControl } from './health-control.ts';
import { MonthControl } from './month-control.ts';
import { Probes } from './probes.ts';
import { createPolicyPublisher } from './publish-policy.ts';
import { reasonOf } from './reason-of.ts';

export interface ControlPlaneOptions {
  /** The clock of months, of reconciliations and of every time stamp. */
  readonly clock: Clock;
  /**
   * Real time for probes, gates, pauses before a restart and durations, where `clock` is moved by hand and would leave
   * them standing; `clock` itself when it is left out.
   */
  readonly ioClock?: Clock;
  readonly cycle: BillingCycle;
  /** Null: nothing is enforced; months, health and the policy live all the same. */
  readonly budget: BudgetSettings | null;
  readonly backends: readonly BackendSettings[];
  readonly routesOf: (backend: string) => readonly ModelRoute[];
  readonly healthCheck: Settings['healthCheck'];
  /** Asks a backend for its models; never billable, keeps to its timeout, rejects with a plain reason. */
  readonly probe: (backend: string, timeoutMs: number) => Promise<ProbeResult>;
  /** The month that the ledger had open when it was read; when it is over by now, it is turned at the start. */
  readonly initialPeriod: BillingPeriod;
  /** The ledger's balances of the current month. */
  readonly totals: () => MonthTotals;
  /** Opens the books of the next month and returns its balances. What it throws, `noticeTime` throws. */
  readonly openPeriod: (period: BillingPeriod) => MonthTotals;
  readonly audit: () => AuditReport;
  /** Sees every event inside the actor system, for inspectors. */
  readonly inspect?: (event: InspectionEvent) => void;
}

/** Two regular reconciliations that are nearer than this in real time are steps of one jump of the clock. */
const JUMP_MS = 20;
const DAY_MS = 24 * 60 * 60 * 1000;

type BudgetChange = Parameters<ControlPlane['changeBudget']>[0];

class RunningControlPlane implements ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #ioClock: Clock;
  readonly #announcements = new Announcements();
  readonly #policyListeners = new Set<(policy: RoutingPolicy) => void>();
  readonly #publish: ReturnType<typeof createPolicyPublisher>;
  readonly #month: MonthControl;
  readonly #budget: BudgetControl | null;
  readonly #health: HealthControl;
  readonly #probes: Probes;
  readonly #stopActors: () => void;
  #scheduler: SchedulerRef | null = null;
  #budgetStanding: BudgetStanding | null = null;
  #policy: RoutingPolicy | null = null;
  #reconcileTimer: unknown = null;
  #reconcileDelayMs = 0;
  /** On real time. */
  #reconciledAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#ioClock = options.ioClock ?? options.clock;
    this.#publish = createPolicyPublisher(options.backends, options.routesOf);
    this.#month = this.#monthControl();
    this.#budget = options.budget && this.#budgetControl(options.budget);
    this.#health = this.#healthControl();
    this.#probes = new Probes({
      clock: this.#ioClock,
      backends: options.backends,
      healthCheck: options.healthCheck,
      probe: options.probe,
      onOutcome: (backend, outcome) => this.#health.probed(backend, outcome),
    });
    this.#stopActors = startActors({
      clock: this.#ioClock,
      monthClock: this.#month,
      budgetReconciler: this.#budget,
      schedulerReconciler: this.#schedulerCare(),
      backendHealth: this.#health.care,
      announce: (event) => this.#announcements.announce(event),
      inspect: options.inspect,
    });
  }

  /** Looks at the clock and the ledger for the first time. Throws what `openPeriod` throws. */
  begin(): void {
    this.noticeTime(this.#options.clock.now());
    this.#month.arm();
    this.#reconcileAndArm();
    this.#probes.start();
    this.#announcements.startEnds();
  }

  policy(): RoutingPolicy {
    assert(this.#policy !== null, 'a policy was published at the start');
    return this.#policy;
  }

  noticeTime(nowMs: number): void {
    this.#month.noticeTime(nowMs);
  }

  totalsChanged(totals: MonthTotals): void {
    this.#budget?.totalsChanged(totals);
  }

  nothingFits(): void {
    this.#budget?.nothingFits();
  }

  pricesChanged(): void {
    this.#budget?.pricesChanged();
  }

  attemptEnded(fact: AttemptEnded): void {
    this.#health.attemptEnded(fact);
  }

  changeBudget({ limit, softLimitPercent, action }: BudgetChange): void {
    if (!this.#budget) {
      throw new Error(
        'no budget is configured, so none can be changed: set monthly_limit_usd in [routing.budget] and start again',
      );
    }
    this.#budget.changeLimits({ limitNano: limit, softLimitPercent, action });
  }

  reconcile(): void {
    if (!this.#budget || this.#isStopped) return;
    try {
      this.noticeTime(this.#options.clock.now());
      const startedMs = this.#ioClock.monotonicMs();
      this.#budget.flush();
      const report = this.#options.audit();
      this.#budget.reconciled(report);
      const seconds = (this.#ioClock.monotonicMs() - startedMs) / 1000;
      this.#announcements.announce({ kind: 'reconciled', report, seconds });
    } catch (error) {
      this.#reportFailure('budget-reconciler', error);
    }
  }

  probeAll(): Promise<void> {
    return this.#probes.probeAll();
  }

  budget(): BudgetReading | null {
    return this.#budget?.reading() ?? null;
  }

  period(): BillingPeriod {
    return this.#month.period();
  }

  onEvent(listener: (event: ControlEvent) => void): () => void {
    return this.#announcements.on(listener);
  }

  onPolicy(listener: (policy: RoutingPolicy) => void): () => void {
    this.#policyListeners.add(listener);
    return () => {
      this.#policyListeners.delete(listener);
    };
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#probes.stop();
    this.#month.stop();
    this.#options.clock.clearTimeout(this.#reconcileTimer);
    this.#health.flush();
    this.#budget?.flush();
    this.#stopActors();
  }

  #monthControl(): MonthControl {
    const { clock, cycle, initialPeriod } = this.#options;
    return new MonthControl({
      clock,
      cycle,
      initialPeriod,
      openMonth: (from, to) => this.#openMonth(from, to),
      onFailure: (error) => this.#reportFailure('month-clock', error),
    });
  }

  #budgetControl(budget: BudgetSettings): BudgetControl {
    const { totals } = this.#options;
    return new BudgetControl({
      ioClock: this.#ioClock,
      budget,
      totals,
      announcements: this.#announcements,
      onStanding: (standing) => {
        this.#budgetStanding = standing;
        this.#scheduler?.send({ type: 'budget status changed', budget: standing });
      },
    });
  }

  #healthControl(): HealthControl {
    const { clock, backends, healthCheck } = this.#options;
    return new HealthControl({
      clock,
      ioClock: this.#ioClock,
      backends,
      healthCheck,
      announcements: this.#announcements,
      onStanding: (backend) => this.#scheduler?.send({ type: 'backend changed', backend }),
    });
  }

  #schedulerCare(): ChildCare<SchedulerRef> {
    return {
      input: () => ({ budget: this.#budgetStanding, backends: this.#health.standings() }),
      up: (ref) => {
        this.#scheduler = ref;
        ref.on('policy changed', () => this.#publishPolicy(ref));
        ref.subscribe({ error: () => {} });
        this.#publishPolicy(ref);
      },
      down: () => {
        this.#scheduler = null;
      },
    };
  }

  #publishPolicy(scheduler: SchedulerRef): void {
    const policy = this.#publish(scheduler.getSnapshot());
    this.#policy = policy;
    for (const listener of this.#policyListeners) {
      tellSafely(() => listener(policy), 'a policy listener');
    }
  }

  /** The books of the old month are closed before those of the next are opened; all in one synchronous step. */
  #openMonth(from: BillingPeriod, to: BillingPeriod): void {
    const { totals, openPeriod } = this.#options;
    this.#announcements.during(() => {
      this.#budget?.flush();
      const last = totals();
      const opened = openPeriod(to);
      this.#budget?.monthTurned(opened);
      // Another billing day in the file can make the month that is open longer: nothing begins anew then.
      if (to.month === from.month) return;
      this.#announcements.announce({
        kind: 'month_rollover',
        from: from.month,
        to: to.month,
        finalSpending: last.settled + last.suspense,
      });
    });
  }

  #reconcileAndArm(): void {
    const { clock, budget } = this.#options;
    if (!budget) return;
    const startedMs = this.#ioClock.monotonicMs();
    const isJumping = startedMs - this.#reconciledAtMs < JUMP_MS;
    this.reconcile();
    this.#reconciledAtMs = this.#ioClock.monotonicMs();
    // A clock that is moved by hand over years steps through every timer. Reconciling each minute of them would show
    // the same books a million times, so within a jump the interval doubles, up to a day.
    const intervalMs = budget.reconciliationIntervalSecs * 1000;
    this.#reconcileDelayMs = isJumping
      ? Math.max(intervalMs, Math.min(this.#reconcileDelayMs * 2, DAY_MS))
      : intervalMs;
    this.#reconcileTimer = clock.setTimeout(() => this.#reconcileAndArm(), this.#reconcileDelayMs);
  }

  /** The actor lives on, and what failed is tried again at its next time. */
  #reportFailure(actor: string, error: unknown): void {
    this.#announcements.announce({
      kind: 'actor_failed',
      actor,
      restarted: true,
      reason: reasonOf(error),
    });
  }
}

/** Starts the actors, reconciles once, and begins to probe and to watch the clock. */
export function startControlPlane(options: ControlPlaneOptions): ControlPlane {
  const plane = new RunningControlPlane(options);
  try {
    plane.begin();
  } catch (error) {
    void plane.stop();
    throw error;
  }
  return plane;
}
