/**
 * The store in a file: SQLite, embedded in Node. WAL, and an fsync with every commit, so that what was reported as stored
 * survives `kill -9` and a power cut.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { assert } from '../core/assert.ts';
import type { EntryQuery, Hold, KeptPrice, LedgerEntry, MonthTotals } from '../core/ledger.ts';
import { addEntry, Sums } from './balance.ts';
import { fileError, LedgerFileError } from './file-error.ts';
import { holdOf } from './hold-history.ts';
import { takeOwnership, type OwnerLock } from './owner-lock.ts';
import {
  ENTRY_COLUMNS,
  entryOfRow,
  entryValues,
  priceOfRow,
  priceValues,
  SUMMED_COLUMNS,
  TOTALS_COLUMNS,
  totalsOfRow,
  totalsValues,
  type EntryRow,
  type PeriodRow,
  type PriceRow,
  type TotalsRow,
} from './sqlite-rows.ts';
import { conditionsOf } from './sqlite-query.ts';
import { bringUpToDate, pragma, versionOf } from './sqlite-schema.ts';
import {
  EMPTY_CHECKPOINT,
  type Batch,
  type Checkpoint,
  type LedgerStore,
  type StoredPeriod,
  type StoreState,
} from './store.ts';

/** Somebody with a SQLite shell may hold the file for a moment. The event loop waits no longer than this. */
const BUSY_MS = 100;

const INSERT_ENTRY = `INSERT INTO entry (${ENTRY_COLUMNS}) VALUES (${Array(21).fill('?').join(', ')})`;
const INSERT_PRICE = 'INSERT INTO price VALUES (?, ?) ON CONFLICT DO NOTHING';
const INSERT_UNRESOLVED = "INSERT INTO unresolved VALUES (?, ?, 'held')";
const SUSPEND = "UPDATE unresolved SET state = 'suspended' WHERE hold_id = ?";
const MOVE_BALANCE = `UPDATE balance SET settled = settled + ?, suspense = suspense + ?, held = held + ?,
  excess = excess + ?, open_holds = open_holds + ?,
  first_seq = CASE first_seq WHEN 0 THEN ? ELSE first_seq END, last_seq = ? WHERE month = ?`;

type Connect = (path: string) => DatabaseSync;

function connectTo(file: string): DatabaseSync {
  return new DatabaseSync(file, { timeout: BUSY_MS });
}

/**
 * Opens a ledger file, and makes it and its folder where they are missing. Throws `LedgerFileError` when the file is
 * owned by another process, can not be written, is damaged, or is no ledger.
 */
export function openSqliteStore(file: string, connect: Connect = connectTo): LedgerStore {
  let lock: OwnerLock | undefined;
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    lock = takeOwnership(file);
    database = connect(file);
    const version = versionOf(database, file);
    makeDurable(database);
    bringUpToDate(database, version);
    assertDurable(database, file);
    return new SqliteStore(file, database, lock);
  } catch (error) {
    database?.close();
    lock?.release();
    throw fileError(file, error);
  }
}

