/** What can be wrong with the ledger's file, said so that an operator knows what to do. */
import { asError } from './as-error.ts';

/** The ledger's file can not be used. The message is for people. */
export class LedgerFileError extends Error {
  override readonly name = 'LedgerFileError';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** SQLite's primary result codes, https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const ADVICE: Readonly<Record<number, string>> = {
  3: 'access to it is denied; give the gateway read and write permission on the file and its folder',
  8: 'it is read-only; give the gateway write permission on the file and its folder',
  10: 'reading or writing it failed; check the disk',
  11: 'it is damaged; restore a backup, or move it away to start a new ledger',
  13: 'the disk is full; free some space',
  14: 'it can not be opened; check that the folder exists and that the gateway may write to it',
  26: 'it is not a SQLite database; [ledger] path must name a ledger or a new file',
};

/** The primary result code of an error from SQLite, or null for any other. */
function sqliteCodeOf(error: unknown): number | null {
  return Error.isError(error) && 'errcode' in error ? Number(error.errcode) & 0xff : null;
}

export function isBusy(error: unknown): boolean {
  return sqliteCodeOf(error) === SQLITE_BUSY;
}

/** An error of the file system or of SQLite as one that says what to do. */
export function fileError(path: string, thrown: unknown): LedgerFileError {
  if (thrown instanceof LedgerFileError) return thrown;
  const advice = ADVICE[sqliteCodeOf(thrown) ?? 0];
  const { message } = asError(thrown);
  const what = advice === undefined ? message : `${advice} (${message})`;
  return new LedgerFileError(`The ledger ${path} can not be used: ${what}.`, thrown);
}
