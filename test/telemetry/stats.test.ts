import { describe, expect, it } from '@jest/globals';
import { periodAt } from '../../src/core/billing-period.ts';
import type { AttemptBegan } from '../../src/core/facts.ts';
import type { BudgetSettings } from '../../src/core/settings.ts';
import { createStats, type Stats } from '../../src/telemetry/stats.ts';
import { budgetView, statsView, type StatsInput } from '../../src/telemetry/stats-view.ts';
import { aRefusal, aRequestEnded, someTotals } from '../support/facts.ts';
import { aBackend, aBudget, aPolicy } from '../support/policies.ts';

const NOW = Date.parse('2026-11-11T00:00:00Z');

const SETTINGS: BudgetSettings = {
  monthlyLimit: 100_000_000_000,
  softLimitPercent: 80,
  hardLimitAction: 'block_cloud',
  reconciliationIntervalSecs: 60,
  billingCycleDay: 1,
  timezone: 'Europe/Berlin',
  unknownPrice: 'conservative',
  exhaustedStatus: 503,
};

const BACKENDS = [
  aBackend('openai', { kind: 'cloud', models: ['gpt-4-turbo'], latencyMs: 412.345 }),
  aBackend('ollama', {
    models: ['llama3'],
    health: 'unhealthy',
    healthReason: 'connection refused',
  }),
];
const policy = aPolicy({ backends: BACKENDS, budget: aBudget({ action: 'block_cloud' }) });

function someStats(): Stats {
  return createStats({ policy: () => policy, configuredNames: [], nowMs: () => NOW });
}

function input(stats: Stats, more: Partial<StatsInput> = {}): StatsInput {
  return {
    budget: SETTINGS,
    policy,
    totals: someTotals({
      settled: 44_230_000_000,
      suspense: 1_000_000_000,
      held: 2_500_000_000,
      excess: 7,
      openHolds: 2,
    }),
    period: periodAt(NOW, SETTINGS),
    reading: { status: 'Normal', lastReconciliationMs: NOW - 20_000 },
    stats: stats.read(),
    pending: (backend) => (backend === 'openai' ? 2 : 0),
    calibration: [],
    uptimeSeconds: 61.9,
    nowMs: NOW,
    observedSinceMs: 0,
    ...more,
  };
}

describe('GET /v1/stats', () => {
  it('shows requests, backends and models', () => {
    const stats = someStats();
    stats.attemptEnded({ backend: 'openai', outcome: 'ok', reason: null, latencyMs: 200 });
    stats.attemptEnded({ backend: 'openai', outcome: 'failed', reason: 'reset', latencyMs: null });
    stats.attemptEnded({
      backend: 'openai',
      outcome: 'failed',
      reason: 'answered 500',
      latencyMs: 301,
    });
    stats.requestEnded(aRequestEnded({ durationMs: 1000 }));
    stats.requestEnded(aRequestEnded({ durationMs: 2001 }));
    stats.requestEnded(aRefusal({ modelRequested: 'llama3' }));
    stats.requestEnded(aRefusal({ modelRequested: '' }));
    expect(statsView(input(stats))).toMatchObject({
      uptime_seconds: 61,
      requests: { total: 4, success: 2, errors: 2 },
      backends: [
        {
          id: 'ollama',
          name: 'ollama',
          type: 'ollama',
          kind: 'local',
          status: 'unhealthy',
          reason: 'connection refused',
          requests: 0,
          failures: 0,
          average_latency_ms: 0,
          latency_ms: null,
          pending: 0,
          models: 1,
        },
        {
          id: 'openai',
          requests: 2,
          failures: 2,
          average_latency_ms: 250.5,
          latency_ms: 412.3,
          pending: 2,
        },
      ],
      models: [
        { name: 'gpt-4-turbo', requests: 2, average_duration_ms: 1500.5, cost_usd: 0.0042 },
        { name: 'llama3', requests: 1 },
        { name: 'none', requests: 1 },
      ],
    });
  });

  it('shows the budget exactly as the contract writes it', () => {
    expect(statsView(input(someStats())).budget).toEqual({
      current_spending_usd: 45.23,
      monthly_limit_usd: 100,
      utilization_percent: 45.23,
      status: 'Normal',
      billing_month: '2026-11',
      last_reconciliation: '2026-11-10T23:59:40.000Z',
      soft_limit_threshold: 80,
      hard_limit_action: 'BlockCloud',
      next_reset_date: '2026-12-01',
      held_usd: 2.5,
      suspense_usd: 1,
      remaining_usd: 54.77,
      forecast: {
        status: 'ok',
        since: '2026-10-31T23:00:00.000Z',
        burn_rate_usd_per_day: expect.any(Number),
        projected_month_end_usd: expect.any(Number),
        soft_limit_at: expect.stringMatching(/^2026-11-18T.*Z$/),
        hard_limit_at: expect.stringMatching(/^2026-11-23T.*Z$/),
      },
    });
  });

  it('shows what bills taught about token counts, without ratios while there are too few', () => {
    const learned = { backend: 'openai', model: 'claude-opus-5', tier: 'approximation' as const };
    const calibration = [
      { ...learned, samples: 312, ratios: { estimate: 1_043_211, hold: 1_170_000 } },
      { ...learned, model: 'new', samples: 3, ratios: null },
    ];
    expect(statsView(input(someStats(), { calibration })).token_calibration).toEqual([
      { ...learned, samples: 312, ratio: 1.043211, hold_ratio: 1.17 },
      { ...learned, model: 'new', samples: 3, ratio: null, hold_ratio: null },
    ]);
  });

  it('has no budget at all without one', () => {
    const view = statsView(
      input(someStats(), { budget: null, policy: aPolicy({ backends: BACKENDS }), reading: null }),
    );
    expect(Object.keys(view)).toEqual([
      'uptime_seconds',
      'requests',
      'backends',
      'models',
      'token_calibration',
    ]);
    expect(JSON.stringify(view)).not.toContain('budget');
  });

  it('shows a remainder of 0 and the whole utilisation past the limit', () => {
    const totals = someTotals({ settled: 120_000_000_000 });
    const { budget } = statsView(input(someStats(), { totals, reading: null }));
    expect(budget).toMatchObject({
      remaining_usd: 0,
      utilization_percent: 120,
      last_reconciliation: null,
    });
  });

  it('bounds the names that nobody serves', () => {
    const stats = someStats();
    for (let i = 0; i < 300; i += 1)
      stats.requestEnded(aRefusal({ modelRequested: `made-up-${i}` }));
    const { models } = stats.read();
    expect(models).toHaveLength(101);
    expect(models[0]).toMatchObject({ name: 'other', requests: 200 });
  });
});

