import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from '@iarna/toml';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load-config.ts';
import { scalarKeys } from '../../src/config/schema.ts';
import { costOfTokens, roundUpToNano } from '../../src/core/money.ts';
import type { BackendSettings, Settings } from '../../src/core/settings.ts';
import { ROOT } from '../support/source-files.ts';

const USD = 1_000_000_000;
const shipped = globSync('config/*.toml', { cwd: ROOT }).toSorted();
const onThisMachine = shipped.filter((file) => /\/(nexus|quickstart-[\w-]+)\.toml$/.test(file));

function load(name: string): Settings {
  return loadConfig({ path: path.join(ROOT, `config/${name}.toml`), env: {} }).settings;
}

function backendOf(settings: Settings, name: string): BackendSettings {
  const backend = settings.backends.find((candidate) => candidate.name === name);
  if (backend === undefined) throw new Error(`there is no backend ${name}`);
  return backend;
}

/** What one call of the simulated cloud costs, with a dozen input tokens. */
function costOfCall(settings: Settings): number {
  const cloud = backendOf(settings, 'simulated-cloud');
  const price = cloud.prices['*'];
  if (price === undefined || cloud.simulation === null) throw new Error('it has no price');
  return roundUpToNano(
    costOfTokens(12, price.input) + costOfTokens(cloud.simulation.outputTokens, price.output),
  );
}

describe('the files in config/', () => {
  it('hold one for npm start and one for each part of the quickstart', () => {
    const parts = ['basic', 'strict', 'scenario-1', 'scenario-2', 'scenario-3', 'scenario-4'];
    const named = ['config/nexus.toml', ...parts.map((part) => `config/quickstart-${part}.toml`)];

    expect(shipped).toEqual(expect.arrayContaining(named));
  });

  it.each(shipped)('%s can be used as it is, without a key', (file) => {
    expect(loadConfig({ path: path.join(ROOT, file), env: {} }).leftOut).toEqual([]);
  });

  it.each(onThisMachine)(
    '%s runs on a fresh machine, without a key and without a warning',
    (file) => {
      const { settings, warnings, leftOut } = loadConfig({ path: path.join(ROOT, file), env: {} });

      expect({ warnings, leftOut }).toEqual({ warnings: [], leftOut: [] });
      expect(settings.server).toMatchObject({ host: '127.0.0.1', port: 8000 });
      expect(settings.backends.map(({ name, type, kind }) => ({ name, type, kind }))).toEqual([
        { name: 'simulated-local', type: 'simulated', kind: 'local' },
        { name: 'simulated-cloud', type: 'simulated', kind: 'cloud' },
      ]);
      expect(backendOf(settings, 'simulated-local').models).toContain('llama3');
      expect(backendOf(settings, 'simulated-cloud').models).toEqual(
        expect.arrayContaining(['gpt-4-turbo', 'claude-3-opus-20240229']),
      );
    },
  );

  it.each(shipped)('%s points editors to the schema', (file) => {
    expect(readFileSync(path.join(ROOT, file), 'utf8')).toMatch(
      /^#:schema \.\/nexus\.schema\.json\n/,
    );
  });

  it.each(shipped.filter((file) => file.includes('quickstart')))(
    '%s serves metrics on 9090 and can be run again',
    (file) => {
      const settings = load(path.basename(file, '.toml'));

      expect(settings.metrics.port).toBe(9090);
      expect(settings.ledger.path).toBe(':memory:');
    },
  );
});

describe('config/nexus.toml', () => {
  const text = readFileSync(path.join(ROOT, 'config/nexus.toml'), 'utf8');

  it('shows every key with a single value, with a comment for what its name does not say', () => {
    // Keys without a default stand in a comment.
    const document: unknown = parse(text.replaceAll(/^# (\w+ = .*)$/gm, '$1'));
    const missing = scalarKeys().filter((key) => {
      const value = key.reduce<unknown>(
        (table, part) => (table as Record<string, unknown> | undefined)?.[part],
        document,
      );
      return value === undefined;
    });

    expect(missing).toEqual([]);
  });

  it('looks for real backends, and prefers them to the simulated ones', () => {
    const { discovery, settings } = loadConfig({
      path: path.join(ROOT, 'config/nexus.toml'),
      env: {},
    });

    expect(discovery).toBe(true);
    expect(settings.backends.map(({ priority }) => priority)).toEqual([100, 100]);
  });

  it('reaches the soft limit with the 15th call, and the hard limit with 4 more', () => {
    const settings = load('nexus');
    const cost = costOfCall(settings);

    expect(settings.routing.budget).toMatchObject({
      monthlyLimit: 10 * USD,
      softLimitPercent: 75,
      hardLimitAction: 'block_cloud',
    });
    expect(14 * cost).toBeLessThan(7.5 * USD);
    expect(15 * cost).toBeGreaterThan(7.5 * USD);
    expect(18 * cost).toBeLessThan(10 * USD);
    expect(19 * cost).toBeGreaterThan(10 * USD);
    expect(settings.routing.fallbacks).toEqual({ 'gpt-4-turbo': ['llama3'] });
  });

  it('keeps what was spent', () => {
    expect(load('nexus').ledger.path).toBe('data/nexus-ledger.db');
  });
});

describe('the loops of the quickstart', () => {
  it('basic: 100 USD, soft at 80 %, nothing is refused', () => {
    expect(load('quickstart-basic').routing.budget).toMatchObject({
      monthlyLimit: 100 * USD,
      softLimitPercent: 80,
      hardLimitAction: 'warn',
      reconciliationIntervalSecs: 60,
    });
  });

  it('strict: 200 requests use up 100 USD, and no fallback saves the last of them', () => {
    const settings = load('quickstart-strict');

    expect(settings.routing.budget).toMatchObject({
      monthlyLimit: 100 * USD,
      softLimitPercent: 80,
      hardLimitAction: 'block_cloud',
    });
    expect(200 * costOfCall(settings)).toBeGreaterThan(100 * USD);
    expect(settings.routing.fallbacks).toEqual({});
  });

  it('scenario 1: no budget', () => {
    expect(load('quickstart-scenario-1').routing.budget).toBeNull();
  });

  it('scenario 2: 10 calls are about 50 % and Normal, 5 more about 80 % and SoftLimit', () => {
    const settings = load('quickstart-scenario-2');
    const percent = (calls: number): number => (calls * costOfCall(settings)) / USD / 0.1;

    expect(settings.routing.budget).toMatchObject({ monthlyLimit: 10 * USD, softLimitPercent: 75 });
    expect(percent(10)).toBeCloseTo(53, 0);
    // All 15 are served by the cloud: the limit is crossed by the last of them.
    expect(percent(14)).toBeLessThan(75);
    expect(percent(15)).toBeGreaterThan(79);
    expect(percent(15)).toBeLessThan(81);
    expect(settings.routing.fallbacks).toEqual({ 'gpt-4-turbo': ['llama3'] });
  });

  it('scenario 3: the clock can be moved', () => {
    const settings = load('quickstart-scenario-3');

    expect(settings.control.clock).toBe('injected');
    expect(settings.routing.budget).toMatchObject({
      monthlyLimit: 100 * USD,
      reconciliationIntervalSecs: 10,
    });
    expect(50 * costOfCall(settings)).toBeLessThan(75 * USD);
  });

  it('scenario 4: the unknown model is served by nobody', () => {
    const models = load('quickstart-scenario-4').backends.flatMap((backend) => backend.models);

    expect(models).not.toContain('unknown-model-v1');
  });
});
