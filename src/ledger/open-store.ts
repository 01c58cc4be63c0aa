/** The store that `[ledger] path` names. */
import { MemoryStore } from './memory-store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { LedgerStore } from './store.ts';

/** A file, or `:memory:` for one that is forgotten when the process ends. Throws `LedgerFileError`. */
export function openStore(path: string): LedgerStore {
  return path === ':memory:' ? new MemoryStore() : openSqliteStore(path);
}
