import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntryKind, LedgerEntry } from '../../src/core/ledger.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import type { Batch, LedgerStore } from '../../src/ledger/store.ts';
import { monthOf } from '../support/test-ledger.ts';

const NOVEMBER = monthOf('2026-11-10T12:00:00Z');
const DECEMBER = monthOf('2026-12-10T12:00:00Z');

function entry(seq: number, kind: EntryKind, more: Partial<LedgerEntry> = {}): LedgerEntry {
  const charges = kind === 'charge' || kind === 'resolve' || kind === 'adjust';
  return {
    seq,
    kind,
    atMs: 1_000 + seq,
    month: '2026-11',
    holdId: 'h1',
    requestId: 'r1',
    attempt: 1,
    backend: 'openai',
    backendKind: 'cloud',
    model: 'gpt-4-turbo',
    heldChange: 0,
    suspenseChange: 0,
    settledChange: 0,
    excessChange: 0,
    basis: charges ? 'provider' : null,
    exactPico: charges ? '0' : null,
    usage: charges ? { ...NO_USAGE, input: 7, reportedCostUsd: '0.1' } : null,
    ...(kind === 'charge' && { estimatedInput: 6 }),
    priceVersion: 'v1',
    route: null,
    priceId: null,
    note: null,
    ...more,
  };
}

function batch(entries: readonly LedgerEntry[], more: Partial<Batch> = {}): Batch {
  return { entries, periods: [], prices: [], checkpoint: null, seenAtMs: 5_000, ...more };
}

/** Month opened, one hold of 100 charged 40 with an excess of 5, one in suspense (30), one void, one open (9). */
const STORY: readonly LedgerEntry[] = [
  entry(1, 'hold', { heldChange: 100 }),
  entry(2, 'charge', { heldChange: -100, settledChange: 40, excessChange: 5, note: 'odd' }),
  entry(3, 'hold', { holdId: 'h2', requestId: 'r2', heldChange: 30, model: 'm2' }),
  entry(4, 'suspend', { holdId: 'h2', requestId: 'r2', heldChange: -30, suspenseChange: 30 }),
  entry(5, 'hold', { holdId: 'h3', requestId: 'r3', heldChange: 8, backend: 'b3' }),
  entry(6, 'void', { holdId: 'h3', requestId: 'r3', heldChange: -8, backend: 'b3' }),
  entry(7, 'hold', { holdId: 'h4', requestId: 'r4', attempt: 2, heldChange: 9 }),
];
const STORY_TOTALS = {
  month: '2026-11',
  settled: 40,
  suspense: 30,
  held: 9,
  excess: 5,
  openHolds: 1,
};

