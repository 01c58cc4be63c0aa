/** Faults in months, and in what the charts know of the totals. */
import { mutant, type Mutant } from './mutant.ts';

export const MONTH_MUTANTS: readonly Mutant[] = [
  mutant(
    'a charge counts in the month in which it comes',
    'src/ledger/ledger.ts',
    'apply: (entry) => this.#months.apply(entry),',
    'apply: (entry) => this.#months.apply({ ...entry, month: this.#months.period.month }),',
  ),
  mutant(
    'a charge is stored in the month in which it comes',
    'src/ledger/ledger.ts',
    'push: (entry) => this.#queue.push(entry),',
    "push: (entry) =>\n        this.#queue.push(\n          entry.kind === 'charge' ? { ...entry, month: this.#months.period.month } : entry,\n        ),",
  ),
  mutant(
    'a retry does not look at the clock',
    'src/http/admission.ts',
    '      control.noticeTime(clock.now());\n      const choice',
    '      const choice',
  ),
  mutant(
    'a month is turned one instant late',
    'src/control/month-control.ts',
    'if (nowMs < this.#period.endsAtMs || this.#isTurning) return;',
    'if (nowMs <= this.#period.endsAtMs || this.#isTurning) return;',
  ),
  mutant(
    'a month is turned twice',
    'src/control/month-control.ts',
    'this.#options.openMonth(this.#period, next);',
    'this.#options.openMonth(this.#period, next);\n        this.#options.openMonth(this.#period, next);',
  ),
  mutant(
    'only one of several months is turned',
    'src/control/month-control.ts',
    'for (let next = this.#due[0]; next; next = this.#due[0]) {',
    'for (const next of this.#due.slice(0, 1)) {',
  ),
  mutant(
    'a clock that went back opens an earlier month again',
    'src/ledger/ledger.ts',
    'if (period.month < month) {',
    "if (period.month < month && month === '') {",
  ),
  mutant(
    'entries go back in time with the clock',
    'src/ledger/ledger.ts',
    'this.#seenAtMs = Math.max(this.#seenAtMs, Math.trunc(this.#options.clock.now()));',
    'this.#seenAtMs = Math.trunc(this.#options.clock.now());',
  ),
  mutant(
    'the latest time is forgotten by a restart',
    'src/ledger/ledger.ts',
    'this.#seenAtMs = state.seenAtMs;',
    'this.#seenAtMs = 0 * state.seenAtMs;',
  ),
  mutant(
    'what is in suspense at the end of a month is forgiven',
    'src/ledger/entries.ts',
    '    suspense: 0 - amount,\n    settled: amount,\n    evidence,',
    '    suspense: 0 - amount,\n    settled: 0 * amount,\n    evidence,',
  ),
  mutant(
    'old months are never closed',
    'src/ledger/ledger.ts',
    'if (this.#queue.pending.length === 0) this.#closeOldMonths();',
    '',
  ),
  mutant(
    'the totals are not told to the chart',
    'src/control/budget-control.ts',
    'this.#gate.totalsChanged(totals);',
    'void totals;',
  ),
  mutant(
    'the gate passes one nano-dollar late',
    'src/control/spend-gate.ts',
    'if (spending >= range.belowNano || spending < range.fromNano) this.flush();',
    'if (spending > range.belowNano || spending < range.fromNano) this.flush();',
  ),
  mutant(
    'the gate does not pass what falls below its range',
    'src/control/spend-gate.ts',
    'if (spending >= range.belowNano || spending < range.fromNano) this.flush();',
    'if (spending >= range.belowNano) this.flush();',
  ),
  mutant(
    'the gate is not flushed before another event',
    'src/control/budget-control.ts',
    '      this.#gate.flush();\n      this.#send(event);',
    '      this.#send(event);',
  ),
  mutant(
    'a changed limit is not told to the chart',
    'src/control/budget-control.ts',
    "this.#tell({ type: 'budget.changed', ...limits });",
    '',
  ),
  mutant(
    'the chart is not told that a month turned',
    'src/control/start-control-plane.ts',
    'this.#budget?.monthTurned(opened);',
    'void opened;',
  ),
  mutant(
    'the hard limit is reached one nano-dollar late',
    'machines/budget-reconciler.machine.ts',
    'spendingOf(context) >= context.limitNano,',
    'spendingOf(context) > context.limitNano,',
  ),
  mutant(
    'the soft limit is rounded down',
    'machines/budget-reconciler.machine.ts',
    'return Number((share + hundred - 1n) / hundred);',
    'return Number(share / hundred);',
  ),
  mutant(
    'that nothing fits is believed while holds are open',
    'src/http/choose-attempt.ts',
    'if (ledger.totals().held > 0) return false;',
    '',
  ),
  mutant(
    'that nothing fits outlives a raised limit',
    'machines/budget-reconciler.machine.ts',
    'nothingFitsAtNano: limitNano > context.limitNano ? null : context.nothingFitsAtNano,',
    '',
  ),
  mutant(
    'suspense does not count as spending',
    'machines/budget-reconciler.machine.ts',
    'return settledNano + suspenseNano;',
    'return settledNano + 0 * suspenseNano;',
  ),
  mutant(
    'a status is not published',
    'src/control/budget-control.ts',
    'this.#tellStanding({ status, action, limitNano, month });',
    "if (status !== 'SoftLimit') this.#tellStanding({ status, action, limitNano, month });",
  ),
];
