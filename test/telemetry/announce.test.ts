import { expect, it } from '@jest/globals';
import type { ControlEvent } from '../../src/core/control.ts';
import { announceEvents, announceRequest } from '../../src/telemetry/announce.ts';
import { aRefusal, aRequestEnded, someTotals } from '../support/facts.ts';
import { recordingLog, type LogLine } from '../support/recording-log.ts';

function linesFor(event: ControlEvent): readonly LogLine[] {
  const log = recordingLog();
  announceEvents(log)(event);
  return log.lines;
}

const CROSSING = { spending: 75_000_000_001, limit: 100_000_000_000, month: '2026-11' };
const CROSSING_FIELDS = { billingMonth: '2026-11', spendingUsd: '75.000000001', limitUsd: '100' };

it('says that the soft limit is reached', () => {
  expect(linesFor({ kind: 'soft_limit_reached', ...CROSSING })).toEqual([
    {
      level: 'info',
      message: 'BudgetReconciler: soft limit reached, SchedulerReconciler will prefer local agents',
      fields: CROSSING_FIELDS,
    },
  ]);
});

it.each([
  ['warn', 'Warn'],
  ['block_cloud', 'BlockCloud'],
  ['block_all', 'BlockAll'],
] as const)('says that the hard limit is reached, with the action %s', (action, word) => {
  expect(linesFor({ kind: 'hard_limit_reached', action, ...CROSSING })).toEqual([
    {
      level: 'warn',
      message: `BudgetReconciler: hard limit reached, action ${word}`,
      fields: CROSSING_FIELDS,
    },
  ]);
});

it('says that the month has turned', () => {
  expect(
    linesFor({
      kind: 'month_rollover',
      from: '2026-11',
      to: '2026-12',
      finalSpending: 96_120_000_000,
    }),
  ).toEqual([
    {
      level: 'info',
      message: 'Budget month rollover, resetting spending',
      fields: { oldMonth: '2026-11', newMonth: '2026-12', finalSpendingUsd: '96.12' },
    },
  ]);
});

it('says that a reconciliation is done, and is loud about a drift', () => {
  const report = {
    month: '2026-11',
    entriesChecked: 12,
    drift: 0,
    totals: someTotals({ settled: 1_000_000_000, suspense: 500_000_000 }),
    checkedAtMs: 0,
  };
  const fields = {
    billingMonth: '2026-11',
    spendingUsd: '1.5',
    heldUsd: '0',
    driftUsd: '0',
    entriesChecked: 12,
    durationMs: 2,
  };
  const done = { level: 'info', message: 'Budget reconciliation completed', fields };
  expect(linesFor({ kind: 'reconciled', report, seconds: 0.002 })).toEqual([done]);
  const drifted = linesFor({
    kind: 'reconciled',
    report: { ...report, drift: -3 },
    seconds: 0.002,
  });
  expect(drifted.map(({ level }) => level)).toEqual(['info', 'error']);
  expect(drifted[1]?.fields).toMatchObject({ driftUsd: '-0.000000003' });
});

it('says that the limit was changed', () => {
  expect(linesFor({ kind: 'limit_increased', from: 1_000_000_000, to: 2_000_000_000 })).toEqual([
    { level: 'info', message: 'Budget limit increased', fields: { fromUsd: '1', toUsd: '2' } },
  ]);
  expect(
    linesFor({ kind: 'limit_decreased', from: 2_000_000_000, to: 1_000_000_000 })[0]?.message,
  ).toBe('Budget limit decreased');
});

it('says how backends and actors are', () => {
  const change = { kind: 'backend_changed', backend: 'ollama', from: 'healthy' } as const;
  expect(linesFor({ ...change, to: 'unhealthy', reason: 'connection refused' })).toEqual([
    {
      level: 'warn',
      message: 'backend is unhealthy',
      fields: { backend: 'ollama', before: 'healthy', reason: 'connection refused' },
    },
  ]);
  expect(linesFor({ ...change, from: 'unhealthy', to: 'healthy', reason: null })[0]).toMatchObject({
    level: 'info',
    message: 'backend is healthy',
  });
  const failure = { kind: 'actor_failed', actor: 'monthClock', reason: 'fault' } as const;
  expect(linesFor({ ...failure, restarted: true })[0]).toMatchObject({
    level: 'error',
    message: 'actor failed and was restarted',
  });
  expect(linesFor({ ...failure, restarted: false })[0]?.message).toBe(
    'actor failed and was given up',
  );
});

it('writes one line for a request, with figures and names and nothing of its text', () => {
  const log = recordingLog();
  announceRequest(log, aRequestEnded({ excess: 5 }));
  announceRequest(log, aRefusal({ clientGone: true }));
  expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'info request',
    'info request',
  ]);
  expect(log.lines[0]?.fields).toEqual({
    requestId: 'req_1',
    route: 'chat',
    stream: false,
    model: 'gpt-4-turbo',
    modelServed: 'gpt-4-turbo',
    backend: 'openai',
    backendType: 'cloud',
    routeReason: 'capability-match',
    attempts: 1,
    status: 200,
    inputTokens: 120,
    outputTokens: 30,
    basis: 'provider',
    costUsd: '0.0021',
    estimateUsd: '0.0024',
    excessUsd: '0.000000005',
    priceSource: 'list',
    durationMs: 1250,
    firstByteMs: 300,
    overheadMs: 1.25,
    budgetStatus: 'Normal',
  });
  expect(log.lines[1]?.fields).toMatchObject({
    status: 503,
    error: 'budget_exhausted',
    backend: null,
    clientGone: true,
    costUsd: '0',
  });
});
