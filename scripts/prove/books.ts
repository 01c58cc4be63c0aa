/**
 * What the ledger should say, kept in the plainest way: a list of holds with their fates, and sums of them by month. It
 * knows nothing of entries, batches or files.
 */
import type { Hold } from '../../src/core/ledger.ts';
import type { SimulatedCall } from './simulated-call.ts';
import type { StoredHold } from './simulated-disk.ts';

export interface HoldRecord {
  readonly id: string;
  readonly requestId: string;
  readonly backend: string;
  readonly model: string;
  readonly amount: number;
  readonly month: string;
  fate: StoredHold['fate'];
  charged: number;
  /** The exact cost behind `charged`, in pico-dollars. */
  exactPico: string;
  excess: number;
  /** The ledger was told that its entry is stored. */
  isStored: boolean;
  /** The call that was sent for it. */
  call: SimulatedCall | null;
  /** The number of the process that ended it; 0 for one that is dead. */
  endedInLife: number;
  /** What the provider billed beyond what the hold counts for. */
  unseen: number;
}

export interface MonthSums {
  settled: number;
  suspense: number;
  held: number;
  excess: number;
  openHolds: number;
}

export class Books {
  readonly holds = new Map<string, HoldRecord>();
  /** The same, oldest first, to choose from. */
  all: HoldRecord[] = [];
  /** The number of the process that is alive. */
  life = 0;
  /** Holds that cost money and of which the ledger was not told yet that they are stored. */
  readonly #unstored = new Set<HoldRecord>();
  readonly #months = new Map<string, MonthSums>();

  monthNames(): readonly string[] {
    return [...this.#months.keys()];
  }

  month(name: string): MonthSums {
    let sums = this.#months.get(name);
    if (sums === undefined) {
      sums = { settled: 0, suspense: 0, held: 0, excess: 0, openHolds: 0 };
      this.#months.set(name, sums);
    }
    return sums;
  }

  /** All money of a month that is spent, may be spent, or is set aside. */
  committedIn(name: string): number {
    const { settled, suspense, held } = this.month(name);
    return settled + suspense + held;
  }

  spendingIn(name: string): number {
    const { settled, suspense } = this.month(name);
    return settled + suspense;
  }

  begin({ id, requestId, backend, model, amount, month }: Hold): HoldRecord {
    const record: HoldRecord = {
      id,
      requestId,
      backend,
      model,
      amount,
      month,
      fate: 'open',
      charged: 0,
      exactPico: '0',
      excess: 0,
      isStored: false,
      call: null,
      endedInLife: 0,
      unseen: 0,
    };
    this.holds.set(id, record);
    this.all.push(record);
    if (amount > 0) this.#unstored.add(record);
    this.#count(record, 1);
    return record;
  }

  stored(holdId: string): void {
    const record = this.holds.get(holdId);
    if (record === undefined) return;
    record.isStored = true;
    this.#unstored.delete(record);
  }

  /** A write failed: what was waiting for it and costs money is taken back, unless it has ended meanwhile. */
  takeBack(): void {
    for (const record of this.#unstored)
      if (record.fate === 'open') this.#become(record, 'void', 0, 0);
    this.#unstored.clear();
  }

  release(record: HoldRecord): void {
    if (record.fate === 'open') this.#become(record, 'void', 0, 0);
  }

  suspend(record: HoldRecord): void {
    if (record.fate === 'open') this.#become(record, 'suspended', 0, 0);
  }

  /** A charge, first or changed. Only what nothing was held for is an excess; what is given back lessens it first. */
  charge(record: HoldRecord, amount: number, exactPico: string): void {
    record.exactPico = exactPico;
    if (record.fate === 'charged') {
      const change = amount - record.charged;
      const excess = record.excess + (change > 0 ? change : -Math.min(-change, record.excess));
      this.#become(record, 'charged', amount, excess);
    } else this.#become(record, 'charged', amount, Math.max(0, amount - record.amount));
  }

  /** A process began from what is on the disk: all else never was. Returns the records of which nothing is stored. */
  recover(stored: ReadonlyMap<string, StoredHold>): readonly HoldRecord[] {
    const lost: HoldRecord[] = [];
    this.life += 1;
    this.#months.clear();
    this.#unstored.clear();
    const kept: HoldRecord[] = [];
    for (const record of this.all) {
      const found = stored.get(record.id);
      if (found === undefined) {
        this.holds.delete(record.id);
        lost.push(record);
        continue;
      }
      kept.push(record);
      record.fate = found.fate;
      record.charged = found.charged;
      record.exactPico = found.exactPico;
      record.excess = found.excess;
      record.isStored = true;
      record.endedInLife = 0;
      this.#count(record, 1);
    }
    this.all = kept;
    return lost;
  }

  #become(record: HoldRecord, fate: HoldRecord['fate'], charged: number, excess: number): void {
    this.#count(record, -1);
    record.endedInLife = this.life;
    record.fate = fate;
    record.charged = charged;
    record.excess = excess;
    this.#count(record, 1);
  }

  #count({ month, amount, fate, charged, excess }: HoldRecord, sign: 1 | -1): void {
    const sums = this.month(month);
    if (fate === 'open') {
      sums.held += sign * amount;
      sums.openHolds += sign;
    } else if (fate === 'suspended') sums.suspense += sign * amount;
    else if (fate === 'charged') {
      sums.settled += sign * charged;
      sums.excess += sign * excess;
    }
  }
}
