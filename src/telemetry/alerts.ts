/** Alerts out: what happens to the budget, told to the webhooks that asked for it. Nothing here waits or is waited for. */
import type { Clock } from '../core/clock.ts';
import type { ControlEvent, ControlPlane } from '../core/control.ts';
import type { LedgerAdmin, MonthTotals } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import { formatUsdExact, toUsdNumber, type NanoUsd } from '../core/money.ts';
import type { AlertKind, Settings, WebhookSettings } from '../core/settings.ts';
import { makeAlert, type Alert, type AlertDetails } from './alert.ts';
import { forecast, type Forecast } from './forecast.ts';
import { ThresholdWatch } from './threshold-watch.ts';
import { WebhookSender, type WebhookOutcome } from './webhook-sender.ts';
import { ACTION_WORDS } from './words.ts';

/** How long a stopping gateway goes on sending. */
const STOP_MS = 3000;

export interface AlertOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly ioClock: Clock;
  readonly log: Log;
  readonly ledger: Pick<LedgerAdmin, 'totals' | 'period'>;
  readonly control: Pick<ControlPlane, 'policy'>;
  /** See `observedSince`. */
  readonly observedSinceMs: number;
  readonly count: (webhook: string, outcome: WebhookOutcome) => void;
  readonly random: () => number;
}

export interface Alerts {
  controlEvent(event: ControlEvent): void;
  /** The balances of the current month changed. */
  totalsChanged(totals: MonthTotals): void;
  /** Sends what is waiting, or gives it up after a few seconds. */
  stop(): Promise<void>;
}

interface Receiver {
  readonly webhook: WebhookSettings;
  readonly sender: WebhookSender;
}

function wants(
  { events, thresholdsPercent }: WebhookSettings,
  { type, threshold_percent }: Alert,
): boolean {
  if (!events.includes(type)) return false;
  return threshold_percent === undefined || thresholdsPercent.includes(threshold_percent);
}

class WebhookAlerts implements Alerts {
  readonly #options: AlertOptions;
  readonly #receivers: readonly Receiver[];
  readonly #thresholds: ThresholdWatch | null;
  /** The month and limit whose hard limit was said. */
  #hardLimitSaid = '';
  #hasDrift = false;

  constructor(options: AlertOptions) {
    const { settings, ioClock: clock, log, count, random, ledger, control } = options;
    this.#options = options;
    const { webhooks } = settings.alerts;
    this.#receivers = webhooks.map((webhook) => ({
      webhook,
      sender: new WebhookSender({
        webhook,
        clock,
        log,
        count: (outcome) => count(webhook.name, outcome),
        random,
      }),
    }));
    const { budget } = control.policy();
    this.#thresholds =
      budget &&
      new ThresholdWatch(
        [...new Set(webhooks.flatMap(({ thresholdsPercent }) => thresholdsPercent))],
        budget.limit,
        ledger.totals(),
      );
    if (budget?.status === 'HardLimit')
      this.#hardLimitSaid = `${budget.billingMonth} ${budget.limit}`;
  }

  controlEvent(event: ControlEvent): void {
    switch (event.kind) {
      case 'hard_limit_reached':
        return this.#sayHardLimit(event);
      case 'month_rollover':
        return this.#say('month_rollover', this.#options.ledger.totals(), {
          previous_month: event.from,
          previous_spending_usd: toUsdNumber(event.finalSpending),
          previous_spending_usd_exact: formatUsdExact(event.finalSpending),
        });
      case 'limit_increased':
      case 'limit_decreased':
        return this.#sayThresholds(
          this.#thresholds?.limitChanged(event.to) ?? [],
          this.#options.ledger.totals(),
        );
      case 'reconciled':
        return this.#sayDrift(event);
      // The soft limit is a threshold like any other; health and actors have metrics and their own alert rules.
      case 'soft_limit_reached':
      case 'backend_changed':
      case 'actor_failed':
        return undefined;
    }
  }

  totalsChanged(totals: MonthTotals): void {
    const reached = this.#thresholds?.totalsChanged(totals) ?? [];
    if (reached.length > 0) this.#sayThresholds(reached, totals);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#receivers.map(({ sender }) => sender.stop(STOP_MS)));
  }

  #sayThresholds(percents: readonly number[], totals: MonthTotals): void {
    for (const percent of percents) this.#say('threshold', totals, { threshold_percent: percent });
  }

  /** Once for a month and a limit: spending that swings around the limit is no news. */
  #sayHardLimit({
    month,
    limit,
    action,
  }: Extract<ControlEvent, { kind: 'hard_limit_reached' }>): void {
    const said = `${month} ${limit}`;
    if (said === this.#hardLimitSaid) return;
    this.#hardLimitSaid = said;
    this.#say('hard_limit', this.#options.ledger.totals(), {
      hard_limit_action: ACTION_WORDS[action],
    });
  }

  /** When it appears, not at each reconciliation that still finds it. */
  #sayDrift({ report }: Extract<ControlEvent, { kind: 'reconciled' }>): void {
    const hadDrift = this.#hasDrift;
    this.#hasDrift = report.drift !== 0;
    if (!this.#hasDrift || hadDrift) return;
    this.#say('drift', report.totals, { drift_usd_exact: formatUsdExact(report.drift) });
  }

  #say(kind: AlertKind, totals: MonthTotals, details: AlertDetails): void {
    const { version, clock, control } = this.#options;
    const nowMs = clock.now();
    const spending = totals.settled + totals.suspense;
    const { budget } = control.policy();
    const alert = makeAlert(
      kind,
      {
        version,
        nowMs,
        month: totals.month,
        spending,
        limit: budget?.limit ?? null,
        status: budget?.status ?? null,
        forecast: budget && this.#forecast(nowMs, spending, budget.limit),
      },
      details,
    );
    for (const { webhook, sender } of this.#receivers) if (wants(webhook, alert)) sender.add(alert);
  }

  #forecast(nowMs: number, spending: NanoUsd, limit: NanoUsd): Forecast {
    const { settings, ledger, observedSinceMs } = this.#options;
    return forecast({
      nowMs,
      // Of the totals: the control plane turns its own after it has said so.
      period: ledger.period(),
      spending,
      limit,
      softLimitPercent: settings.routing.budget?.softLimitPercent ?? 100,
      observedSinceMs,
    });
  }
}

const SILENT: Alerts = {
  controlEvent: () => undefined,
  totalsChanged: () => undefined,
  stop: () => Promise.resolve(),
};

/** Begins to watch. A threshold that is passed already, and a hard limit that holds already, are not said again. */
export function startAlerts(options: AlertOptions): Alerts {
  return options.settings.alerts.webhooks.length === 0 ? SILENT : new WebhookAlerts(options);
}
