/** A whole control plane on a virtual clock, with a ledger that is no more than the numbers a test writes into it. */
import { startControlPlane } from '../../src/control/start-control-plane.ts';
import type { ControlPlaneOptions } from '../../src/control/start-control-plane.ts';
import { VirtualClock } from '../../src/control/virtual-clock.ts';
import { periodAt } from '../../src/core/billing-period.ts';
import type { BillingCycle } from '../../src/core/billing-period.ts';
import type { ControlEvent, ControlPlane } from '../../src/core/control.ts';
import type { MonthTotals } from '../../src/core/ledger.ts';
import type { BackendModel, RoutingPolicy } from '../../src/core/policy.ts';
import type { BackendSettings, BudgetSettings } from '../../src/core/settings.ts';
import type { ProbeResult } from '../../src/core/upstream.ts';

export function aBudget(changes: Partial<BudgetSettings> = {}): BudgetSettings {
  return {
    monthlyLimit: 1000,
    softLimitPercent: 75,
    hardLimitAction: 'block_cloud',
    reconciliationIntervalSecs: 3600,
    billingCycleDay: 1,
    timezone: 'UTC',
    unknownPrice: 'conservative',
    exhaustedStatus: 503,
    ...changes,
  };
}

export function aSimulatedBackend(
  name: string,
  changes: Partial<BackendSettings> = {},
): BackendSettings {
  return {
    name,
    url: '',
    type: 'simulated',
    kind: 'local',
    priority: 10,
    tier: 3,
    apiKeyEnv: null,
    apiKey: 'a secret that no actor may see',
    models: [],
    prices: {},
    simulation: null,
    ...changes,
  };
}

export function aModel(id: string, changes: Partial<BackendModel> = {}): BackendModel {
  return { id, contextLength: null, vision: null, tools: null, ...changes };
}

export const HEALTH_CHECK: ControlPlaneOptions['healthCheck'] = {
  enabled: true,
  intervalSeconds: 30,
  timeoutSeconds: 5,
  failureThreshold: 3,
  recoveryThreshold: 2,
};

/** What each backend answers to a probe: models, or an error. */
type ProbeAnswers = Record<string, readonly BackendModel[] | null | Error>;

interface Rehearsal {
  readonly plane: ControlPlane;
  readonly clock: VirtualClock;
  readonly events: ControlEvent[];
  readonly policies: RoutingPolicy[];
  /** Kinds of events so far but `reconciled` and `backend_changed`. */
  readonly kinds: () => readonly string[];
  /** Writes the ledger's settled spending and says so, as the request path does. */
  readonly spend: (settled: number) => void;
  /** The numbers of the pretended ledger; may be changed behind the control plane's back. */
  readonly books: { totals: MonthTotals; canOpen: boolean; canAudit: boolean; drift: number };
  readonly opened: string[];
  readonly answers: ProbeAnswers;
  readonly probed: string[];
}

export function rehearse(
  startsAt: string,
  changes: Partial<ControlPlaneOptions> = {},
  answers: ProbeAnswers = {},
): Rehearsal {
  const clock = new VirtualClock(Date.parse(startsAt));
  const cycle: BillingCycle = changes.cycle ?? { billingCycleDay: 1, timezone: 'UTC' };
  const initialPeriod = changes.initialPeriod ?? periodAt(clock.now(), cycle);
  const books = {
    totals: emptyTotals(initialPeriod.month),
    canOpen: true,
    canAudit: true,
    drift: 0,
  };
  if (changes.totals) books.totals = changes.totals();
  const opened: string[] = [];
  const probed: string[] = [];
  const probe = async (name: string): Promise<ProbeResult> => {
    probed.push(name);
    const answer = answers[name] ?? [];
    if (answer instanceof Error) throw answer;
    return { latencyMs: 5, models: answer };
  };
  const plane = startControlPlane({
    clock,
    cycle,
    budget: aBudget(),
    backends: [],
    routesOf: () => ['chat'],
    healthCheck: HEALTH_CHECK,
    probe,
    initialPeriod,
    openPeriod: (period) => {
      if (!books.canOpen) throw new Error('the disk is full');
      opened.push(period.month);
      books.totals = emptyTotals(period.month);
      return books.totals;
    },
    audit: () => {
      if (!books.canAudit) throw new Error('the file is gone');
      return {
        month: books.totals.month,
        entriesChecked: 1,
        drift: books.drift,
        totals: books.totals,
        checkedAtMs: clock.now(),
      };
    },
    ...changes,
    totals: () => books.totals,
  });
  const events: ControlEvent[] = [];
  const policies: RoutingPolicy[] = [];
  plane.onEvent((event) => events.push(event));
  plane.onPolicy((policy) => policies.push(policy));
  return {
    plane,
    clock,
    events,
    policies,
    kinds: () =>
      events
        .map(({ kind }) => kind)
        .filter((kind) => kind !== 'reconciled' && kind !== 'backend_changed'),
    spend: (settled) => {
      books.totals = { ...books.totals, settled };
      plane.totalsChanged(books.totals);
    },
    books,
    opened,
    answers,
    probed,
  };
}

function emptyTotals(month: string): MonthTotals {
  return { month, settled: 0, suspense: 0, held: 0, excess: 0, openHolds: 0 };
}
