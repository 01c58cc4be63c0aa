/**
 * The storage of a world. It outlives every process in it and does to each of them what disks do: it refuses, it stores
 * and loses the reply, it can not be read, and the process can die in the middle of a write.
 */
import type { LedgerEntry, MonthTotals } from '../../src/core/ledger.ts';
import type { Batch, LedgerStore } from '../../src/ledger/store.ts';

/**
 * `refuses`: nothing is stored, as on a full or read-only disk. `loses replies`: the batch is stored and the writer told
 * that it is not.
 */
export type DiskFault = 'none' | 'refuses' | 'loses replies';

/** When the process dies in its next write: with the batch stored or not. */
type Death = 'none' | 'before it is stored' | 'after it is stored';

/** One hold as the stored entries tell it, read by rules of their own. */
export interface StoredHold {
  readonly amount: number;
  readonly month: string;
  fate: 'open' | 'void' | 'suspended' | 'charged';
  charged: number;
  /** The exact cost behind `charged`, in pico-dollars. */
  exactPico: string;
  excess: number;
}

/** The process that writes. */
export interface DiskOwner {
  readonly isAlive: boolean;
  /** The batch is stored, and the writer is about to learn of it. */
  stored(entries: readonly LedgerEntry[]): void;
  /** The writer is about to learn that the batch was not stored, whether that is true or not. */
  failed(): void;
  die(): void;
  /** The real store found a rule of the ledger broken. */
  broke(rule: string): void;
}

class DeadProcess extends Error {
  override readonly name = 'DeadProcess';
}

export class SimulatedDisk {
  readonly holds = new Map<string, StoredHold>();
  /** The latest month that was opened. */
  latestMonth = '';
  fault: DiskFault = 'none';
  isUnreadable = false;
  /** Writes until the fault goes away by itself. */
  failuresLeft = 0;
  death: Death = 'none';
  /** Money that is added to what the store reports as the balance of each month, to see whether an audit notices. */
  rot = 0;
  faults = 0;
  readonly #open: () => LedgerStore;
  #inner: LedgerStore;

  /** `open` gives the same storage again each time: what was stored in it stays. */
  constructor(open: () => LedgerStore) {
    this.#open = open;
    this.#inner = open();
  }

  /** The storage as a process sees it; a dead one can neither read nor write any more. */
  connect(owner: DiskOwner): LedgerStore {
    const read = (): LedgerStore => {
      if (!owner.isAlive) throw new DeadProcess('the process is dead');
      if (this.isUnreadable) throw new Error('the disk can not be read');
      return this.#inner;
    };
    return {
      load: () => read().load(),
      append: (batch) => this.#append(owner, batch),
      lastSeq: () => read().lastSeq(),
      prices: () => read().prices(),
      balances: () => this.#rotten(read().balances()),
      sumsAfter: (seq) => read().sumsAfter(seq),
      entries: (query) => read().entries(query),
      entriesOfHold: (holdId) => read().entriesOfHold(holdId),
      suspendedHolds: (month, limit) => read().suspendedHolds(month, limit),
      scan: () => read().scan(),
      forgotten: () => read().forgotten(),
      close: () => undefined,
    };
  }

  /** What a restart of the machine does to a store in a file. */
  reopen(): void {
    this.#inner.close();
    this.#inner = this.#open();
  }

  close(): void {
    this.#inner.close();
  }

  mend(): void {
    this.fault = 'none';
    this.isUnreadable = false;
  }

  #rotten(balances: readonly MonthTotals[]): readonly MonthTotals[] {
    if (this.rot === 0) return balances;
    return balances.map((totals) => ({ ...totals, settled: totals.settled + this.rot }));
  }

  #append(owner: DiskOwner, batch: Batch): void {
    if (!owner.isAlive) throw new DeadProcess('the process is dead');
    const { death, fault } = this;
    this.death = 'none';
    if (death === 'before it is stored') this.#kill(owner);
    if (fault !== 'refuses') this.#store(owner, batch);
    if (death === 'after it is stored') this.#kill(owner);
    if (fault === 'none') {
      owner.stored(batch.entries);
      return;
    }
    this.faults += 1;
    this.failuresLeft -= 1;
    if (this.failuresLeft <= 0) this.mend();
    owner.failed();
    throw new Error(fault === 'refuses' ? 'the disk is full' : 'the reply of the disk is lost');
  }

  #kill(owner: DiskOwner): never {
    owner.die();
    throw new DeadProcess('the process died in a write');
  }

  #store(owner: DiskOwner, batch: Batch): void {
    // Copies: what is on a disk does not change with what its writer does to its own memory afterwards.
    const entries = batch.entries.map((entry) => ({ ...entry }));
    try {
      this.#inner.append({ ...batch, entries });
    } catch (error) {
      if (error instanceof Error && error.name === 'AssertionFailure') owner.broke(error.message);
      throw error;
    }
    for (const { period } of batch.periods)
      if (period.month > this.latestMonth) this.latestMonth = period.month;
    for (const entry of entries) this.#follow(entry);
  }

  #follow(entry: LedgerEntry): void {
    const { kind, holdId, month } = entry;
    if (kind === 'hold') {
      const amount = entry.heldChange;
      this.holds.set(holdId, {
        amount,
        month,
        fate: 'open',
        charged: 0,
        exactPico: '0',
        excess: 0,
      });
      return;
    }
    const hold = this.holds.get(holdId);
    if (hold === undefined) return;
    if (kind === 'void') hold.fate = 'void';
    else if (kind === 'suspend') hold.fate = 'suspended';
    else {
      hold.fate = 'charged';
      hold.charged += entry.settledChange;
      hold.excess += entry.excessChange;
      hold.exactPico = entry.exactPico ?? '';
    }
  }
}
