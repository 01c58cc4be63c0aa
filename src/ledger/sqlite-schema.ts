/** The ledger's file format. Entries are the truth; everything else here is kept so that nothing has to be summed again. */
import type { DatabaseSync } from 'node:sqlite';
import { MAX_NANO_USD } from '../core/money.ts';
import { LedgerFileError } from './file-error.ts';

/** "NXUS", so that `file` and this code can tell a ledger from any other SQLite database. */
const APPLICATION_ID = 0x4e58_5553;

// `OR` and `BETWEEN` instead of `IN` and `abs()`: half the time of an insert went into building the set for `IN`.
function change(column: string): string {
  return `${column} INTEGER NOT NULL CHECK (${column} BETWEEN -${MAX_NANO_USD} AND ${MAX_NANO_USD})`;
}

function oneOf(column: string, values: readonly string[]): string {
  return values.map((value) => `${column} = '${value}'`).join(' OR ');
}

const KINDS = ['hold', 'charge', 'void', 'suspend', 'resolve', 'adjust'];

const BALANCES = `
  settled INTEGER NOT NULL CHECK (settled >= 0),
  suspense INTEGER NOT NULL CHECK (suspense >= 0),
  held INTEGER NOT NULL CHECK (held >= 0),
  excess INTEGER NOT NULL CHECK (excess >= 0),
  open_holds INTEGER NOT NULL CHECK (open_holds >= 0)`;

const FORMAT_1 = `
CREATE TABLE period (
  month TEXT PRIMARY KEY CHECK (month GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]'),
  starts_at_ms INTEGER NOT NULL,
  ends_at_ms INTEGER NOT NULL CHECK (ends_at_ms > starts_at_ms),
  next_reset_date TEXT NOT NULL,
  is_closed INTEGER NOT NULL CHECK (is_closed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  kind TEXT NOT NULL CHECK (${oneOf('kind', KINDS)}),
  at_ms INTEGER NOT NULL,
  month TEXT NOT NULL REFERENCES period (month),
  ${change('held_change')},
  ${change('suspense_change')},
  ${change('settled_change')},
  ${change('excess_change')},
  hold_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  backend TEXT NOT NULL,
  backend_kind TEXT NOT NULL CHECK (${oneOf('backend_kind', ['cloud', 'local'])}),
  model TEXT NOT NULL,
  basis TEXT CHECK (${oneOf('basis', ['provider', 'metered', 'assumed'])}),
  exact_pico TEXT,
  usage TEXT,
  price_version TEXT NOT NULL,
  note TEXT
) STRICT;

-- A hold begins once and ends once; only adjustments may be many. The database itself refuses anything else.
CREATE UNIQUE INDEX entry_by_hold ON entry (
  hold_id,
  CASE kind WHEN 'hold' THEN 0 WHEN 'resolve' THEN 2 WHEN 'adjust' THEN 2 + seq ELSE 1 END
);
CREATE INDEX entry_by_request ON entry (request_id);

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never changed'); END;
CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never deleted'); END;

-- Caches of the entries, moved in the same transaction.
CREATE TABLE balance (
  month TEXT PRIMARY KEY REFERENCES period (month),
  ${BALANCES},
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE unresolved (
  hold_id TEXT PRIMARY KEY,
  hold_seq INTEGER NOT NULL REFERENCES entry (seq),
  state TEXT NOT NULL CHECK (state IN ('held', 'suspended'))
) STRICT, WITHOUT ROWID;

-- Sums of the entries up to a seq, so that a start and an audit read only what came after it.
CREATE TABLE checkpoint (
  month TEXT PRIMARY KEY,
  settled INTEGER NOT NULL,
  suspense INTEGER NOT NULL,
  held INTEGER NOT NULL,
  excess INTEGER NOT NULL,
  open_holds INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seen_at_ms INTEGER NOT NULL,
  checkpoint_seq INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, 0);

PRAGMA application_id = ${APPLICATION_ID};
`;

/**
 * Prices stay behind the charges that were made by them, and entries say which, and by which route the request came.
 * Entries from before have neither: they are never changed, and can not be recomputed.
 */
const FORMAT_2 = `
CREATE TABLE price (
  id TEXT PRIMARY KEY,
  price TEXT NOT NULL CHECK (json_valid(price))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER price_is_never_changed BEFORE UPDATE ON price
BEGIN SELECT RAISE(ABORT, 'prices of the ledger are never changed'); END;
CREATE TRIGGER price_is_never_deleted BEFORE DELETE ON price
BEGIN SELECT RAISE(ABORT, 'prices of the ledger are never deleted'); END;

ALTER TABLE entry ADD COLUMN route TEXT;
ALTER TABLE entry ADD COLUMN price_id TEXT REFERENCES price (id);
`;

/** What brings a file from each format to the next. A new file goes through all of them, so that all files are alike. */
const FORMATS: readonly string[] = [FORMAT_1, FORMAT_2];

/** The value of a pragma. */
export function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).all().flatMap(Object.values)[0];
}

/** The format of a file, 0 for one without anything in it. Throws when it is something else than a ledger that this code knows. */
export function versionOf(database: DatabaseSync, path: string): number {
  const applicationId = pragma(database, 'application_id');
  const version = Number(pragma(database, 'user_version'));
  const { objects } = {
    ...database.prepare('SELECT count(*) AS objects FROM sqlite_schema').get(),
  };
  if (applicationId === 0 && version === 0 && objects === 0) return 0;
  if (applicationId !== APPLICATION_ID) {
    throw new LedgerFileError(
      `${path} is a database of another program, not a Nexus ledger. Set [ledger] path to a file of its own.`,
    );
  }
  if (version > FORMATS.length) {
    throw new LedgerFileError(
      `The ledger ${path} has format ${version}; this Nexus reads and writes format ${FORMATS.length}. It was written by a newer version: run that one.`,
    );
  }
  return version;
}

/** Makes what the file lacks of the present format, all or nothing. */
export function bringUpToDate(database: DatabaseSync, version: number): void {
  if (version === FORMATS.length) return;
  database.exec('BEGIN IMMEDIATE');
  for (const format of FORMATS.slice(version)) database.exec(format);
  database.exec(`PRAGMA user_version = ${FORMATS.length}`);
  database.exec('COMMIT');
}