function makeDurable(database: DatabaseSync): void {
  // `fullfsync` is for macOS, where a plain fsync leaves the data in the cache of the disk.
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA foreign_keys = ON;
  `);
}

/** Settings are asked back: a build of SQLite, or a file system without shared memory, may not follow. */
function assertDurable(database: DatabaseSync, file: string): void {
  const wanted = { journal_mode: 'wal', synchronous: 2, foreign_keys: 1 };
  // Some builds change `synchronous` at the first write in WAL mode, so one comes before the question.
  database.exec('UPDATE meta SET seen_at_ms = seen_at_ms');
  for (const [name, value] of Object.entries(wanted)) {
    const actual = pragma(database, name);
    if (actual === value) continue;
    throw new LedgerFileError(
      `The ledger ${file} can not be made durable: ${name} is ${String(actual)}, not ${value}. Use a local disk.`,
    );
  }
}

class SqliteStore implements LedgerStore {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #lock: OwnerLock;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string, database: DatabaseSync, lock: OwnerLock) {
    this.#file = file;
    this.#database = database;
    this.#lock = lock;
  }

  load(): StoreState {
    const months = this.#all<TotalsRow>(`SELECT ${TOTALS_COLUMNS} FROM checkpoint`);
    return {
      lastSeq: this.lastSeq(),
      seenAtMs: this.#number('SELECT seen_at_ms FROM meta'),
      periods: this.#all<PeriodRow>('SELECT * FROM period ORDER BY month').map(periodOfRow),
      openHolds: this.#unresolved("state = 'held' AND ? = 0", 0, -1),
      checkpoint: {
        seq: this.#number('SELECT checkpoint_seq FROM meta'),
        months: months.map(totalsOfRow),
      },
    };
  }

  append(batch: Batch): void {
    try {
      let last = this.lastSeq();
      this.#run('BEGIN IMMEDIATE');
      for (const period of batch.periods) this.#putPeriod(period);
      for (const price of batch.prices) this.#run(INSERT_PRICE, ...priceValues(price));
      for (const entry of batch.entries) {
        last += 1;
        assert(entry.seq === last, `entry ${entry.seq} leaves a gap after ${last - 1}`);
        this.#run(INSERT_ENTRY, ...entryValues(entry));
      }
      this.#trackHolds(batch.entries);
      this.#moveBalances(batch.entries);
      if (batch.checkpoint !== null) this.#putCheckpoint(batch.checkpoint);
      this.#run('UPDATE meta SET seen_at_ms = max(seen_at_ms, ?)', batch.seenAtMs);
      this.#run('COMMIT');
    } catch (error) {
      throw fileError(this.#file, error);
    } finally {
      this.#leaveTransaction();
    }
  }

  lastSeq(): number {
    // A transaction that could not be left after a failure must not be taken for the file.
    this.#leaveTransaction();
    return this.#number('SELECT coalesce(max(seq), 0) FROM entry');
  }

  prices(): readonly KeptPrice[] {
    return this.#all<PriceRow>('SELECT id, price FROM price ORDER BY id').map(priceOfRow);
  }

  balances(): readonly MonthTotals[] {
    return this.#all<TotalsRow>(`SELECT ${TOTALS_COLUMNS} FROM balance`).map(totalsOfRow);
  }

  sumsAfter(seq: number): Checkpoint {
    const sql = `SELECT ${SUMMED_COLUMNS} FROM entry WHERE seq > ? GROUP BY month`;
    return { seq: this.lastSeq(), months: this.#all<TotalsRow>(sql, seq).map(totalsOfRow) };
  }

  entries(query: EntryQuery): readonly LedgerEntry[] {
    const { where, values } = conditionsOf(query);
    const order = query.afterSeq === undefined ? 'DESC' : 'ASC';
    const sql = `SELECT ${ENTRY_COLUMNS} FROM entry ${where} ORDER BY seq ${order} LIMIT ?`;
    return this.#all<EntryRow>(sql, ...values, query.limit).map(entryOfRow);
  }

  entriesOfHold(holdId: string): readonly LedgerEntry[] {
    const sql = `SELECT ${ENTRY_COLUMNS} FROM entry WHERE hold_id = ? ORDER BY seq`;
    return this.#all<EntryRow>(sql, holdId).map(entryOfRow);
  }

  suspendedHolds(month: string, limit: number): readonly Hold[] {
    return this.#unresolved("state = 'suspended' AND entry.month = ?", month, limit);
  }

  *scan(): Iterable<LedgerEntry> {
    const rows = this.#prepared(`SELECT ${ENTRY_COLUMNS} FROM entry ORDER BY seq`).iterate();
    for (const row of rows) yield entryOfRow(row as unknown as EntryRow);
  }

  forgotten(): Checkpoint {
    return EMPTY_CHECKPOINT;
  }

  close(): void {
    this.#database.close();
    this.#lock.release();
  }

  #leaveTransaction(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }

  #putPeriod({ period, isClosed }: StoredPeriod): void {
    const { month, startsAtMs, endsAtMs, nextResetDate } = period;
    this.#run(
      `INSERT INTO period VALUES (?, ?, ?, ?, ?) ON CONFLICT (month) DO UPDATE SET
        starts_at_ms = excluded.starts_at_ms, ends_at_ms = excluded.ends_at_ms,
        next_reset_date = excluded.next_reset_date, is_closed = excluded.is_closed`,
      month,
      startsAtMs,
      endsAtMs,
      nextResetDate,
      Number(isClosed),
    );
    this.#run('INSERT INTO balance VALUES (?, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING', month);
  }

  /** Keeps the list of holds without an outcome. One that begins and ends in the same batch never enters it. */
  #trackHolds(entries: readonly LedgerEntry[]): void {
    const begun = new Map<string, number>();
    const suspended = new Set<string>();
    for (const { kind, holdId, seq, suspenseChange } of entries) {
      if (kind === 'hold') begun.set(holdId, seq);
      else if (kind === 'suspend' && suspenseChange > 0) suspended.add(holdId);
      else {
        suspended.delete(holdId);
        if (!begun.delete(holdId)) this.#run('DELETE FROM unresolved WHERE hold_id = ?', holdId);
      }
    }
    for (const [holdId, seq] of begun) this.#run(INSERT_UNRESOLVED, holdId, seq);
    for (const holdId of suspended) this.#run(SUSPEND, holdId);
  }

  #moveBalances(entries: readonly LedgerEntry[]): void {
    const sums = new Sums();
    for (const entry of entries) addEntry(sums.of(entry.month), entry);
    const first = entries[0]?.seq ?? 0;
    const last = entries.at(-1)?.seq ?? 0;
    for (const { month, settled, suspense, held, excess, openHolds } of sums.list()) {
      const values = [settled, suspense, held, excess, openHolds, first, last, month];
      assert(this.#run(MOVE_BALANCE, ...values) === 1, `${month} has no balance`);
    }
  }

  #putCheckpoint({ seq, months }: Checkpoint): void {
    const sql = `INSERT OR REPLACE INTO checkpoint (${TOTALS_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`;
    for (const totals of months) this.#run(sql, ...totalsValues(totals));
    this.#run('UPDATE meta SET checkpoint_seq = ?', seq);
  }

  #unresolved(condition: string, value: SQLInputValue, limit: number): readonly Hold[] {
    const sql = `SELECT entry.* FROM unresolved JOIN entry ON entry.seq = unresolved.hold_seq
      WHERE ${condition} ORDER BY entry.seq LIMIT ?`;
    return this.#all<EntryRow>(sql, value, limit).map((row) => holdOf(entryOfRow(row)));
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Number of rows changed. */
  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  #all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values) as unknown as Row[];
  }

  #number(sql: string): number {
    return Number(Object.values({ ...this.#prepared(sql).get() })[0]);
  }
}

function periodOfRow(row: PeriodRow): StoredPeriod {
  return {
    period: {
      month: row.month,
      startsAtMs: row.starts_at_ms,
      endsAtMs: row.ends_at_ms,
      nextResetDate: row.next_reset_date,
    },
    isClosed: row.is_closed === 1,
  };
}
