/** Verification of a file that no gateway is running on: its balances against its entries, its charges against their evidence. */
import type { AuditReport } from '../core/ledger.ts';
import { differenceOf, totalsIn } from './balance.ts';
import type { CostOf } from './recompute.ts';
import type { LedgerStore } from './store.ts';
import { otherDifferences, verifyEntries } from './verify.ts';

/** One report for each month of the file. Changes nothing: holds that a crash left open stay open. */
export function verifyStore(
  store: LedgerStore,
  checkedAtMs: number,
  costOf?: CostOf,
): readonly AuditReport[] {
  const { fromEntries, entriesByMonth, problemsByMonth, recomputationOf } = verifyEntries(
    store,
    costOf,
  );
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
      ...(recomputationOf !== null && { recomputation: recomputationOf(month) }),
    };
  });
}
