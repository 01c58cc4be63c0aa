/** Metrics in the Prometheus text format, made from facts and events, and from readings at the moment of a scrape. */
import { Registry } from 'prom-client';
import type { ControlEvent } from '../core/control.ts';
import type {
  AttemptEnded,
  Facts,
  InputMeasured,
  RequestEnded,
  TokensCounted,
} from '../core/facts.ts';
import type { MonthTotals } from '../core/ledger.ts';
import { percentOf, toUsdNumber, type NanoUsd } from '../core/money.ts';
import type { BudgetStatus, BudgetView, RoutingPolicy } from '../core/policy.ts';
import type { CalibrationReading } from '../core/tokens.ts';
import type { PriceList } from '../core/prices.ts';
import type { ReloadState } from '../core/reload.ts';
import { boundedNames, sanitizeLabel } from './bounded-names.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { errorTypeOf } from './outcome.ts';
import type { WebhookOutcome } from './webhook-sender.ts';
import { NONE } from './words.ts';

const STATUS_NUMBERS = { Normal: 0, SoftLimit: 1, HardLimit: 2 } as const satisfies Record<
  BudgetStatus,
  number
>;

/** Every budget event is exported from the start, at 0: a counter that appears with 1 looks like no increase. */
const BUDGET_EVENTS = [
  'soft_limit_reached',
  'hard_limit_reached',
  'month_rollover',
  'limit_increased',
  'limit_decreased',
] as const satisfies readonly ControlEvent['kind'][];

const WEBHOOK_OUTCOMES: readonly WebhookOutcome[] = ['delivered', 'retried', 'failed', 'dropped'];

/** What the metrics read. The functions are called at each scrape, in one synchronous stretch. */
export interface MetricSources {
  readonly version: string;
  readonly hasBudget: boolean;
  /** Names of the webhooks that alerts are sent to. */
  readonly webhooks: readonly string[];
  /** Names that the configuration gives: aliases, fallbacks. They are counted by name like those that are served. */
  readonly configuredNames: readonly string[];
  /** The name behind an alias: an alias that was resolved is no fallback. */
  readonly resolveAlias: (model: string) => string;
  readonly policy: () => RoutingPolicy;
  readonly totals: () => MonthTotals;
  readonly pending: (backend: string) => number;
  readonly calibration: () => readonly CalibrationReading[];
  readonly isLedgerWritable: () => boolean;
  /** USD expected at the end of the month, null while that is not known. */
  readonly projectedUsd: () => number | null;
  readonly priceList: PriceList;
  readonly lastReload: () => ReloadState;
}

export interface Metrics extends Facts {
  controlEvent(event: ControlEvent): void;
  webhookOutcome(webhook: string, outcome: WebhookOutcome): void;
  /** The text format 0.0.4 and never another: asking prom-client for OpenMetrics once renames counters for good. */
  scrape(): Promise<string>;
}

export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const instruments = createInstruments(registry, sources.hasBudget);
  const label = boundedNames(sources.policy, sources.configuredNames, sanitizeLabel);
  const excess = new MonthlyCounter();
  instruments.build.set({ version: sources.version, node_version: process.version }, 1);
  instruments.pricesInfo.set({ ...sources.priceList }, 1);
  for (const event_type of BUDGET_EVENTS) instruments.budgetEvents.add({ event_type }, 0);
  for (const webhook of sources.webhooks)
    for (const outcome of WEBHOOK_OUTCOMES)
      instruments.webhookDeliveries.add({ webhook, outcome }, 0);
  return {
    tokensCounted: (fact) => countTokens(instruments, fact, label),
    inputMeasured: (fact) => measureInput(instruments, fact, label),
    attemptEnded: (fact) => countAttempt(instruments, fact),
    requestEnded: (fact) => countRequest(instruments, fact, label, sources.resolveAlias),
    controlEvent: (event) => countEvent(instruments, event),
    webhookOutcome: (webhook, outcome) => instruments.webhookDeliveries.add({ webhook, outcome }),
    scrape() {
      readBackends(instruments, sources);
      readCalibration(instruments, sources, label);
      readLedger(instruments, sources, excess);
      readReload(instruments, sources.lastReload());
      return registry.metrics();
    },
  };
}

/** Ratios are kept in millionths. */
const MILLION = 1_000_000;

type Label = (model: string) => string;

function countTokens(
  { tokenCountTier, tokenCountDuration }: Instruments,
  { tier, model, seconds }: TokensCounted,
  label: Label,
): void {
  const labels = { tier, model: label(model) };
  tokenCountTier.add(labels);
  tokenCountDuration.observe(labels, seconds);
}

function measureInput(
  { tokenEstimateError }: Instruments,
  { tier, model, estimated, actual }: InputMeasured,
  label: Label,
): void {
  tokenEstimateError.observe({ tier, model: label(model) }, actual / estimated);
}

function countAttempt({ attempts }: Instruments, { backend, outcome }: AttemptEnded): void {
  attempts.add({ backend, outcome });
}

