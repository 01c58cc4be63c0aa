import type { SnapshotFrom } from 'xstate';
import { boundaryOf } from '../../machines/budget-reconciler.machine.ts';
import type { budgetReconcilerMachine } from '../../machines/budget-reconciler.machine.ts';
import { assert } from '../core/assert.ts';
import type { Clock } from '../core/clock.ts';
import type { BudgetReading } from '../core/control.ts';
import type { AuditReport, MonthTotals } from '../core/ledger.ts';
import type { NanoUsd } from '../core/money.ts';
import type { BudgetStatus } from '../core/policy.ts';
import type { BudgetSettings, HardLimitAction } from '../core/settings.ts';
import type { BudgetRef, ChildCare } from './actors.ts';
import type { Announcements } from './announcements.ts';
import { SpendGate } from './spend-gate.ts';

type BudgetSnapshot = SnapshotFrom<typeof budgetReconcilerMachine>;
type BudgetEvent = Parameters<BudgetRef['send']>[0];

/** The budget as the scheduler hears of it. */
export interface BudgetStanding {
  readonly status: BudgetStatus;
  readonly action: HardLimitAction;
  readonly limitNano: NanoUsd;
  readonly month: string;
}

interface Limits {
  readonly limitNano: NanoUsd;
  readonly softLimitPercent: number;
  readonly action: HardLimitAction;
}

interface BudgetControlOptions {
  /** Real time: how long totals are held back. */
  readonly ioClock: Clock;
  readonly budget: BudgetSettings;
  /** The ledger's balances of the current month. */
  readonly totals: () => MonthTotals;
  readonly announcements: Announcements;
  readonly onStanding: (standing: BudgetStanding) => void;
}

const STATUS: Readonly<Record<Exclude<BudgetSnapshot['value'], 'deriving'>, BudgetStatus>> = {
  normal: 'Normal',
  softLimit: 'SoftLimit',
  hardLimit: 'HardLimit',
};

function statusOf({ value }: BudgetSnapshot): BudgetStatus {
  assert(value !== 'deriving', 'the budget rests in a level');
  return STATUS[value];
}

function spendingOf(totals: MonthTotals): {
  readonly month: string;
  readonly settledNano: NanoUsd;
  readonly suspenseNano: NanoUsd;
} {
  return { month: totals.month, settledNano: totals.settled, suspenseNano: totals.suspense };
}

/** Everything between the request path and the budget chart. Each event goes behind the gate's held totals. */
export class BudgetControl implements ChildCare<BudgetRef> {
  readonly #options: BudgetControlOptions;
  readonly #gate: SpendGate;
  #ref: BudgetRef | null = null;
  #limits: Limits;
  #standing: BudgetStanding | null = null;
  #reading: BudgetReading = { status: 'Normal', lastReconciliationMs: null };

  constructor(options: BudgetControlOptions) {
    this.#options = options;
    const { monthlyLimit, softLimitPercent, hardLimitAction } = options.budget;
    this.#limits = { limitNano: monthlyLimit, softLimitPercent, action: hardLimitAction };
    this.#gate = new SpendGate(options.ioClock, (totals) =>
      this.#send({ type: 'totals.changed', ...spendingOf(totals) }),
    );
  }

  /** A chart starts, and starts again, from what the ledger says at that moment. */
  readonly input = (): unknown => ({
    ...spendingOf(this.#options.totals()),
    ...this.#limits,
    reconciledAtMs: this.#reading.lastReconciliationMs,
  });

  readonly up = (ref: BudgetRef): void => {
    const { announcements } = this.#options;
    this.#ref = ref;
    ref.on('soft limit reached', ({ spendingNano, limitNano, month }) =>
      announcements.announce({
        kind: 'soft_limit_reached',
        spending: spendingNano,
        limit: limitNano,
        month,
      }),
    );
    ref.on('hard limit reached', ({ spendingNano, limitNano, month, action }) =>
      announcements.announce({
        kind: 'hard_limit_reached',
        spending: spendingNano,
        limit: limitNano,
        month,
        action,
      }),
    );
    ref.on('limit changed', ({ fromNano, toNano }) =>
      announcements.announce({
        kind: toNano > fromNano ? 'limit_increased' : 'limit_decreased',
        from: fromNano,
        to: toNano,
      }),
    );
    // Without an `error` observer XState would report the failure as uncaught; the root supervises it.
    ref.subscribe({ next: (snapshot) => this.#adopt(snapshot), error: () => {} });
    this.#adopt(ref.getSnapshot());
  };

  readonly down = (): void => {
    this.#ref = null;
    this.#gate.adopt(null);
  };

  reading(): BudgetReading {
    return this.#reading;
  }

  totalsChanged(totals: MonthTotals): void {
    this.#gate.totalsChanged(totals);
  }

  flush(): void {
    this.#gate.flush();
  }

  monthTurned(totals: MonthTotals): void {
    this.#tell({ type: 'month.turned', ...spendingOf(totals) });
  }

  reconciled({ totals, checkedAtMs }: AuditReport): void {
    this.#tell({ type: 'reconciled', atMs: checkedAtMs, ...spendingOf(totals) });
  }

  nothingFits(): void {
    this.#tell({ type: 'nothing fits' });
  }

  pricesChanged(): void {
    this.#tell({ type: 'prices.changed' });
  }

  changeLimits(limits: Limits): void {
    this.#limits = limits;
    this.#tell({ type: 'budget.changed', ...limits });
  }

  /** Any event but new totals: what the gate holds happened before it. */
  #tell(event: BudgetEvent): void {
    this.#options.announcements.during(() => {
      this.#gate.flush();
      this.#send(event);
    });
  }

  #send(event: BudgetEvent): void {
    this.#options.announcements.during(() => this.#ref?.send(event));
  }

  #adopt(snapshot: BudgetSnapshot): void {
    const { month, action, limitNano, reconciledAtMs } = snapshot.context;
    const status = statusOf(snapshot);
    this.#gate.adopt({ month, ...boundaryOf(snapshot) });
    this.#reading = { status, lastReconciliationMs: reconciledAtMs };
    this.#tellStanding({ status, action, limitNano, month });
  }

  /** Most snapshots differ in figures that the scheduler does not look at. */
  #tellStanding(standing: BudgetStanding): void {
    const last = this.#standing;
    const isSame =
      last !== null &&
      last.status === standing.status &&
      last.action === standing.action &&
      last.limitNano === standing.limitNano &&
      last.month === standing.month;
    if (isSame) return;
    this.#standing = standing;
    this.#options.onStanding(standing);
  }
}
