import type { Hold } from '../../src/core/ledger.ts';
import type { Batch, Checkpoint, LedgerStore, StoreState } from '../../src/ledger/store.ts';

/**
 * What goes wrong with the next batches. `append`: nothing is stored. `reply`: the batch is stored, but that is not
 * reported. `everything`: like `append`, and nothing can be read. `lost reply`: stored, not reported, and nothing can be
 * read.
 */
type Fault = 'none' | 'append' | 'reply' | 'everything' | 'lost reply';

/** A store in front of a real one, which a test can break and mend. */
export class FaultyStore implements LedgerStore {
  fault: Fault = 'none';
  /** Batches that reached the real store. */
  readonly stored: Batch[] = [];
  /** Calls of `append`, with or without success. */
  tries = 0;
  readonly #inner: LedgerStore;

  constructor(inner: LedgerStore) {
    this.#inner = inner;
  }

  append(batch: Batch): void {
    this.tries += 1;
    if (this.fault === 'append' || this.fault === 'everything') throw new Error('the disk is gone');
    this.#inner.append(batch);
    this.stored.push(structuredClone(batch));
    if (this.fault !== 'none') throw new Error('the reply is lost');
  }

  load(): StoreState {
    return this.#readable().load();
  }

  lastSeq(): number {
    return this.#readable().lastSeq();
  }

  prices(): ReturnType<LedgerStore['prices']> {
    return this.#readable().prices();
  }

  balances(): ReturnType<LedgerStore['balances']> {
    return this.#readable().balances();
  }

  sumsAfter(seq: number): Checkpoint {
    return this.#readable().sumsAfter(seq);
  }

  entries(query: Parameters<LedgerStore['entries']>[0]): ReturnType<LedgerStore['entries']> {
    return this.#readable().entries(query);
  }

  entriesOfHold(holdId: string): ReturnType<LedgerStore['entriesOfHold']> {
    return this.#readable().entriesOfHold(holdId);
  }

  suspendedHolds(month: string, limit: number): readonly Hold[] {
    return this.#readable().suspendedHolds(month, limit);
  }

  scan(): ReturnType<LedgerStore['scan']> {
    return this.#readable().scan();
  }

  forgotten(): Checkpoint {
    return this.#readable().forgotten();
  }

  close(): void {
    this.#inner.close();
  }

  #readable(): LedgerStore {
    if (this.fault === 'everything' || this.fault === 'lost reply') {
      throw new Error('the store can not be read');
    }
    return this.#inner;
  }
}