function countRequest(
  instruments: Instruments,
  fact: RequestEnded,
  label: Label,
  resolveAlias: (model: string) => string,
): void {
  const { modelRequested, modelServed, usage } = fact;
  const requested = modelRequested === '' ? NONE : label(modelRequested);
  const model = modelServed === null ? requested : label(modelServed);
  const backend = fact.backend ?? NONE;
  const errorType = errorTypeOf(fact);
  instruments.requests.add({ model, backend, status: String(fact.status) });
  instruments.requestDuration.observe({ model, backend }, fact.durationMs / 1000);
  instruments.gatewayOverhead.observe({}, fact.overheadMs / 1000);
  if (fact.firstByteMs !== null)
    instruments.timeToFirstByte.observe({ model, backend }, fact.firstByteMs / 1000);
  if (errorType !== null) instruments.errors.add({ error_type: errorType, model: requested });
  if (modelServed !== null && modelServed !== resolveAlias(modelRequested))
    instruments.fallbacks.add({ from_model: requested, to_model: model });
  if (usage !== null) {
    instruments.tokens.add({ model, backend, type: 'input' }, usage.input);
    instruments.tokens.add({ model, backend, type: 'output' }, usage.output);
  }
  // A refusal that cost nothing is no request of 0 USD; one whose attempts were billed in vain is not left out.
  if (errorType === null || fact.cost > 0) {
    const backend_type = fact.backendKind ?? NONE;
    instruments.costPerRequest.observe({ model, backend_type }, toUsdNumber(fact.cost));
  }
  if (fact.priceSource === 'conservative') instruments.unknownPrice.add({ model });
}

function countEvent(instruments: Instruments, event: ControlEvent): void {
  switch (event.kind) {
    case 'soft_limit_reached':
    case 'hard_limit_reached':
    case 'month_rollover':
    case 'limit_increased':
    case 'limit_decreased':
      return instruments.budgetEvents.add({ event_type: event.kind });
    case 'reconciled':
      instruments.budgetDrift.set(toUsdNumber(event.report.drift));
      return instruments.reconcilerDuration.observe(
        { reconciler: 'BudgetReconciler' },
        event.seconds,
      );
    case 'actor_failed':
      return instruments.actorFailures.add({ actor: event.actor });
    case 'backend_changed':
      // Health is read from the policy at the scrape.
      return undefined;
  }
}

function readBackends(instruments: Instruments, { policy, pending }: MetricSources): void {
  const { backends } = policy();
  const usable = backends.filter(({ health }) => health !== 'unhealthy');
  const models = new Set(usable.flatMap((backend) => backend.models.map(({ id }) => id)));
  instruments.backends.set(backends.length);
  instruments.backendsHealthy.set(backends.filter(({ health }) => health === 'healthy').length);
  instruments.modelsAvailable.set(models.size);
  for (const { name, kind, health } of backends) {
    instruments.backendUp.set({ backend: name, backend_type: kind }, health === 'healthy' ? 1 : 0);
    instruments.pendingRequests.set({ backend: name }, pending(name));
  }
}

function readCalibration(
  { tokenCalibration }: Instruments,
  { calibration }: MetricSources,
  label: Label,
): void {
  // A model that is no longer remembered must not go on showing its last ratio.
  tokenCalibration.reset();
  for (const { backend, model, ratios } of calibration()) {
    if (ratios === null) continue;
    const labels = { backend, model: label(model) };
    tokenCalibration.set({ ...labels, use: 'estimate' }, ratios.estimate / MILLION);
    tokenCalibration.set({ ...labels, use: 'hold' }, ratios.hold / MILLION);
  }
}

function readLedger(
  instruments: Instruments,
  sources: MetricSources,
  excess: MonthlyCounter,
): void {
  const totals = sources.totals();
  const { budget } = sources.policy();
  instruments.ledgerWritable.set(sources.isLedgerWritable() ? 1 : 0);
  instruments.ledgerOpenHolds.set(totals.openHolds);
  if (budget === null) return;
  readBudget(instruments, totals, budget);
  const projectedUsd = sources.projectedUsd();
  // A gauge without labels can not be absent; one that was removed can.
  instruments.budgetForecast.remove({});
  if (projectedUsd !== null) instruments.budgetForecast.set(projectedUsd);
  instruments.budgetExcess.clear();
  instruments.budgetExcess.add({}, toUsdNumber(excess.read(totals.month, totals.excess)));
}

function readReload(
  { reloadSuccessful, reloadTimestamp }: Instruments,
  { isSuccessful, succeededAtMs }: ReloadState,
): void {
  reloadSuccessful.set(isSuccessful ? 1 : 0);
  reloadTimestamp.set(succeededAtMs / 1000);
}

function readBudget(instruments: Instruments, totals: MonthTotals, budget: BudgetView): void {
  const spending = totals.settled + totals.suspense;
  const labels = { billing_month: totals.month };
  const { budgetStatus, budgetSpending, budgetUtilization } = instruments;
  // Only the current month has a series: one that was left behind would go on looking like spending.
  for (const gauge of [budgetStatus, budgetSpending, budgetUtilization]) gauge.reset();
  budgetStatus.set(labels, STATUS_NUMBERS[budget.status]);
  budgetSpending.set(labels, toUsdNumber(spending));
  budgetUtilization.set(labels, percentOf(spending, budget.limit));
  instruments.budgetLimit.set(toUsdNumber(budget.limit));
  instruments.budgetHeld.set(toUsdNumber(totals.held));
  instruments.budgetSuspense.set(toUsdNumber(totals.suspense));
}

/**
 * A sum of the ledger as a counter: it starts anew with each month, and within a month never goes down, which a scraper
 * would take for a restart and count twice. An adjustment in the ledger may lower the sum.
 */
class MonthlyCounter {
  #month = '';
  #most: NanoUsd = 0;

  read(month: string, amount: NanoUsd): NanoUsd {
    if (month !== this.#month) this.#most = 0;
    this.#month = month;
    this.#most = Math.max(this.#most, amount);
    return this.#most;
  }
}
