/** A query for entries as SQL. */
import type { SQLInputValue } from 'node:sqlite';
import type { EntryQuery } from '../core/ledger.ts';

/** The filter of a query. A month is looked for between its first and last entry only. */
export function conditionsOf(query: EntryQuery): { where: string; values: SQLInputValue[] } {
  const { month, kind, model, backend, requestId, afterSeq, beforeSeq } = query;
  const given = [
    ['month = ?', month],
    ['seq >= (SELECT first_seq FROM balance WHERE month = ?)', month],
    ['seq <= (SELECT last_seq FROM balance WHERE month = ?)', month],
    ['kind = ?', kind],
    ['model = ?', model],
    ['backend = ?', backend],
    ['request_id = ?', requestId],
    ['seq > ?', afterSeq],
    ['seq < ?', beforeSeq],
  ] as const;
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  for (const [condition, value] of given) {
    if (value === undefined) continue;
    conditions.push(condition);
    values.push(value);
  }
  return { where: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, values };
}
