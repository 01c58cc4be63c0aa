/** Faults in what is stored, and in what is made of it after a failure or a crash. */
import { mutant, type Mutant } from './mutant.ts';

export const DURABILITY_MUTANTS: readonly Mutant[] = [
  mutant(
    'the commit is not awaited before the call is sent',
    'src/http/model-call.ts',
    'await durable;',
    'void durable?.catch(() => undefined);',
  ),
  mutant(
    'a commit is reported at once',
    'src/ledger/commit-queue.ts',
    'if (this.#entries.length === 0) return Promise.resolve();',
    'if (this.#entries.length >= 0) return Promise.resolve();',
  ),
  mutant(
    'a failed commit is reported as done',
    'src/ledger/commit-queue.ts',
    'for (const waiter of this.#waiters) waiter.reject(reason);',
    'for (const waiter of this.#waiters) waiter.resolve();',
  ),
  mutant(
    'the holds of a failed batch are not taken back',
    'src/ledger/holds.ts',
    'if (hold === undefined || hold.amount === 0) continue;',
    'if (hold === undefined || hold.amount >= 0) continue;',
  ),
  mutant(
    'the holds of a failed batch are taken back twice',
    'src/ledger/holds.ts',
    '      this.#options.apply(undo);\n      taken',
    '      this.#options.apply(undo);\n      this.#options.apply(undo);\n      taken',
  ),
  mutant(
    'the entries of a failed commit are lost',
    'src/ledger/commit-queue.ts',
    'this.#entries = this.#entries.filter((entry) => !takenBack.has(entry));',
    'this.#entries = [];',
  ),
  mutant(
    'a batch whose reply was lost is stored again',
    'src/ledger/commit-queue.ts',
    'if (stored !== 0) {',
    'if (stored < 0) {',
  ),
  mutant(
    'holds that were stored and taken back stay open in the file',
    'src/ledger/commit-queue.ts',
    'this.#entries = [...voids, ...kept];',
    'this.#entries = kept;',
  ),
  mutant(
    'a failing store is never tried again',
    'src/ledger/commit-queue.ts',
    '      this.#storeNext();\n      if (this.#hasWork()) this.#schedule();\n    }, retryMs);',
    '      void this.#hasWork();\n    }, retryMs);',
  ),
  {
    name: 'a recovery drops the holds that were open',
    edits: [
      {
        file: 'src/ledger/ledger.ts',
        find: 'this.#holds.adopt(openHolds);',
        replace: 'this.#holds.adopt(openHolds.slice(1));',
      },
      {
        file: 'src/ledger/ledger.ts',
        find: "    assert(isClean, 'the open holds in the store do not agree with its entries');\n",
        replace: '    void isClean;\n',
      },
    ],
  },
  mutant(
    'a recovery gives open holds back',
    'src/ledger/ledger.ts',
    "this.#holds.suspendAll('crash recovery');",
    "for (const { id } of openHolds) this.#holds.release(id, 'crash recovery');",
  ),
  mutant(
    'sums forget what was checked before',
    'src/ledger/audit.ts',
    'months: sumOfMonths(this.#checkpoint.months, since.months),',
    'months: since.months,',
  ),
  mutant(
    'an audit that always finds a drift of 0',
    'src/ledger/audit.ts',
    'return { month, entriesChecked, drift, totals, checkedAtMs: now() };',
    'return { month, entriesChecked, drift: 0 * drift, totals, checkedAtMs: now() };',
  ),
];
