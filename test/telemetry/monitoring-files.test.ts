import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { METRICS } from '../../src/telemetry/metric-table.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { aRefusal, aRequestEnded, someTotals } from '../support/facts.ts';
import { aBackend, aBudget, aPolicy } from '../support/policies.ts';
import { ROOT } from '../support/source-files.ts';

/** Every name that one metric is exported under. */
const EXPORTED = new Set(
  Object.values(METRICS).flatMap(({ name, kind }) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

function textOf(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

describe('the metric table', () => {
  it('has each name once, and each help text is one sentence', () => {
    const rows = Object.values(METRICS);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    for (const { name, help } of rows)
      expect([name, help]).toEqual([name, expect.stringMatching(/^[A-Z0-9][^\n]*\.$/)]);
  });
});

describe.each(globSync('config/{prometheus,grafana}/**/*.{yml,json}', { cwd: ROOT }))(
  '%s',
  (file) => {
    it('names only metrics that the gateway exports', () => {
      const names = [...textOf(file).matchAll(/\bnexus_[a-z_]+\b/g)].map(([name]) => name);
      for (const name of names) expect(EXPORTED).toContain(name);
    });
  },
);

describe('the Grafana dashboard', () => {
  interface Dashboard {
    readonly uid: string;
    readonly panels: readonly {
      readonly type: string;
      readonly datasource: { readonly uid: string };
      readonly targets: readonly { readonly expr: string }[];
    }[];
  }
  const dashboard = JSON.parse(textOf('config/grafana/dashboards/nexus-budget.json')) as Dashboard;

  it('has the five panels of the quickstart', () => {
    expect(dashboard.panels.map(({ type }) => type)).toEqual([
      'gauge',
      'timeseries',
      'heatmap',
      'piechart',
      'state-timeline',
    ]);
  });

  it('reads from the data source that is provisioned', () => {
    const source = /^\s*uid: (\S+)$/m.exec(
      textOf('config/grafana/provisioning/datasources/prometheus.yml'),
    )?.[1];
    for (const panel of dashboard.panels) {
      expect(panel.datasource.uid).toBe(source);
      expect(panel.targets.every(({ expr }) => expr.includes('nexus_'))).toBe(true);
    }
  });
});

// Debian has it in its package prometheus.
const PROMTOOL = 'promtool';
const hasPromtool = spawnSync(PROMTOOL, ['--version']).status === 0;
if (!hasPromtool)
  process.stdout.write(
    'promtool is not installed: its checks of metrics and alert rules are skipped.\n',
  );

(hasPromtool ? describe : describe.skip)('promtool', () => {
  function promtool(args: readonly string[], stdin = ''): string {
    const cwd = path.join(ROOT, 'config/prometheus');
    const { status, stdout, stderr } = spawnSync(PROMTOOL, args, {
      cwd,
      input: stdin,
      encoding: 'utf8',
    });
    return status === 0 ? stderr : `${stdout}${stderr}`;
  }

  it('finds nothing to say about the metrics', async () => {
    const totals = someTotals({ settled: 5 });
    const policy = aPolicy({
      budget: aBudget(),
      backends: [aBackend('o"d\\d\n', { models: ['llama3'] })],
    });
    const metrics = createMetrics({
      version: '1.2.3',
      hasBudget: true,
      configuredNames: [],
      resolveAlias: (model) => model,
      policy: () => policy,
      totals: () => totals,
      pending: () => 0,
      isLedgerWritable: () => true,
      projectedUsd: () => 12.5,
    });
    metrics.tokensCounted({ model: 'a"b\n', tier: 'exact', seconds: 0.1 });
    metrics.attemptEnded({ backend: 'o"d\\d\n', outcome: 'ok', reason: null, latencyMs: 1 });
    metrics.requestEnded(aRequestEnded({ modelServed: 'llama3', priceSource: 'conservative' }));
    metrics.requestEnded(aRefusal());
    metrics.controlEvent({
      kind: 'actor_failed',
      actor: 'monthClock',
      restarted: true,
      reason: '',
    });
    const report = { month: '2026-11', entriesChecked: 1, drift: 0, totals, checkedAtMs: 0 };
    metrics.controlEvent({ kind: 'reconciled', report, seconds: 0.001 });
    const text = await metrics.scrape();
    for (const { name } of Object.values(METRICS))
      expect(text).toMatch(new RegExp(`^${name}(_bucket)?[{ ]`, 'm'));
    expect(promtool(['check', 'metrics'], text)).toBe('');
  });

  it('takes the alert rules, and they alarm when they should', () => {
    expect(promtool(['check', 'rules', 'alerts.yml'])).toBe('');
    expect(promtool(['check', 'config', 'prometheus.yml'])).toBe('');
    expect(promtool(['test', 'rules', 'alerts.test.yml'])).toBe('');
  });
});
