import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LedgerUnavailable } from '../../src/core/ledger.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { HandClock } from '../support/hand-clock.ts';
import { charge, holdRequest, testLedger } from '../support/test-ledger.ts';

const fixture = fileURLToPath(import.meta.resolve('./fixtures/hold-until-killed.ts'));

interface Life {
  readonly pid: number;
  readonly held: readonly string[];
  readonly charged: readonly string[];
  readonly released: readonly string[];
}

/** Lets a process work on the ledger until it has said so many lines, and kills it in the middle of the next. */
async function liveUntilKilled(file: string, boot: string, lines: number): Promise<Life> {
  const child = spawn(process.execPath, [fixture, file, boot], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said: { pid?: number; held?: string[]; charged?: string; released?: string }[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(JSON.parse(line) as (typeof said)[number]);
    if (said.length === lines) child.kill('SIGKILL');
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  return {
    pid: said[0]?.pid ?? 0,
    held: said.flatMap(({ held }) => held ?? []),
    charged: said.flatMap(({ charged }) => charged ?? []),
    released: said.flatMap(({ released }) => released ?? []),
  };
}

describe('a restart', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-recovery-'));
    file = path.join(folder, 'ledger.db');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('after kill -9 finds everything that was reported durable, and counts what was in flight', async () => {
    const lives: Life[] = [];
    for (const [life, lines] of [3, 30, 101, 64].entries()) {
      lives.push(await liveUntilKilled(file, `life${life}`, lines));
    }

    const { ledger, expectExact } = testLedger(openStore(file));

    expect(new Set(lives.map(({ pid }) => pid)).size).toBe(4);
    const entries = new Map<string, string[]>();
    const all = ledger.entries({ limit: 1000, afterSeq: 0 });
    for (const { holdId, kind } of all) entries.set(holdId, [...(entries.get(holdId) ?? []), kind]);
    for (const { held, charged, released } of lives) {
      for (const id of charged) expect(entries.get(id)).toEqual(['hold', 'charge']);
      for (const id of released) expect(entries.get(id)).toEqual(['hold', 'void']);
      for (const id of held) expect(entries.get(id)?.[0]).toBe('hold');
    }
    // Whatever had not ended ended as suspense: no hold is left open, and none is forgotten.
    const kinds = (kind: string) => all.filter((entry) => entry.kind === kind).length;
    expect(kinds('hold')).toBe(kinds('charge') + kinds('void') + kinds('suspend'));
    expect(
      all.filter(({ kind }) => kind === 'suspend').every(({ note }) => note === 'crash recovery'),
    ).toBe(true);
    expect(ledger.totals()).toMatchObject({
      settled: kinds('charge') * 400,
      suspense: kinds('suspend') * 1000,
      held: 0,
      openHolds: 0,
    });
    expectExact();
    await ledger.close();
  });

  it('carries holds of a crash as suspense in their own month, and the limit knows them', () => {
    const store = openStore(file);
    const before = testLedger(store);
    const durable = before.hold(700);
    before.hold(0);
    before.endTurn();
    before.hold(200);
    // The process dies here: the last hold was never durable, so it was never sent.
    store.close();

    const after = testLedger(openStore(file), before.clock, 100);
    after.ledger.setBudget({ limit: 1000, enforce: true });

    expect(after.ledger.totals()).toMatchObject({
      settled: 0,
      suspense: 700,
      held: 0,
      openHolds: 0,
    });
    expect(after.ledger.reserve(holdRequest(301))).toEqual({
      kind: 'refused',
      headroom: 300,
      fitsWhenIdle: false,
    });
    after.ledger.settle(durable.id, charge(250), 'found in the records of the provider');
    expect(after.ledger.totals()).toMatchObject({ settled: 250, suspense: 0 });
    expect(after.ledger.headroom()).toBe(750);
    after.expectExact();
    return after.ledger.close();
  });

  it('knows the ends of holds from an earlier life', () => {
    const before = testLedger(openStore(file));
    const charged = before.hold(100);
    before.ledger.settle(charged.id, charge(60));
    const voided = before.hold(100);
    before.ledger.release(voided.id, 'x');
    const adjusted = before.hold(100);
    before.ledger.settle(adjusted.id, charge(60));
    before.ledger.settle(adjusted.id, charge(50));
    return before.ledger.close().then(() => {
      const after = testLedger(openStore(file), before.clock, 100);
      after.ledger.settle(charged.id, charge(60));
      after.ledger.settle(voided.id, charge(0));
      after.ledger.settle(adjusted.id, charge(50));
      after.ledger.release(charged.id, 'x');
      expect(after.alarms).toEqual([]);
      after.ledger.settle(adjusted.id, charge(140));
      expect(after.ledger.totals()).toMatchObject({ settled: 200, excess: 90 });
      after.expectExact();
      return after.ledger.close();
    });
  });

  it('does not start when it can not store what it recovered', async () => {
    const first = openStore(file);
    const before = testLedger(first);
    before.hold(700);
    before.endTurn();
    first.close();
    const store = new FaultyStore(openStore(file));
    store.fault = 'append';
    const clock = new HandClock();

    expect(() => testLedger(store, clock)).toThrow(LedgerUnavailable);
    expect(clock.pending).toBe(0);
    expect(store.tries).toBe(2);

    store.fault = 'none';
    const after = testLedger(store, clock, 100);
    expect(after.ledger.totals()).toMatchObject({ suspense: 700 });
    await after.ledger.close();
  });

  it('starts when the second try works', async () => {
    const store = new FaultyStore(openStore(file));
    const append = store.append.bind(store);
    store.append = () => {
      store.append = append;
      throw new Error('not yet');
    };

    const { ledger } = testLedger(store);

    expect(ledger.isHealthy()).toBe(true);
    await ledger.close();
  });

  it('does not start over holds that its entries know nothing of', () => {
    const store = new FaultyStore(openStore(':memory:'));
    const before = testLedger(store);
    before.hold(700);
    before.endTurn();
    const load = store.load.bind(store);
    store.load = () => ({ ...load(), openHolds: [] });

    expect(() => testLedger(store)).toThrow('do not agree with its entries');
  });

  it('reads few entries, however many there are, because a checkpoint is kept', async () => {
    const store = new FaultyStore(openStore(file));
    const before = testLedger(store);
    for (let i = 0; i < 6000; i += 1) before.ledger.settle(before.hold(2).id, charge(1));
    before.ledger.entries({ limit: 1 });
    const asked: number[] = [];
    const sumsAfter = store.sumsAfter.bind(store);
    store.sumsAfter = (seq) => {
      asked.push(seq);
      return sumsAfter(seq);
    };

    const after = testLedger(store, before.clock, 10_000);

    expect(asked[0]).toBeGreaterThanOrEqual(6000);
    expect(after.ledger.totals()).toMatchObject({ settled: 6000, held: 0 });
    after.expectExact();
    await after.ledger.close();
  });
});

describe('closing', () => {
  it('stores everything, carries open holds as suspense, and can be done twice', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'nexus-close-'));
    const file = path.join(folder, 'ledger.db');
    const { ledger, hold, log, clock } = testLedger(openStore(file));
    const open = hold(700);
    ledger.settle(hold(100).id, charge(60));

    await ledger.close();
    await ledger.close();

    ledger.settle(open.id, charge(5));
    ledger.release(open.id, 'x');
    ledger.suspend(open.id, 'x');
    expect(() => ledger.reserve(holdRequest(0))).toThrow('The ledger is closed');
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn']);
    const next = testLedger(openStore(file), clock, 100);
    expect(next.ledger.totals()).toMatchObject({ settled: 60, suspense: 700, held: 0 });
    expect(next.ledger.entries({ limit: 1 })[0]).toMatchObject({
      kind: 'suspend',
      note: 'shutdown',
    });
    await next.ledger.close();
    rmSync(folder, { recursive: true });
  });

  it('tries a failing store once more', async () => {
    const store = new FaultyStore(openStore(':memory:'));
    const { ledger, hold, endTurn, clock } = testLedger(store);
    const sent = hold(100);
    endTurn();
    store.fault = 'append';
    ledger.settle(sent.id, charge(60));
    endTurn();
    store.fault = 'none';

    await ledger.close();

    expect(store.balances()).toMatchObject([{ settled: 60, held: 0 }]);
    expect(clock.pending).toBe(0);
  });

  it('says so when entries have to be given up', async () => {
    const store = new FaultyStore(openStore(':memory:'));
    const { ledger, hold, endTurn, clock, log } = testLedger(store);
    const sent = hold(100);
    endTurn();
    store.fault = 'append';
    ledger.settle(sent.id, charge(60));
    endTurn();

    await expect(ledger.close()).rejects.toBeInstanceOf(LedgerUnavailable);

    expect(clock.pending).toBe(0);
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', fields: { lost: 1 } });
    store.fault = 'none';
    const next = testLedger(store, clock, 100);
    expect(next.ledger.totals()).toMatchObject({ suspense: 100, settled: 0 });
  });

  it('says so when a charge never found its hold', async () => {
    const store = new FaultyStore(openStore(':memory:'));
    const { ledger, log } = testLedger(store);
    store.fault = 'everything';
    ledger.settle('from an earlier life', charge(5));

    await ledger.close();

    expect(log.lines.at(-1)).toMatchObject({ level: 'error', fields: { lost: 1 } });
  });
});