describe.each(['memory', 'sqlite'])('the %s store', (kind) => {
  let folder: string;
  let store: LedgerStore;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-store-'));
    store = openStore(kind === 'memory' ? ':memory:' : path.join(folder, 'deep/er/ledger.db'));
  });

  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });

  /** What a later process finds. */
  function reopen(): void {
    if (kind === 'memory') return;
    store.close();
    store = openStore(path.join(folder, 'deep/er/ledger.db'));
  }

  function openNovember(): void {
    store.append(batch([], { periods: [{ period: NOVEMBER, isClosed: false }] }));
  }

  function tellStory(): void {
    openNovember();
    store.append(batch(STORY.slice(0, 4)));
    store.append(batch(STORY.slice(4)));
  }

  it('is empty at first', () => {
    expect(store.load()).toEqual({
      lastSeq: 0,
      seenAtMs: 0,
      periods: [],
      openHolds: [],
      checkpoint: { seq: 0, months: [] },
    });
    expect(store.entries({ limit: 10 })).toEqual([]);
    expect(store.balances()).toEqual([]);
    expect([...store.scan()]).toEqual([]);
    expect(store.forgotten()).toEqual({ seq: 0, months: [] });
  });

  it('gives entries back as they were stored, newest first or from a place onwards', () => {
    tellStory();
    reopen();

    expect([...store.scan()]).toEqual(STORY);
    expect(store.entries({ limit: 3 })).toEqual(STORY.slice(4).toReversed());
    expect(store.entries({ limit: 2, beforeSeq: 5 })).toEqual([STORY[3], STORY[2]]);
    expect(store.entries({ limit: 2, afterSeq: 5 })).toEqual([STORY[5], STORY[6]]);
    expect(store.entries({ limit: 9, afterSeq: 2, beforeSeq: 5 })).toEqual([STORY[2], STORY[3]]);
    expect(store.lastSeq()).toBe(7);
  });

  it('filters entries by month, kind, model, backend and request', () => {
    tellStory();
    store.append(
      batch([entry(8, 'hold', { month: '2026-12', holdId: 'h8', requestId: 'r8' })], {
        periods: [{ period: DECEMBER, isClosed: false }],
      }),
    );
    const seqs = (query: object): number[] =>
      store.entries({ limit: 10, ...query }).map(({ seq }) => seq);

    expect(seqs({ month: '2026-12' })).toEqual([8]);
    expect(seqs({ month: '2026-11', kind: 'hold' })).toEqual([7, 5, 3, 1]);
    expect(seqs({ month: '2025-01' })).toEqual([]);
    expect(seqs({ model: 'm2' })).toEqual([3]);
    expect(seqs({ backend: 'b3' })).toEqual([6, 5]);
    expect(seqs({ requestId: 'r2' })).toEqual([4, 3]);
    expect(seqs({ requestId: 'r2', kind: 'suspend' })).toEqual([4]);
  });

  it('moves balances with the entries', () => {
    tellStory();
    reopen();

    expect(store.balances()).toEqual([STORY_TOTALS]);
    expect(store.sumsAfter(0)).toEqual({ seq: 7, months: [STORY_TOTALS] });
    expect(store.sumsAfter(4)).toEqual({
      seq: 7,
      months: [{ ...STORY_TOTALS, settled: 0, suspense: 0, excess: 0 }],
    });
    expect(store.sumsAfter(7)).toEqual({ seq: 7, months: [] });
  });

  it('knows which holds are open and which are in suspense', () => {
    tellStory();
    reopen();
    const open = {
      id: 'h4',
      requestId: 'r4',
      attempt: 2,
      backend: 'openai',
      backendKind: 'cloud',
      model: 'gpt-4-turbo',
      amount: 9,
      priceVersion: 'v1',
      route: null,
      priceId: null,
      month: '2026-11',
      heldAtMs: 1_007,
    };

    expect(store.load().openHolds).toEqual([open]);
    expect(store.suspendedHolds('2026-11', 5)).toMatchObject([{ id: 'h2', amount: 30 }]);
    expect(store.suspendedHolds('2026-12', 5)).toEqual([]);
    expect(store.suspendedHolds('2026-11', 0)).toEqual([]);
    expect(store.entriesOfHold('h2')).toEqual(STORY.slice(2, 4));
    expect(store.entriesOfHold('nobody')).toEqual([]);

    store.append(
      batch([
        entry(8, 'resolve', { holdId: 'h2', suspenseChange: -30, settledChange: 30 }),
        entry(9, 'suspend', { holdId: 'h4', heldChange: -9, suspenseChange: 9 }),
        entry(10, 'adjust', { settledChange: -1 }),
        entry(11, 'hold', { holdId: 'h5' }),
        entry(12, 'suspend', { holdId: 'h5' }),
        entry(13, 'hold', { holdId: 'h6', heldChange: 1 }),
        entry(14, 'suspend', { holdId: 'h6', heldChange: -1, suspenseChange: 1 }),
        entry(15, 'hold', { holdId: 'h7', heldChange: 2 }),
        entry(16, 'suspend', { holdId: 'h7', heldChange: -2, suspenseChange: 2 }),
        entry(17, 'resolve', { holdId: 'h7', suspenseChange: -2, settledChange: 2 }),
      ]),
    );
    expect(store.load().openHolds).toEqual([]);
    expect(store.suspendedHolds('2026-11', 5).map(({ id }) => id)).toEqual(['h4', 'h6']);
  });

  it('keeps periods, the latest time and the audited checkpoint', () => {
    openNovember();
    const checkpoint = { seq: 7, months: [STORY_TOTALS] };
    store.append(batch(STORY, { seenAtMs: 9_000 }));
    store.append(
      batch([], {
        periods: [
          { period: { ...NOVEMBER, endsAtMs: DECEMBER.startsAtMs - 1 }, isClosed: true },
          { period: DECEMBER, isClosed: false },
        ],
        checkpoint,
        seenAtMs: 8_000,
      }),
    );
    reopen();

    expect(store.load()).toMatchObject({
      lastSeq: 7,
      seenAtMs: 9_000,
      periods: [
        { period: { month: '2026-11', endsAtMs: DECEMBER.startsAtMs - 1 }, isClosed: true },
        { period: DECEMBER, isClosed: false },
      ],
      checkpoint,
    });
    expect(store.balances().map(({ month }) => month)).toEqual(['2026-11', '2026-12']);
  });

  it.each<[string, readonly LedgerEntry[]]>([
    ['a gap in seq', [entry(9, 'hold', { holdId: 'h9' })]],
    ['a month that was never opened', [entry(8, 'hold', { holdId: 'h9', month: '2027-01' })]],
    ['a hold that is open already', [entry(8, 'hold', { holdId: 'h4' })]],
    ['a second end of a hold', [entry(8, 'void', { holdId: 'h3' })]],
    [
      'two ends in one batch',
      [
        entry(8, 'void', { holdId: 'h4', heldChange: -9 }),
        entry(9, 'charge', { holdId: 'h4', heldChange: 0 }),
      ],
    ],
    ['a balance below zero', [entry(8, 'adjust', { settledChange: -41 })]],
    ['a sum beyond the ceiling', [entry(8, 'hold', { holdId: 'h9', heldChange: 9.1e15 })]],
  ])('refuses %s, and keeps nothing of the batch', (_what, entries) => {
    tellStory();
    const good = entry(8, 'hold', { holdId: 'good', heldChange: 1 });
    const bad = entries.map((each) => ({ ...each, seq: each.seq + 1 }));

    expect(() => store.append(batch([good, ...bad], { seenAtMs: 99_000 }))).toThrow(
      /gap|never opened|open|UNIQUE|below zero|CHECK|FOREIGN KEY|ceiling/,
    );
    expect(store.balances()).toEqual([STORY_TOTALS]);
    reopen();

    expect(store.lastSeq()).toBe(7);
    expect(store.load()).toMatchObject({ seenAtMs: 5_000, openHolds: [{ id: 'h4' }] });
    expect(store.balances()).toEqual([STORY_TOTALS]);
    store.append(batch([good]));
    expect(store.lastSeq()).toBe(8);
  });
});
