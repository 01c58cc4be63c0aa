import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ControlEvent } from '../../src/core/control.ts';
import type { MonthTotals } from '../../src/core/ledger.ts';
import type { RoutingPolicy } from '../../src/core/policy.ts';
import type { CalibrationReading } from '../../src/core/tokens.ts';
import { createMetrics, type Metrics, type MetricSources } from '../../src/telemetry/metrics.ts';
import { aRefusal, aRequestEnded, someTotals } from '../support/facts.ts';
import { aBackend, aBudget, aPolicy } from '../support/policies.ts';

const BACKENDS = [
  aBackend('openai', { kind: 'cloud', models: ['gpt-4-turbo', 'gpt-4o'] }),
  aBackend('ollama', { models: ['llama3', 'gpt-4o'] }),
  aBackend('vllm', { health: 'unhealthy', models: ['qwen'] }),
];

let policy: RoutingPolicy;
let totals: MonthTotals;
let projectedUsd: number | null;

function metricsWith(sources: Partial<MetricSources> = {}): Metrics {
  return createMetrics({
    version: '1.2.3',
    hasBudget: true,
    webhooks: [],
    configuredNames: [],
    resolveAlias: (model) => (model === 'gpt-4' ? 'gpt-4-turbo' : model),
    policy: () => policy,
    totals: () => totals,
    pending: (backend) => (backend === 'openai' ? 3 : 0),
    calibration: () => [],
    isLedgerWritable: () => true,
    projectedUsd: () => projectedUsd,
    priceList: { version: 'list 1.0', date: '2026-11-01' },
    lastReload: () => ({ isSuccessful: true, succeededAtMs: 1_700_000_000_500 }),
    ...sources,
  });
}

beforeEach(() => {
  policy = aPolicy({ budget: aBudget(), backends: BACKENDS });
  totals = someTotals();
  projectedUsd = null;
});

/** Sample lines whose name begins so. */
async function samples(metrics: Metrics, start: string): Promise<readonly string[]> {
  return (await metrics.scrape()).split('\n').filter((line) => line.startsWith(start));
}

function reconciled(drift: number, seconds = 0.0007): ControlEvent {
  const report = { month: '2026-11', entriesChecked: 9, drift, totals, checkedAtMs: 0 };
  return { kind: 'reconciled', report, seconds };
}

/** Kind, and labels of the first sample, of every row of the contract that a running gateway with a budget exports. */
const CONTRACT: readonly (readonly [string, string, string])[] = [
  ['nexus_budget_status', 'gauge', 'billing_month'],
  ['nexus_budget_spending_usd', 'gauge', 'billing_month'],
  ['nexus_budget_utilization_percent', 'gauge', 'billing_month'],
  ['nexus_budget_limit_usd', 'gauge', ''],
  ['nexus_budget_held_usd', 'gauge', ''],
  ['nexus_budget_drift_usd', 'gauge', ''],
  ['nexus_budget_excess_usd_total', 'counter', ''],
  ['nexus_budget_events_total', 'counter', 'event_type'],
  ['nexus_cost_per_request_usd', 'histogram', 'le,model,backend_type'],
  ['nexus_token_count_tier_total', 'counter', 'tier,model'],
  ['nexus_token_count_duration_seconds', 'histogram', 'le,tier,model'],
  ['nexus_reconciler_duration_seconds', 'histogram', 'le,reconciler'],
  ['nexus_requests_total', 'counter', 'model,backend,status'],
  ['nexus_errors_total', 'counter', 'error_type,model'],
  ['nexus_fallbacks_total', 'counter', 'from_model,to_model'],
  ['nexus_request_duration_seconds', 'histogram', 'le,model,backend'],
  ['nexus_time_to_first_byte_seconds', 'histogram', 'le,model,backend'],
  ['nexus_gateway_overhead_seconds', 'histogram', 'le'],
  ['nexus_tokens_total', 'counter', 'model,backend,type'],
  ['nexus_backends_total', 'untyped', ''],
  ['nexus_backends_healthy', 'gauge', ''],
  ['nexus_models_available', 'gauge', ''],
  ['nexus_pending_requests', 'gauge', 'backend'],
  ['nexus_prices_info', 'gauge', 'version,date'],
  ['nexus_config_last_reload_successful', 'gauge', ''],
  ['nexus_config_last_reload_timestamp_seconds', 'gauge', ''],
];

