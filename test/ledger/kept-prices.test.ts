import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Price } from '../../src/core/prices.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { charge, holdRequest, testLedger } from '../support/test-ledger.ts';
import { priceOf } from '../support/kept-price.ts';

const OLD_FILE = path.join(import.meta.dirname, 'fixtures/format-1.sql');

describe.each(['memory', 'sqlite'])('prices in a ledger in %s', (kind) => {
  let folder: string;
  let store: FaultyStore;
  let books: ReturnType<typeof testLedger>;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-prices-'));
    store = new FaultyStore(
      openStore(kind === 'memory' ? ':memory:' : path.join(folder, 'ledger.db')),
    );
    books = testLedger(store);
  });

  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });

  function priceIds(): readonly (string | null)[] {
    return books.ledger.entries({ limit: 100, afterSeq: 0 }).map(({ priceId }) => priceId);
  }

  it('stores a price together with the first hold that is charged by it, once', () => {
    const price = priceOf({ model: 'gpt-4o-mini' });
    books.hold(10, { price });
    books.endTurn();
    books.hold(10, { price });
    books.hold(10, { price: { ...price } });
    books.endTurn();

    expect(store.stored.map(({ entries, prices }) => [entries.length, prices.length])).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ]);
    const [kept, ...others] = books.ledger.prices();
    expect(kept?.price).toEqual(price);
    expect(others).toEqual([]);
    expect(priceIds()).toEqual([kept?.id, kept?.id, kept?.id]);
  });

  it('tells apart whatever differs: model, list, rate or flag, not the order in which it was written down', () => {
    const price = priceOf({ model: 'gpt-4o-mini' });
    const turned = Object.fromEntries(Object.entries(price).toReversed()) as unknown as Price;
    for (const each of [
      price,
      turned,
      { ...price, model: 'gpt-4o' },
      { ...price, version: 'list 2' },
      { ...price, perRequest: 1 },
      { ...price, writesCacheUnasked: true },
      { ...price, tiers: price.tiers.map((tier) => ({ ...tier, reasoning: 1 })) },
    ])
      books.hold(1, { price: each });

    expect(new Set(priceIds()).size).toBe(6);
    expect(books.ledger.prices()).toHaveLength(6);
    expect(new Set(books.ledger.prices().map(({ id }) => id))).toEqual(new Set(priceIds()));
  });

  it('names the price and the route in every entry of a hold', () => {
    const { ledger, hold } = books;
    const { id, priceId, route } = hold(10, { price: priceOf(), route: 'chat' });
    ledger.suspend(id, 'timeout');
    ledger.settle(id, charge(4));
    ledger.settle(id, charge(5));

    expect(route).toBe('chat');
    expect(ledger.entries({ limit: 9 }).map((entry) => [entry.priceId, entry.route])).toEqual(
      Array.from({ length: 4 }, () => [priceId, 'chat']),
    );
  });

  it('keeps a price for the holds that come after a failure of the store', () => {
    const price = priceOf();
    store.fault = 'append';
    books.hold(10, { price });
    books.endTurn();
    store.fault = 'reply';
    books.clock.advance(100);
    books.ledger.reserve(holdRequest(0, { price }));
    books.endTurn();
    store.fault = 'none';
    books.clock.advance(1000);
    books.hold(10, { price });

    expect(priceIds()).not.toContain(null);
    expect(books.ledger.prices()).toHaveLength(1);
    books.expectExact();
  });

  it('finds the price that an earlier process kept', () => {
    const price = priceOf();
    books.hold(10, { price });
    books.endTurn();
    books = testLedger(store, books.clock, 100);
    books.hold(10, { price });
    books.hold(10, { price: { ...price, perRequest: 7 } });

    expect(books.ledger.prices()).toHaveLength(2);
    expect(new Set(priceIds()).size).toBe(2);
  });

  it('refuses an entry whose price is not kept', () => {
    books.hold(10, { price: priceOf() });
    const [entry] = books.ledger.entries({ limit: 1 });
    const orphan = { ...entry!, seq: 2, holdId: 'other', priceId: 'nobody' };
    const batch = { entries: [orphan], periods: [], prices: [], checkpoint: null, seenAtMs: 0 };

    expect(() => store.append(batch)).toThrow(/price that is not kept|FOREIGN KEY/);
    expect(store.lastSeq()).toBe(1);
  });
});

describe('the prices in a ledger file', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-prices-'));
    file = path.join(folder, 'ledger.db');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it.each(["UPDATE price SET price = '{}'", 'DELETE FROM price'])(
    'are never changed: %s is refused by the database itself',
    async (sql) => {
      const { ledger, hold } = testLedger(openStore(file));
      hold(10, { price: priceOf() });
      ledger.entries({ limit: 1 });
      const shell = new DatabaseSync(file);

      expect(() => shell.exec(sql)).toThrow('prices of the ledger are never');

      shell.close();
      await ledger.close();
    },
  );

  it('come into a file of the first format without a change to its entries', async () => {
    const old = new DatabaseSync(file);
    old.exec(readFileSync(OLD_FILE, 'utf8'));
    const before = old.prepare('SELECT * FROM entry ORDER BY seq').all();
    old.close();

    const { ledger, hold, expectExact } = testLedger(openStore(file), undefined, 100);
    hold(10, { price: priceOf(), route: 'chat' });
    // What was in suspense before is resolved by the old hold, which knows no price.
    ledger.settle('hold-2', charge(30_000));

    const entries = ledger.entries({ limit: 100, afterSeq: 0 });
    expect(entries.slice(0, 8).map(({ priceId, route }) => [priceId, route])).toEqual(
      Array.from({ length: 8 }, () => [null, null]),
    );
    expect(entries.slice(8)).toMatchObject([
      { kind: 'hold', priceId: ledger.prices()[0]?.id, route: 'chat' },
      { kind: 'resolve', holdId: 'hold-2', priceId: null, route: null },
    ]);
    expectExact();
    await ledger.close();
    const now = new DatabaseSync(file, { readOnly: true });
    expect(now.prepare('SELECT * FROM entry WHERE seq <= 8 ORDER BY seq').all()).toEqual(
      before.map((row) => ({ ...row, route: null, price_id: null })),
    );
    expect(now.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
    now.close();
  });
});