describe('GET /v1/budget', () => {
  it('shows every amount as a number and as an exact string', () => {
    expect(budgetView(input(someStats()))).toMatchObject({
      billing_month: '2026-11',
      status: 'Normal',
      posture: 'open',
      hard_limit_action: 'BlockCloud',
      monthly_limit_usd: 100,
      monthly_limit_usd_exact: '100',
      spent_usd: 45.23,
      spent_usd_exact: '45.23',
      settled_usd_exact: '44.23',
      suspense_usd_exact: '1',
      held_usd: 2.5,
      held_usd_exact: '2.5',
      remaining_usd_exact: '54.77',
      headroom_usd_exact: '52.27',
      excess_usd_exact: '0.000000007',
      open_holds: 2,
      period_starts_at: '2026-10-31T23:00:00.000Z',
      period_ends_at: '2026-11-30T23:00:00.000Z',
      next_reset_date: '2026-12-01',
      timezone: 'Europe/Berlin',
      forecast: { status: 'ok' },
    });
  });

  it('is nothing without a budget', () => {
    expect(budgetView(input(someStats(), { budget: null }))).toBeNull();
  });
});

function began(requestId: string, facts: Partial<AttemptBegan> = {}): AttemptBegan {
  return {
    requestId,
    atMs: NOW,
    stream: false,
    modelRequested: 'gpt-4-turbo',
    model: 'gpt-4-turbo',
    backend: 'openai',
    backendKind: 'cloud',
    routeReason: 'capability-match',
    attempt: 1,
    held: 2_000_000,
    ...facts,
  };
}

describe('requests under way', () => {
  it('are those that began and did not end, each with its latest attempt', () => {
    const stats = someStats();
    stats.attemptBegan(began('req_1'));
    stats.attemptBegan(began('req_2', { atMs: NOW + 100 }));
    stats.attemptBegan(
      began('req_1', { atMs: NOW + 900, attempt: 2, backend: 'ollama', routeReason: 'failover' }),
    );
    expect(stats.read().inFlight).toEqual({
      total: 2,
      oldest: [
        began('req_1', { attempt: 2, backend: 'ollama', routeReason: 'failover' }),
        began('req_2', { atMs: NOW + 100 }),
      ],
    });
    stats.requestEnded(aRequestEnded({ id: 'req_1' }));
    stats.requestEnded(aRefusal({ id: 'req_3' }));
    expect(stats.read().inFlight).toMatchObject({ total: 1, oldest: [{ requestId: 'req_2' }] });
  });

  it('are shown fifty at a time, with short names', () => {
    const stats = someStats();
    const modelRequested = 'x'.repeat(100_000);
    for (let i = 0; i < 300; i += 1) stats.attemptBegan(began(`req_${i}`, { modelRequested }));
    const { total, oldest } = stats.read().inFlight;
    expect([total, oldest.length, oldest[0]?.requestId]).toEqual([300, 50, 'req_0']);
    expect(oldest[0]?.modelRequested).toHaveLength(128);
  });
});

describe('what the dashboard reads', () => {
  it('is the newest fifty requests and events, newest first, without the regular reconciliations', () => {
    const stats = someStats();
    for (let i = 1; i <= 120; i += 1) stats.requestEnded(aRequestEnded({ id: `req_${i}` }));
    expect(stats.read().recent.map(({ id }) => id)).toEqual(
      Array.from({ length: 50 }, (_, i) => `req_${120 - i}`),
    );
    const report = {
      month: '2026-11',
      entriesChecked: 0,
      drift: 0,
      totals: someTotals(),
      checkedAtMs: 0,
    };
    stats.controlEvent({ kind: 'limit_increased', from: 1, to: 2 });
    stats.controlEvent({ kind: 'reconciled', report, seconds: 0 });
    stats.controlEvent({ kind: 'limit_decreased', from: 2, to: 1 });
    expect(stats.read().events.map(({ atMs, event }) => [atMs, event.kind])).toEqual([
      [NOW, 'limit_decreased'],
      [NOW, 'limit_increased'],
    ]);
  });

  it('counts tiers and cuts names that are as long as a body', () => {
    const stats = someStats();
    for (const tier of ['exact', 'exact', 'heuristic'] as const)
      stats.tokensCounted({ model: 'm', tier, seconds: 0 });
    stats.requestEnded(aRefusal({ modelRequested: 'x'.repeat(1_000_000) }));
    expect(stats.read().tiers).toEqual({ exact: 2, approximation: 0, heuristic: 1 });
    expect(stats.read().recent[0]?.modelRequested).toHaveLength(128);
  });
});
