/**
 * One process owns a ledger file. The lock is a write transaction on a small SQLite database beside it, open for the
 * life of the process: the operating system gives it back however the process ends, so there is no stale lock, and
 * others can still read in it who holds it.
 */
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { fileError, isBusy, LedgerFileError } from './file-error.ts';

/** A restart may overlap the last moments of the process before it. */
const WAIT_MS = 300;

export interface OwnerLock {
  release(): void;
}

/** Takes the lock of a ledger file. Throws `LedgerFileError` that names the process which holds it. */
export function takeOwnership(ledgerPath: string): OwnerLock {
  const path = `${ledgerPath}.lock`;
  const database = new DatabaseSync(path, { timeout: WAIT_MS });
  try {
    // The lock is let go for an instant, to publish the name, and taken again: who then comes in between is the owner.
    database.exec('BEGIN IMMEDIATE');
    database.exec(`
      CREATE TABLE IF NOT EXISTS owner (pid INTEGER NOT NULL, host TEXT NOT NULL) STRICT;
      DELETE FROM owner;
    `);
    database.prepare('INSERT INTO owner VALUES (?, ?)').run(process.pid, hostname());
    database.exec('COMMIT');
    database.exec('BEGIN IMMEDIATE');
  } catch (error) {
    const owner = isBusy(error) ? ownerIn(database) : null;
    database.close();
    if (owner === null) throw fileError(path, error);
    throw new LedgerFileError(
      `The ledger ${ledgerPath} is in use by ${owner}. One gateway owns a ledger: stop the other one, or set another [ledger] path.`,
      error,
    );
  }
  return { release: () => database.close() };
}

/** The process that holds the lock, in words. */
function ownerIn(database: DatabaseSync): string {
  try {
    const owner = database.prepare('SELECT pid, host FROM owner').get();
    return owner === undefined
      ? 'another process'
      : `process ${String(owner['pid'])} on ${String(owner['host'])}`;
  } catch {
    return 'another process';
  }
}
