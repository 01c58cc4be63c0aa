import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LedgerUnavailable } from '../../src/core/ledger.ts';
import { LedgerFileError } from '../../src/ledger/file-error.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { openSqliteStore } from '../../src/ledger/sqlite-store.ts';
import { charge, holdRequest, testLedger } from '../support/test-ledger.ts';

const NOBODY = 65_534;

describe('the ledger file', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-file-'));
    file = path.join(folder, 'ledger.db');
  });

  afterEach(() => {
    chmodSync(folder, 0o755);
    rmSync(folder, { recursive: true });
  });

  function failure(at = file): LedgerFileError {
    try {
      openStore(at).close();
    } catch (error) {
      if (error instanceof LedgerFileError) return error;
      throw error;
    }
    throw new Error('the file was opened');
  }

  /** Runs as somebody whom file permissions concern, also when the tests run as root. */
  function asNobody<T>(work: () => T): T {
    const isRoot = process.geteuid?.() === 0;
    if (!isRoot) return work();
    process.seteuid?.(NOBODY);
    try {
      return work();
    } finally {
      process.seteuid?.(0);
    }
  }

  it('is made, with its folder, where it is missing', () => {
    const deep = path.join(folder, 'var/lib/nexus/ledger.db');

    openStore(deep).close();

    expect(existsSync(deep)).toBe(true);
  });

  it('says what it is to other programs, and is durable by its own settings', () => {
    let database: DatabaseSync | undefined;
    const store = openSqliteStore(file, (at) => (database = new DatabaseSync(at)));
    const pragma = (name: string) =>
      Object.values(database?.prepare(`PRAGMA ${name}`).get() ?? {})[0];

    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('foreign_keys')).toBe(1);
    expect(pragma('application_id')).toBe(0x4e585553);
    expect(pragma('user_version')).toBe(2);
    store.close();
    expect(readFileSync(file).subarray(68, 72).toString()).toBe('NXUS');
  });

  it('is refused where SQLite does not do as it is told', () => {
    // A database in memory has no write-ahead log.
    expect(() => openSqliteStore(file, () => new DatabaseSync(':memory:'))).toThrow(
      'can not be made durable: journal_mode is memory, not wal. Use a local disk.',
    );
  });

  it.each(['UPDATE entry SET settled_change = 1', 'DELETE FROM entry'])(
    'never changes an entry: %s is refused by the database itself',
    async (sql) => {
      const { ledger, hold, expectExact } = testLedger(openStore(file));
      ledger.settle(hold(10).id, charge(5));
      ledger.entries({ limit: 1 });
      const shell = new DatabaseSync(file);

      expect(() => shell.exec(sql)).toThrow('entries of the ledger are never');

      shell.close();
      expectExact();
      await ledger.close();
    },
  );

  it('can be read by others while it is in use', async () => {
    const { ledger, hold } = testLedger(openStore(file));
    hold(10);
    ledger.entries({ limit: 1 });
    const shell = new DatabaseSync(file, { readOnly: true });

    expect(shell.prepare('SELECT held FROM balance').get()).toEqual({ held: 10 });

    shell.close();
    await ledger.close();
  });

  it('belongs to one process: a second opening names the first', () => {
    const store = openStore(file);

    expect(failure().message).toBe(
      `The ledger ${file} is in use by process ${process.pid} on ${hostname()}. ` +
        'One gateway owns a ledger: stop the other one, or set another [ledger] path.',
    );

    store.close();
    openStore(file).close();
  });

  it('is in use by another process while that lives, and free once it was killed', async () => {
    const fixture = fileURLToPath(import.meta.resolve('./fixtures/hold-until-killed.ts'));
    const child = spawn(process.execPath, [fixture, file, 'other'], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');

    const { message } = failure();
    child.kill('SIGKILL');
    await exited;

    expect(message).toContain(`is in use by process ${child.pid} on ${hostname()}`);
    openStore(file).close();
  });

  it('is in use by somebody unknown when the lock tells no name', () => {
    const lock = new DatabaseSync(`${file}.lock`);
    lock.exec('BEGIN IMMEDIATE');
    expect(failure().message).toContain('is in use by another process');
    lock.exec('CREATE TABLE owner (pid INTEGER, host TEXT); COMMIT; BEGIN IMMEDIATE');
    expect(failure().message).toContain('is in use by another process');
    lock.close();
  });

  it('is not opened when its lock is something else', () => {
    writeFileSync(`${file}.lock`, 'Somebody keeps notes here. '.repeat(100));

    expect(failure().message).toContain(
      `The ledger ${file}.lock can not be used: it is not a SQLite`,
    );
  });

  it('is not opened where its folder can not be made', () => {
    writeFileSync(path.join(folder, 'file'), '');

    expect(failure(path.join(folder, 'file/ledger.db')).message).toMatch(
      /can not be used: .*(EEXIST|ENOTDIR)/,
    );
  });

  it('is not a folder', () => {
    mkdirSync(file);

    expect(failure().message).toContain('it can not be opened; check that the folder exists');
  });

  it('is not opened in a folder that can not be written', () => {
    chmodSync(folder, 0o555);

    expect(asNobody(() => failure()).message).toContain('the gateway may write to it');
  });

  it('is not opened when it is read-only', () => {
    openStore(file).close();
    chmodSync(folder, 0o777);
    chmodSync(`${file}.lock`, 0o666);
    chmodSync(file, 0o444);

    expect(asNobody(() => failure()).message).toContain(
      'it is read-only; give the gateway write permission on the file and its folder',
    );
  });

  it('is not opened when it is no database', () => {
    writeFileSync(file, 'Dear diary, today I spent nothing. '.repeat(100));

    expect(failure().message).toContain('it is not a SQLite database; [ledger] path must name');
  });

  it('is not opened when it belongs to another program, and is left as it is', () => {
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE songs (title TEXT)');
    other.close();
    const before = readFileSync(file);

    expect(failure().message).toContain('is a database of another program, not a Nexus ledger');

    expect(readFileSync(file)).toEqual(before);
  });

  it('is not opened when a newer version wrote it', () => {
    openStore(file).close();
    const newer = new DatabaseSync(file);
    newer.exec('PRAGMA user_version = 7');
    newer.close();

    expect(failure().message).toContain('has format 7; this Nexus reads and writes format 2');
  });

  it('is not opened when it is damaged', async () => {
    const { ledger, hold } = testLedger(openStore(file));
    for (let i = 0; i < 2000; i += 1) ledger.release(hold(1).id, 'x');
    await ledger.close();
    truncateSync(file, 8 * 4096);

    expect(() => testLedger(openStore(file))).toThrow(/malformed|damaged/);
  });

  it('that is full makes paid attempts unavailable, and goes on by itself when there is room again', async () => {
    let database: DatabaseSync | undefined;
    const store = openSqliteStore(file, (at) => (database = new DatabaseSync(at)));
    const { ledger, hold, clock, endTurn, expectExact, log } = testLedger(store);
    const sent = Array.from({ length: 200 }, () => hold(10));
    endTurn();
    const pages = Object.values(database?.prepare('PRAGMA page_count').get() ?? {})[0];
    database?.exec(`PRAGMA max_page_count = ${Number(pages)}`);

    let committed = Promise.resolve();
    for (let turn = 0; turn < 50 && ledger.isHealthy(); turn += 1) {
      for (let i = 0; i < 20; i += 1) hold(1);
      committed = ledger.committed();
      endTurn();
    }

    await expect(committed).rejects.toThrow(
      'the disk is full; free some space (database or disk is full)',
    );
    expect(ledger.reserve(holdRequest(1))).toEqual({ kind: 'unavailable' });
    for (const { id } of sent) ledger.settle(id, charge(4));
    clock.advance(100);
    expect(ledger.isHealthy()).toBe(false);

    database?.exec('PRAGMA max_page_count = 1000000');
    clock.advance(200);

    expect(ledger.isHealthy()).toBe(true);
    await ledger.committed();
    expect(ledger.totals()).toMatchObject({ settled: 800 });
    expect(log.lines.map(({ level }) => level)).toEqual(['error', 'info']);
    expectExact();
    await ledger.close();
  });

  it('that somebody else is writing to is waited for, then tried again later', async () => {
    const { ledger, hold, clock, endTurn, expectExact } = testLedger(openStore(file));
    endTurn();
    const shell = new DatabaseSync(file);
    shell.exec('BEGIN IMMEDIATE');
    hold(1);
    const committed = ledger.committed();
    endTurn();

    await expect(committed).rejects.toBeInstanceOf(LedgerUnavailable);
    shell.close();
    clock.advance(100);

    expect(ledger.isHealthy()).toBe(true);
    expectExact();
    await ledger.close();
  });

  it('is left without a transaction when a commit fails halfway', async () => {
    let database: DatabaseSync | undefined;
    const { ledger, hold, clock, endTurn, expectExact } = testLedger(
      openSqliteStore(file, (at) => (database = new DatabaseSync(at))),
    );
    const sent = hold(10);
    endTurn();
    // Somebody's balance does not fit the entries, so that the batch is refused after its entries were inserted.
    database?.exec('UPDATE balance SET held = 0');
    ledger.settle(sent.id, charge(5));
    endTurn();
    expect(ledger.isHealthy()).toBe(false);
    expect(database?.isTransaction).toBe(false);

    database?.exec('UPDATE balance SET held = 10');
    clock.advance(100);

    expect(ledger.isHealthy()).toBe(true);
    expectExact();
    await ledger.close();
  });
});
