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

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly targets: readonly { readonly refId: string; readonly expr: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly Panel[];
}

describe('the Grafana dashboard', () => {
  const { panels, ...dashboard } = JSON.parse(
    textOf('config/grafana/dashboards/nexus-budget.json'),
  ) as Dashboard;

  it('has the five panels of the quickstart first', () => {
    expect(panels.slice(0, 5).map(({ type, title }) => [type, title])).toEqual([
      ['gauge', 'Budget utilization'],
      ['timeseries', 'Spending'],
      ['heatmap', 'Cost of a request'],
      ['piechart', 'How tokens were counted'],
      ['state-timeline', 'Budget status'],
    ]);
  });

  it('has what an import asks for, and panels that every Grafana has', () => {
    expect(dashboard).toMatchObject({
      uid: expect.stringMatching(/^[\w-]{1,40}$/),
      title: expect.any(String),
      schemaVersion: expect.any(Number),
    });
    // An export for sharing would ask for its inputs; a provisioned file must not.
    expect(dashboard).not.toHaveProperty('__inputs');
    const core = ['gauge', 'timeseries', 'heatmap', 'piechart', 'state-timeline', 'stat'];
    for (const { type, title, description } of panels) {
      expect(core).toContain(type);
      expect(title).toMatch(/^[A-Z]/);
      expect(description).toMatch(/\.$/);
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it('lays its panels out side by side, none over another', () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
  });

  it('reads from the data source that is provisioned, for the gateways that are chosen', () => {
    const source = /^\s*uid: (\S+)$/m.exec(
      textOf('config/grafana/provisioning/datasources/prometheus.yml'),
    )?.[1];
    const known = [
      ...dashboard.templating.list.map(({ name }) => name),
      '__range',
      '__rate_interval',
    ];
    for (const { datasource, targets } of panels) {
      expect(datasource).toEqual({ type: 'prometheus', uid: source });
      expect(targets.map(({ refId }) => refId)).toEqual(
        ['A', 'B', 'C', 'D'].slice(0, targets.length),
      );
      for (const { expr } of targets) {
        expect(expr).toMatch(/nexus_\w+\{instance=~"\$instance"\}/);
        for (const [, name] of expr.matchAll(/\$(\w+)/g)) expect(known).toContain(name);
      }
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
      webhooks: ['on-call'],
      configuredNames: [],
      resolveAlias: (model) => model,
      policy: () => policy,
      totals: () => totals,
      pending: () => 0,
      calibration: () => [
        {
          backend: 'o"d\\d\n',
          model: 'llama3',
          tier: 'approximation',
          samples: 60,
          ratios: { estimate: 1_010_000, hold: 1_120_000 },
        },
      ],
      isLedgerWritable: () => true,
      projectedUsd: () => 12.5,
      priceList: { version: 'list 1.0', date: '2026-11-01' },
      lastReload: () => ({ isSuccessful: true, succeededAtMs: 1_700_000_000_500 }),
    });
    metrics.tokensCounted({ model: 'a"b\n', tier: 'exact', seconds: 0.1 });
    metrics.inputMeasured?.({ model: 'a"b\n', tier: 'exact', estimated: 90, actual: 100 });
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