describe('every metric of the contract', () => {
  it.each(CONTRACT)(
    '%s is exported as a %s with its labels and a help text',
    async (name, kind, labels) => {
      const metrics = metricsWith();
      metrics.tokensCounted({ model: 'gpt-4-turbo', tier: 'exact', seconds: 0.002 });
      metrics.requestEnded(aRequestEnded({ modelServed: 'llama3', backend: 'ollama' }));
      metrics.requestEnded(aRefusal());
      metrics.controlEvent(reconciled(0));
      const lines = (await metrics.scrape()).split('\n');
      expect(lines).toContain(`# TYPE ${name} ${kind}`);
      expect(lines.find((line) => line.startsWith(`# HELP ${name} `))).toMatch(/\.$/);
      const sample =
        lines.find((line) => line.replace('_bucket', '').split(/[{ ]/)[0] === name) ?? '';
      expect([...sample.matchAll(/(\w+)="/g)].map((match) => match[1]).join(',')).toBe(labels);
    },
  );

  it('has the buckets of the contract', async () => {
    const metrics = metricsWith();
    metrics.tokensCounted({ model: 'gpt-4-turbo', tier: 'exact', seconds: 0.002 });
    metrics.requestEnded(aRequestEnded());
    const bounds = async (name: string): Promise<string> =>
      (await samples(metrics, `${name}_bucket`))
        .map((line) => /le="([^"]+)"/.exec(line)?.[1])
        .join(' ');
    expect(await bounds('nexus_cost_per_request_usd')).toBe('0.0001 0.001 0.01 0.1 1 10 +Inf');
    expect(await bounds('nexus_token_count_duration_seconds')).toBe(
      '0.001 0.005 0.01 0.05 0.1 0.2 0.5 +Inf',
    );
  });
});

describe('the budget', () => {
  it('shows spending with suspense, utilisation, status and what is held', async () => {
    policy = aPolicy({ budget: aBudget({ status: 'SoftLimit' }) });
    totals = someTotals({ settled: 80_000_000_000, suspense: 2_300_000_000, held: 500_000_001 });
    projectedUsd = 107.25;
    const text = await metricsWith().scrape();
    expect(text).toContain('\nnexus_budget_status{billing_month="2026-11"} 1\n');
    expect(text).toContain('\nnexus_budget_spending_usd{billing_month="2026-11"} 82.3\n');
    expect(text).toMatch(/\nnexus_budget_utilization_percent\{billing_month="2026-11"\} 82\.3/);
    expect(text).toContain('\nnexus_budget_limit_usd 100\n');
    expect(text).toContain('\nnexus_budget_held_usd 0.500000001\n');
    expect(text).toContain('\nnexus_budget_suspense_usd 2.3\n');
    expect(text).toContain('\nnexus_budget_forecast_usd 107.25\n');
  });

  it('exports one month only, also after the month has turned', async () => {
    const metrics = metricsWith();
    totals = someTotals({ settled: 45_230_000_000 });
    expect(await samples(metrics, 'nexus_budget_spending_usd{')).toEqual([
      'nexus_budget_spending_usd{billing_month="2026-11"} 45.23',
    ]);
    totals = someTotals({ month: '2026-12' });
    for (const name of ['spending_usd', 'status', 'utilization_percent']) {
      expect(await samples(metrics, `nexus_budget_${name}{`)).toEqual([
        `nexus_budget_${name}{billing_month="2026-12"} 0`,
      ]);
    }
  });

  it('counts all five events from 0 on', async () => {
    const metrics = metricsWith();
    const month = { spending: 1, limit: 2, month: '2026-11' };
    metrics.controlEvent({ kind: 'soft_limit_reached', ...month });
    metrics.controlEvent({
      kind: 'month_rollover',
      from: '2026-11',
      to: '2026-12',
      finalSpending: 5,
    });
    metrics.controlEvent({
      kind: 'month_rollover',
      from: '2026-12',
      to: '2027-01',
      finalSpending: 5,
    });
    expect(await samples(metrics, 'nexus_budget_events_total')).toEqual([
      'nexus_budget_events_total{event_type="soft_limit_reached"} 1',
      'nexus_budget_events_total{event_type="hard_limit_reached"} 0',
      'nexus_budget_events_total{event_type="month_rollover"} 2',
      'nexus_budget_events_total{event_type="limit_increased"} 0',
      'nexus_budget_events_total{event_type="limit_decreased"} 0',
    ]);
  });

  it('leaves out a forecast that is not known, and one that no longer is', async () => {
    const metrics = metricsWith();
    expect(await samples(metrics, 'nexus_budget_forecast_usd')).toEqual([]);
    projectedUsd = 80;
    expect(await samples(metrics, 'nexus_budget_forecast_usd')).toEqual([
      'nexus_budget_forecast_usd 80',
    ]);
    projectedUsd = null;
    expect(await samples(metrics, 'nexus_budget_forecast_usd')).toEqual([]);
  });

  it('shows the drift of the last reconciliation and times it', async () => {
    const metrics = metricsWith();
    expect(await samples(metrics, 'nexus_budget_drift_usd')).toEqual(['nexus_budget_drift_usd 0']);
    metrics.controlEvent(reconciled(-1));
    expect(await samples(metrics, 'nexus_budget_drift_usd')).toEqual([
      'nexus_budget_drift_usd -1e-9',
    ]);
    metrics.controlEvent(reconciled(0));
    expect(await samples(metrics, 'nexus_budget_drift_usd')).toEqual(['nexus_budget_drift_usd 0']);
    expect(await samples(metrics, 'nexus_reconciler_duration_seconds_count')).toEqual([
      'nexus_reconciler_duration_seconds_count{reconciler="BudgetReconciler"} 2',
    ]);
  });

  it('counts excess as a counter: never down within a month, anew with the next', async () => {
    const metrics = metricsWith();
    const read = async (): Promise<string | undefined> =>
      (await samples(metrics, 'nexus_budget_excess_usd_total'))[0];
    totals = someTotals({ excess: 5_000_000 });
    expect(await read()).toBe('nexus_budget_excess_usd_total 0.005');
    totals = someTotals({ excess: 4_000_000 });
    expect(await read()).toBe('nexus_budget_excess_usd_total 0.005');
    totals = someTotals({ month: '2026-12', excess: 1_000_000 });
    expect(await read()).toBe('nexus_budget_excess_usd_total 0.001');
  });

  it('has no series at all without a budget, and everything else', async () => {
    policy = aPolicy({ backends: BACKENDS });
    const metrics = metricsWith({ hasBudget: false });
    metrics.controlEvent(reconciled(0));
    metrics.requestEnded(aRequestEnded());
    const text = await metrics.scrape();
    expect(text).not.toContain('nexus_budget_');
    expect(text).toContain('nexus_requests_total{');
    expect(text).toContain('nexus_ledger_writable 1');
  });
});

describe('token estimates', () => {
  it('are compared with what the provider counted, by tier and model', async () => {
    const metrics = metricsWith();
    const fact = { model: 'gpt-4-turbo', tier: 'approximation' as const, estimated: 100 };
    metrics.inputMeasured?.({ ...fact, actual: 97 });
    metrics.inputMeasured?.({ ...fact, actual: 130 });
    const name = 'nexus_token_estimate_error_ratio';
    const labels = 'tier="approximation",model="gpt_4_turbo"';
    const text = await metrics.scrape();
    expect(text).toContain(`${name}_count{${labels}} 2\n`);
    expect(text).toContain(`${name}_sum{${labels}} 2.27\n`);
    expect(text).toContain(`${name}_bucket{le="0.98",${labels}} 1\n`);
    expect(text).toContain(`${name}_bucket{le="1.2",${labels}} 1\n`);
    expect(text).toContain(`${name}_bucket{le="1.3",${labels}} 2\n`);
  });

  it('show the learned ratios of models that are still remembered', async () => {
    const learned = { backend: 'openai', tier: 'approximation' as const, samples: 99 };
    const ratios = { estimate: 1_040_000, hold: 1_125_000 };
    let calibration: readonly CalibrationReading[] = [
      { ...learned, model: 'gpt-4o', ratios },
      { ...learned, model: 'llama3', samples: 3, ratios: null },
    ];
    const metrics = metricsWith({ calibration: () => calibration });
    const name = 'nexus_token_calibration_ratio';
    expect(await samples(metrics, `${name}{`)).toEqual([
      `${name}{backend="openai",model="gpt_4o",use="estimate"} 1.04`,
      `${name}{backend="openai",model="gpt_4o",use="hold"} 1.125`,
    ]);
    calibration = [];
    expect(await samples(metrics, `${name}{`)).toEqual([]);
  });
});

describe('requests', () => {
  it('counts a served one under its model, backend and status, with its cost, tokens and times', async () => {
    const metrics = metricsWith();
    metrics.requestEnded(aRequestEnded());
    const text = await metrics.scrape();
    const model = 'model="gpt_4_turbo",backend="openai"';
    expect(text).toContain(`nexus_requests_total{${model},status="200"} 1\n`);
    expect(text).toContain(`nexus_tokens_total{${model},type="input"} 120\n`);
    expect(text).toContain(`nexus_tokens_total{${model},type="output"} 30\n`);
    expect(text).toContain(`nexus_request_duration_seconds_sum{${model}} 1.25\n`);
    expect(text).toContain(`nexus_time_to_first_byte_seconds_sum{${model}} 0.3\n`);
    expect(text).toContain('nexus_gateway_overhead_seconds_sum 0.00125\n');
    expect(text).toContain(
      'nexus_cost_per_request_usd_sum{model="gpt_4_turbo",backend_type="cloud"} 0.0021\n',
    );
    expect(text).toContain(
      'nexus_cost_per_request_usd_bucket{le="0.001",model="gpt_4_turbo",backend_type="cloud"} 0\n',
    );
    expect(text).toContain(
      'nexus_cost_per_request_usd_bucket{le="0.01",model="gpt_4_turbo",backend_type="cloud"} 1\n',
    );
    expect(text).not.toContain('nexus_errors_total{');
    expect(text).not.toContain('nexus_fallbacks_total{');
  });

  it('counts a refusal under the requested model and no backend, and gives it no cost', async () => {
    const metrics = metricsWith();
    metrics.requestEnded(aRefusal());
    metrics.requestEnded(
      aRefusal({ modelRequested: '', status: 400, errorCode: 'invalid_request_error' }),
    );
    const text = await metrics.scrape();
    expect(text).toContain(
      'nexus_requests_total{model="gpt_4_turbo",backend="none",status="503"} 1\n',
    );
    expect(text).toContain('nexus_requests_total{model="none",backend="none",status="400"} 1\n');
    expect(text).toContain(
      'nexus_errors_total{error_type="budget_exhausted",model="gpt_4_turbo"} 1\n',
    );
    expect(text).not.toContain('nexus_cost_per_request_usd_count');
  });

  it('shows what was billed for attempts that gave no answer', async () => {
    const metrics = metricsWith();
    metrics.requestEnded(aRefusal({ status: 502, errorCode: 'backend_error', cost: 5_000_000 }));
    expect(await samples(metrics, 'nexus_cost_per_request_usd_sum')).toEqual([
      'nexus_cost_per_request_usd_sum{model="gpt_4_turbo",backend_type="none"} 0.005',
    ]);
  });

  it("names errors that are not the gateway's own", async () => {
    const metrics = metricsWith();
    metrics.requestEnded(aRequestEnded({ status: 400, cost: 0 }));
    metrics.requestEnded(aRefusal({ status: 499, errorCode: null, clientGone: true }));
    expect(
      (await samples(metrics, 'nexus_errors_total{')).map(
        (line) => /error_type="(\w+)"/.exec(line)?.[1],
      ),
    ).toEqual(['provider_error', 'client_closed']);
  });

  it('counts another model as a fallback, and the model behind an alias as none', async () => {
    const metrics = metricsWith();
    metrics.requestEnded(aRequestEnded({ modelRequested: 'gpt-4', modelServed: 'gpt-4-turbo' }));
    metrics.requestEnded(aRequestEnded({ modelRequested: 'gpt-4', modelServed: 'llama3' }));
    expect(await samples(metrics, 'nexus_fallbacks_total{')).toEqual([
      'nexus_fallbacks_total{from_model="gpt_4",to_model="llama3"} 1',
    ]);
  });

  it('counts prices that are not known, attempts by outcome and failures of actors', async () => {
    const metrics = metricsWith();
    metrics.requestEnded(aRequestEnded({ priceSource: 'conservative' }));
    metrics.attemptEnded({
      backend: 'openai',
      outcome: 'failed',
      reason: 'answered 500',
      latencyMs: 3,
    });
    metrics.controlEvent({
      kind: 'actor_failed',
      actor: 'monthClock',
      restarted: true,
      reason: 'fault',
    });
    metrics.controlEvent({
      kind: 'backend_changed',
      backend: 'openai',
      from: 'healthy',
      to: 'unhealthy',
      reason: null,
    });
    const text = await metrics.scrape();
    expect(text).toContain('nexus_unknown_price_total{model="gpt_4_turbo"} 1\n');
    expect(text).toContain('nexus_attempts_total{backend="openai",outcome="failed"} 1\n');
    expect(text).toContain('nexus_actor_failures_total{actor="monthClock"} 1\n');
  });
});

describe('readings at the moment of a scrape', () => {
  it('shows backends, models and what is under way', async () => {
    const metrics = metricsWith({ isLedgerWritable: () => false });
    totals = someTotals({ openHolds: 7 });
    const text = await metrics.scrape();
    expect(text).toContain('\nnexus_backends_total 3\n');
    expect(text).toContain('\nnexus_backends_healthy 2\n');
    expect(text).toContain('\nnexus_models_available 3\n');
    expect(text).toContain('\nnexus_pending_requests{backend="openai"} 3\n');
    expect(text).toContain('\nnexus_backend_up{backend="vllm",backend_type="local"} 0\n');
    expect(text).toContain('\nnexus_backend_up{backend="openai",backend_type="cloud"} 1\n');
    expect(text).toContain('\nnexus_ledger_writable 0\n');
    expect(text).toContain('\nnexus_ledger_open_holds 7\n');
    expect(text).toContain('nexus_build_info{version="1.2.3",node_version="v');
  });
});

describe('webhooks', () => {
  it('have every outcome from the start, so that the first failure is an increase', async () => {
    const metrics = metricsWith({ webhooks: ['on-call'] });
    metrics.webhookOutcome('on-call', 'failed');
    expect(await samples(metrics, 'nexus_webhook')).toEqual([
      'nexus_webhook_deliveries_total{webhook="on-call",outcome="delivered"} 0',
      'nexus_webhook_deliveries_total{webhook="on-call",outcome="retried"} 0',
      'nexus_webhook_deliveries_total{webhook="on-call",outcome="failed"} 1',
      'nexus_webhook_deliveries_total{webhook="on-call",outcome="dropped"} 0',
    ]);
  });
});

describe('model labels', () => {
  const tierLabels = async (metrics: Metrics): Promise<readonly (string | undefined)[]> =>
    (await samples(metrics, 'nexus_token_count_tier_total{')).map(
      (line) => /model="([^"]*)"/.exec(line)?.[1],
    );
  const count = (metrics: Metrics, model: string): void =>
    metrics.tokensCounted({ model, tier: 'heuristic', seconds: 0 });

  it('keeps letters, digits and underscores', async () => {
    const metrics = metricsWith();
    for (const model of [
      'gpt-4-turbo',
      'claude-3-opus-20240229',
      'meta/llama3:70b',
      'a"b\\c\nd',
      'modèle',
    ])
      count(metrics, model);
    expect(await tierLabels(metrics)).toEqual([
      'gpt_4_turbo',
      'claude_3_opus_20240229',
      'meta_llama3_70b',
      'a_b_c_d',
      'modèle',
    ]);
  });

  it('counts 100 names that nobody serves by name, and all others as other', async () => {
    const metrics = metricsWith();
    for (let i = 0; i < 250; i += 1) count(metrics, `made-up-${i}`);
    count(metrics, 'made-up-0');
    count(metrics, 'gpt-4-turbo');
    const labels = await tierLabels(metrics);
    expect(labels).toHaveLength(102);
    expect(labels).toContain('gpt_4_turbo');
    expect(
      await samples(metrics, 'nexus_token_count_tier_total{tier="heuristic",model="other"}'),
    ).toEqual(['nexus_token_count_tier_total{tier="heuristic",model="other"} 150']);
  });

  it('keeps names that come to be served later, and those of the configuration', async () => {
    const metrics = metricsWith({ configuredNames: ['my-alias'] });
    for (let i = 0; i < 100; i += 1) count(metrics, `made-up-${i}`);
    policy = aPolicy({ version: 2, backends: [aBackend('late', { models: ['new-model'] })] });
    count(metrics, 'new-model');
    count(metrics, 'my-alias');
    expect((await tierLabels(metrics)).slice(100)).toEqual(['new_model', 'my_alias']);
  });

  it('cuts a name that is as long as a body', async () => {
    const metrics = metricsWith();
    count(metrics, 'x'.repeat(1_000_000));
    expect((await tierLabels(metrics))[0]).toHaveLength(128);
  });
});
