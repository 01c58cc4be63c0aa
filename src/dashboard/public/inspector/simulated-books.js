/** The money of a simulated month: what a ledger knows of it, without the entries. Whole nano-dollars. */
import { nanoUsd } from '../../../core/money.ts';

export class SimulatedBooks {
  #totals;
  #entries = 0;
  #limit = null;

  constructor(month, spentNano) {
    this.#totals = emptyTotals(month, spentNano);
  }

  /** @param {number | null} limit null: nothing is enforced */
  enforce(limit) {
    this.#limit = limit;
  }

  totals() {
    return this.#totals;
  }

  headroom() {
    const { settled, suspense, held } = this.#totals;
    return this.#limit === null ? null : Math.max(0, this.#limit - settled - suspense - held);
  }

  /** Requests of a simulation end at once, so a hold is its own charge. */
  reserve(request) {
    return {
      kind: 'held',
      hold: { ...request, id: 'simulated', month: this.#totals.month, heldAtMs: 0 },
    };
  }

  charge(nano) {
    this.setSettled(this.#totals.settled + nano);
  }

  setSettled(nano) {
    this.#entries += 1;
    this.#totals = { ...this.#totals, settled: nanoUsd(nano) };
  }

  openPeriod({ month }) {
    this.#totals = emptyTotals(month, 0);
    return this.#totals;
  }

  audit(checkedAtMs) {
    const totals = this.#totals;
    return { month: totals.month, entriesChecked: this.#entries, drift: 0, totals, checkedAtMs };
  }
}

function emptyTotals(month, settled) {
  return { month, settled: nanoUsd(settled), suspense: 0, held: 0, excess: 0, openHolds: 0 };
}
