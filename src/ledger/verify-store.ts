/** Verification of a file that no gateway is running on: the balances that it keeps against its entries. */
import type { AuditReport } from '../core/ledger.ts';
import { differenceOf, totalsIn } from './balance.ts';
import type { LedgerStore } from './store.ts';
import { otherDifferences, verifyEntries } from './verify.ts';

/** One report for each month of the file. Changes nothing: holds that a crash left open stay open. */
export function verifyStore(store: LedgerStore, checkedAtMs: number): readonly AuditReport[] {
  const { fromEntries, entriesByMonth, problemsByMonth } = verifyEntries(store);
  const kept = store.balances();
  const months = new Set([...kept, ...fromEntries].map(({ month }) => month));
  return [...months].toSorted().map((month) => {
    const entries = totalsIn(fromEntries, month);
    const stored = totalsIn(kept, month);
    return {
      month,
      entriesChecked: entriesByMonth.get(month) ?? 0,
      drift: differenceOf(entries, stored),
      totals: stored,
      checkedAtMs,
      problems: [...(problemsByMonth.get(month) ?? []), ...otherDifferences(entries, stored)],
    };
  });
}
