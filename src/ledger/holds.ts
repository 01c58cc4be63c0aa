/**
 * The life of holds: begun once, ended once. In flight they are in memory; ended ones are remembered for a while, and
 * after that the store is asked.
 */
import { assert } from '../core/assert.ts';
import type { Charge, Hold, LedgerEntry } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { NanoUsd } from '../core/money.ts';
import { EndedHolds } from './ended-holds.ts';
import {
  adjustEntry,
  assumeEntry,
  chargeEntry,
  holdEntry,
  suspendEntry,
  voidEntry,
  type PendingEntry,
} from './entries.ts';
import { afterEntry, endedBy, endedHoldOf, type EndedHold } from './hold-history.ts';

/** While nothing can be stored, free attempts are recorded up to this many entries; beyond it they go unrecorded. */
const MAX_BACKLOG_ENTRIES = 100_000;

/** Something that a person should look at. It is in the log too. */
export interface LedgerAlarm {
  /**
   * `conflicting_charge`: a hold that had ended was charged a different amount; the difference was booked.
   * `unknown_hold`: a charge for a hold that this ledger never made; nothing was booked.
   */
  readonly kind: 'conflicting_charge' | 'unknown_hold';
  readonly holdId: string;
  readonly before: NanoUsd;
  readonly after: NanoUsd;
}

export interface HoldsOptions {
  readonly now: () => number;
  readonly log: Log;
  readonly onAlarm: (alarm: LedgerAlarm) => void;
  /** Makes an entry count at once, in memory. */
  readonly apply: (entry: LedgerEntry) => void;
  /** Sends an entry on its way to the store. */
  readonly push: (entry: PendingEntry) => void;
  /** Entries that are not stored yet, oldest first. */
  readonly pending: () => readonly PendingEntry[];
  /** Entries of a hold, stored or not. Throws when the store can not be asked. */
  readonly historyOf: (holdId: string) => readonly LedgerEntry[];
}

interface LateCharge {
  readonly holdId: string;
  readonly charge: Charge;
  readonly note: string | undefined;
}

export class Holds {
  readonly #options: HoldsOptions;
  readonly #open = new Map<string, Hold>();
  readonly #ended = new EndedHolds();
  /** Free holds beyond the backlog of a failing store. */
  readonly #unrecorded = new Map<string, Hold>();
  /** Charges for holds of which the store could not be asked yet. */
  #late: LateCharge[] = [];

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  /** Holds that were left open by an earlier process: their entries are stored and count already. */
  adopt(holds: readonly Hold[]): void {
    for (const hold of holds) this.#open.set(hold.id, hold);
  }

  begin(hold: Hold): void {
    assert(!this.#open.has(hold.id), `the hold id ${hold.id} was given twice`);
    if (this.#options.pending().length < MAX_BACKLOG_ENTRIES) {
      this.#record(hold);
      return;
    }
    if (this.#unrecorded.size === 0) {
      this.#options.log.warn('too many entries wait to be stored; free requests go unrecorded');
    }
    this.#unrecorded.set(hold.id, hold);
  }

  settle(holdId: string, charge: Charge, note: string | undefined): void {
    const hold = this.#take(holdId, charge.amount > 0);
    if (hold === undefined) this.#settleEnded({ holdId, charge, note });
    else this.#end(hold, chargeEntry('charge', hold, this.#options.now(), charge, note));
  }

  release(holdId: string, note: string): void {
    const hold = this.#take(holdId, false);
    if (hold !== undefined) this.#end(hold, voidEntry(hold, this.#options.now(), note));
  }

  suspend(holdId: string, note: string): void {
    const hold = this.#take(holdId, false);
    if (hold !== undefined) this.#end(hold, suspendEntry(hold, this.#options.now(), note));
  }

  suspendAll(note: string): void {
    for (const holdId of this.#open.keys()) this.suspend(holdId, note);
  }

  /** Charges a hold in suspense in full. */
  assume(hold: Hold): void {
    this.#end(hold, assumeEntry(hold, this.#options.now()));
  }

  /**
   * The holds that nobody may send any more, because they could not be stored: they are given back, and their entries
   * named. One that has ended meanwhile stays, with its end; a free one may be in flight already.
   */
  takeBack(queued: readonly PendingEntry[]): ReadonlySet<PendingEntry> {
    const taken = new Set<PendingEntry>();
    for (const entry of queued) {
      const hold = entry.kind === 'hold' ? this.#open.get(entry.holdId) : undefined;
      if (hold === undefined || hold.amount === 0) continue;
      const undo = voidEntry(hold, entry.atMs, '');
      this.#open.delete(hold.id);
      this.#ended.remember(endedBy(hold, undo));
      this.#options.apply(undo);
      taken.add(entry);
    }
    return taken;
  }

  /** How many charges wait for the store to say what became of their hold. */
  get lateCharges(): number {
    return this.#late.length;
  }

  /** Books the charges that had to wait until the store could be asked. */
  bookLateCharges(): void {
    const late = this.#late;
    this.#late = [];
    for (const charge of late) this.#settleEnded(charge);
  }

  #record(hold: Hold): void {
    const entry = holdEntry(hold);
    this.#options.apply(entry);
    this.#open.set(hold.id, hold);
    this.#options.push(entry);
  }

  /** The open hold, if it is one. An unrecorded one is recorded now if it costs after all, else it ends unrecorded. */
  #take(holdId: string, costs: boolean): Hold | undefined {
    const hold = this.#unrecorded.get(holdId);
    if (hold !== undefined) {
      this.#unrecorded.delete(holdId);
      const late = { ...hold, heldAtMs: this.#options.now() };
      if (costs) this.#record(late);
      else this.#ended.remember(endedBy(hold, voidEntry(late, late.heldAtMs, '')));
    }
    return this.#open.get(holdId);
  }

  #end(hold: Hold, entry: PendingEntry): void {
    this.#options.apply(entry);
    this.#open.delete(hold.id);
    this.#ended.remember(endedBy(hold, entry));
    this.#options.push(entry);
  }

  /** A charge for a hold that has ended: the truth about one in suspense, the same once more, or a contradiction. */
  #settleEnded(late: LateCharge): void {
    const { holdId, charge, note } = late;
    const { now, onAlarm } = this.#options;
    let ended = this.#ended.get(holdId);
    if (ended === undefined) {
      try {
        ended = endedHoldOf(this.#options.historyOf(holdId));
      } catch {
        this.#late.push(late);
        return;
      }
    }
    if (ended === undefined) {
      onAlarm({ kind: 'unknown_hold', holdId, before: 0, after: charge.amount });
    } else if (ended.state === 'suspended') {
      this.#end(ended.hold, chargeEntry('resolve', ended.hold, now(), charge, note));
    } else if (ended.exactPico !== charge.exactPico) {
      this.#adjust(ended, charge, note);
      onAlarm({ kind: 'conflicting_charge', holdId, before: ended.charged, after: charge.amount });
    }
  }

  #adjust(ended: EndedHold, charge: Charge, note: string | undefined): void {
    const entry = adjustEntry(ended, this.#options.now(), charge, note);
    this.#options.apply(entry);
    this.#ended.remember(afterEntry(ended, entry));
    this.#options.push(entry);
  }
}
