import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { periodAt } from '../../src/core/billing-period.ts';
import type { ControlEvent } from '../../src/core/control.ts';
import type { MonthTotals } from '../../src/core/ledger.ts';
import type { BudgetView } from '../../src/core/policy.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { startAlerts, type Alerts } from '../../src/telemetry/alerts.ts';
import { eventually } from '../support/eventually.ts';
import { someTotals } from '../support/facts.ts';
import { HandClock } from '../support/hand-clock.ts';
import { aBudget, aPolicy } from '../support/policies.ts';
import { recordingLog } from '../support/recording-log.ts';
import { TomlFiles } from '../support/toml-files.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';

const USD = 1_000_000_000;

let files: TomlFiles;
let receiver: WebhookReceiver;
let totals: MonthTotals;
let budget: BudgetView | null;
let delivered: string[];
let alerts: Alerts;

beforeEach(async () => {
  files = new TomlFiles();
  receiver = await new WebhookReceiver().start();
  totals = someTotals();
  budget = aBudget({ limit: 100 * USD, action: 'block_cloud' });
  delivered = [];
});

afterEach(async () => {
  await alerts.stop();
  await receiver.stop();
  files.remove();
});

/** Starts with one webhook for every text, beside its URL and its secret. */
function start(...webhooks: readonly string[]): void {
  const tables = webhooks.map(
    (lines, at) =>
      `[[alerts.webhooks]]\nname = "hook-${at}"\nurl = "${receiver.url}"\nsecret_env = "S"\n${lines}\n`,
  );
  const text = `[routing.budget]\nmonthly_limit_usd = 100\nsoft_limit_percent = 75\n${tables.join('')}`;
  const clock = new HandClock();
  alerts = startAlerts({
    settings: loadConfig({ path: files.write(text), env: { S: 'secret' } }).settings,
    version: '1.2.3',
    clock,
    ioClock: clock,
    log: recordingLog(),
    ledger: {
      totals: () => totals,
      period: () => periodAt(clock.now(), { billingCycleDay: 1, timezone: 'UTC' }),
    },
    control: { policy: () => aPolicy({ budget }) },
    observedSinceMs: Date.parse('2026-11-01T00:00:00Z'),
    count: (webhook, outcome) => delivered.push(`${webhook} ${outcome}`),
    random: () => 0,
  });
}

function spend(usd: number, month = '2026-11'): void {
  totals = someTotals({ month, settled: usd * USD });
  alerts.totalsChanged(totals);
}

function hardLimit(limit = 100): void {
  alerts.controlEvent({
    kind: 'hard_limit_reached',
    spending: totals.settled,
    limit: limit * USD,
    month: totals.month,
    action: 'block_cloud',
  });
}

function reconciled(drift: number): ControlEvent {
  const report = { month: totals.month, entriesChecked: 9, drift, totals, checkedAtMs: 0 };
  return { kind: 'reconciled', report, seconds: 0.001 };
}

/** Type and threshold of everything that came, in order of its coming. */
async function received(count: number): Promise<readonly string[]> {
  await eventually(() => expect(delivered).toHaveLength(count));
  return receiver.all.map(({ json }) =>
    [json['type'], json['threshold_percent']]
      .filter((part) => part !== undefined)
      .map(String)
      .join(' '),
  );
}

