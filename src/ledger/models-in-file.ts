/** Which models a ledger file has seen. Reads beside a gateway that owns the file, and changes nothing. */
import { DatabaseSync } from 'node:sqlite';
import { fileError } from './file-error.ts';
import { versionOf } from './sqlite-schema.ts';

export interface ModelInFile {
  readonly backend: string;
  readonly model: string;
}

function read(database: DatabaseSync, path: string): readonly ModelInFile[] {
  if (versionOf(database, path) === 0) return [];
  const rows = database
    .prepare('SELECT DISTINCT backend, model FROM entry ORDER BY backend, model')
    .all();
  return rows.map(({ backend, model }) => ({ backend: String(backend), model: String(model) }));
}

/** Backend and model of every entry, each pair once. Throws `LedgerFileError`. */
export function modelsInFile(path: string): readonly ModelInFile[] {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    const models = read(database, path);
    database.close();
    return models;
  } catch (error) {
    database?.close();
    throw fileError(path, error);
  }
}
