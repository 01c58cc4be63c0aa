/** The short form of `npm run prove`: the same simulation, from a new seed at each run. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { MUTANTS } from '../../scripts/prove/mutant-list.ts';
import { runWorlds, type ProofOptions } from '../../scripts/prove/run-worlds.ts';
import { testSeed } from '../support/random-from.ts';

const ROOT = path.join(import.meta.dirname, '../..');

function options(more: Partial<ProofOptions>): ProofOptions {
  return {
    seed: testSeed(),
    admissions: 20_000,
    minutes: null,
    workers: 1,
    store: 'memory',
    world: null,
    isTraced: false,
    ...more,
  };
}

function prove(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['scripts/prove.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
}

describe('the budget under simulated faults', () => {
  it('holds every rule over 20,000 admissions', async () => {
    const given = options({});
    const { counts, found } = await runWorlds(given);

    expect({ seed: given.seed, found }).toEqual({ seed: given.seed, found: [] });
    expect(counts.admissions).toBe(given.admissions);
    expect(counts).toMatchObject({
      refused: expect.any(Number),
      crashes: expect.any(Number),
      storage_faults: expect.any(Number),
    });
    expect(Math.min(counts.refused, counts.months, counts.told_again)).toBeGreaterThan(0);
  }, 300_000);

  it('goes the same way again with the same seed, on other storage and over threads', async () => {
    const given = options({ admissions: 4500 });
    const first = await runWorlds(given);

    expect(await runWorlds({ ...given, workers: 2 })).toEqual(first);
    expect(await runWorlds({ ...given, store: 'sqlite' })).toEqual(first);
  }, 300_000);
});

describe('npm run prove', () => {
  it('prints one JSON object and nothing else', () => {
    const { status, stdout, stderr } = prove('--admissions', '500', '--seed', '7', '--json');

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      seed: 7,
      admissions: 500,
      refused: expect.any(Number),
      crashes: expect.any(Number),
      violations: 0,
      excess_nano_usd: expect.any(Number),
      seconds: expect.any(Number),
    });
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  it('says how it is used when it is used wrongly', () => {
    const { status, stderr } = prove('--admissions', 'many');

    expect(status).toBe(2);
    expect(stderr).toContain('--admissions must be a whole number, not "many"');
    expect(stderr).toContain('Usage: npm run prove');
  });
});

describe('npm run prove:mutants', () => {
  it('has mutants that all fit the sources', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    const misfits = MUTANTS.flatMap(({ name, edits }) =>
      edits
        .filter(
          ({ file, find }) => readFileSync(path.join(ROOT, file), 'utf8').split(find).length !== 2,
        )
        .map(({ file }) => `${name}: ${file}`),
    );
    expect(misfits).toEqual([]);
  });

  it('finds a mutant', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['scripts/prove/mutants.ts', '--only', 'charges are rounded down', '--admissions', '3000'],
      { cwd: ROOT, encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    );

    expect(stdout).toContain('1 of 1 mutants found.');
    expect(status).toBe(0);
  }, 300_000);
});