describe('alerts', () => {
  it('say where the budget stands and where it is heading', async () => {
    start('thresholds_percent = [75]');
    totals = someTotals({ settled: 70 * USD, suspense: 6 * USD, held: 3 * USD });
    budget = aBudget({ limit: 100 * USD, status: 'SoftLimit' });
    alerts.totalsChanged(totals);
    await received(1);

    expect(receiver.all[0]?.json).toMatchObject({
      type: 'threshold',
      time: '2026-11-10T12:00:00.000Z',
      billing_month: '2026-11',
      threshold_percent: 75,
      spending_usd: 76,
      spending_usd_exact: '76',
      limit_usd: 100,
      utilization_percent: 76,
      status: 'SoftLimit',
      forecast: { status: 'ok', burn_rate_usd_per_day: 8, projected_month_end_usd: 240 },
    });
  });

  it('say each threshold once in a month, also those that one charge reaches together', async () => {
    start('');
    for (const usd of [49, 50, 60, 40, 55, 101, 120]) spend(usd);

    expect(await received(3)).toEqual(['threshold 50', 'threshold 80', 'threshold 100']);
  });

  it('do not say again after a restart what was passed before it', async () => {
    totals = someTotals({ settled: 85 * USD });
    budget = aBudget({ limit: 100 * USD, status: 'HardLimit' });
    start('');
    hardLimit();
    spend(90);
    spend(100);

    expect(await received(1)).toEqual(['threshold 100']);
  });

  it('begin anew with the month, and say that it turned', async () => {
    start('thresholds_percent = [50]');
    spend(60);
    spend(0, '2026-12');
    alerts.controlEvent({
      kind: 'month_rollover',
      from: '2026-11',
      to: '2026-12',
      finalSpending: 60 * USD + 1,
    });
    spend(51, '2026-12');

    expect(await received(3)).toEqual(['threshold 50', 'month_rollover', 'threshold 50']);
    expect(receiver.all[1]?.json).toMatchObject({
      billing_month: '2026-12',
      previous_month: '2026-11',
      previous_spending_usd: 60.000000001,
      previous_spending_usd_exact: '60.000000001',
      spending_usd: 0,
      utilization_percent: 0,
    });
  });

  it('say the hard limit once for a month and a limit', async () => {
    start('thresholds_percent = []');
    spend(100);
    hardLimit();
    hardLimit();
    alerts.controlEvent({ kind: 'limit_increased', from: 100 * USD, to: 120 * USD });
    spend(120);
    hardLimit(120);
    spend(0, '2026-12');
    hardLimit(120);

    expect(await received(3)).toEqual(['hard_limit', 'hard_limit', 'hard_limit']);
    expect(receiver.all[0]?.json).toMatchObject({ hard_limit_action: 'BlockCloud' });
  });

  it('say the thresholds that a lowered limit reaches', async () => {
    start('');
    spend(60);
    budget = aBudget({ limit: 70 * USD });
    alerts.controlEvent({ kind: 'limit_decreased', from: 100 * USD, to: 70 * USD });

    expect(await received(2)).toEqual(['threshold 50', 'threshold 80']);
    expect(receiver.all[1]?.json).toMatchObject({ limit_usd: 70 });
  });

  it('say a drift when it appears, and again when it appears again', async () => {
    start('');
    for (const drift of [0, -7, -7, -7, 0, 12]) alerts.controlEvent(reconciled(drift));

    expect(await received(2)).toEqual(['drift', 'drift']);
    expect(receiver.all.map(({ json }) => json['drift_usd_exact'])).toEqual([
      '-0.000000007',
      '0.000000012',
    ]);
  });

  it('go to those who asked for them', async () => {
    start('events = ["drift"]', 'thresholds_percent = [80]', 'events = ["threshold"]');
    spend(80);
    hardLimit();
    alerts.controlEvent(reconciled(1));
    await received(6);

    expect(delivered.toSorted()).toEqual([
      'hook-0 delivered',
      'hook-1 delivered',
      'hook-1 delivered',
      'hook-1 delivered',
      'hook-2 delivered',
      'hook-2 delivered',
    ]);
  });

  it('keep silent about what is no matter of the budget', async () => {
    start('');
    const change = { backend: 'ollama', from: 'healthy', to: 'unhealthy', reason: null } as const;
    alerts.controlEvent({ kind: 'backend_changed', ...change });
    alerts.controlEvent({ kind: 'actor_failed', actor: 'a', restarted: true, reason: '' });
    alerts.controlEvent({
      kind: 'soft_limit_reached',
      spending: 75,
      limit: 100,
      month: '2026-11',
    });
    alerts.controlEvent(reconciled(3));

    expect(await received(1)).toEqual(['drift']);
  });

  it('tell the turn of the month without a budget, and nothing else', async () => {
    budget = null;
    start('');
    spend(1000);
    const turn = { from: '2026-11', to: '2026-12', finalSpending: 5 * USD };
    alerts.controlEvent({ kind: 'limit_decreased', from: 2, to: 1 });
    alerts.controlEvent({ kind: 'month_rollover', ...turn });

    expect(await received(1)).toEqual(['month_rollover']);
    expect(receiver.all[0]?.json).toMatchObject({
      limit_usd: null,
      utilization_percent: null,
      status: null,
      forecast: null,
    });
  });

  it('are silent without webhooks', async () => {
    start();
    spend(100);
    alerts.controlEvent(reconciled(1));
    await alerts.stop();

    expect(receiver.all).toEqual([]);
  });
});
