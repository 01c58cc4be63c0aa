/** The life of one hold, read from its entries. The same rules in memory, after a restart and in `verify`. */
import type { Hold, LedgerEntry } from '../core/ledger.ts';
import { roundUpToNano, type NanoUsd } from '../core/money.ts';

/** A hold that is no longer in flight. Void and charged are final; suspense ends with the truth or with the month. */
export interface EndedHold {
  readonly hold: Hold;
  readonly state: 'void' | 'charged' | 'suspended';
  /** What was charged, 0 for a void hold and one in suspense. */
  readonly charged: NanoUsd;
  /** The exact cost behind `charged`, in pico-dollars, as decimal digits. */
  readonly exactPico: string;
  /** Part of `charged` for which nothing was held. */
  readonly excess: NanoUsd;
}

/** The hold that an entry belongs to. Only its `hold` entry knows the amount. */
export function holdOf(entry: LedgerEntry): Hold {
  return {
    id: entry.holdId,
    requestId: entry.requestId,
    attempt: entry.attempt,
    route: entry.route,
    backend: entry.backend,
    backendKind: entry.backendKind,
    model: entry.model,
    amount: entry.kind === 'hold' ? entry.heldChange : 0,
    priceVersion: entry.priceVersion,
    priceId: entry.priceId,
    month: entry.month,
    heldAtMs: entry.atMs,
  };
}

/** What a hold is after one more entry of it. */
export function afterEntry(before: EndedHold, entry: LedgerEntry): EndedHold {
  const { hold } = before;
  if (entry.kind === 'hold') return before;
  if (entry.kind === 'void' || entry.kind === 'suspend') {
    const state = entry.kind === 'void' ? 'void' : 'suspended';
    return { hold, state, charged: 0, exactPico: '0', excess: 0 };
  }
  return {
    hold,
    state: 'charged',
    charged: before.charged + entry.settledChange,
    exactPico: String(entry.exactPico),
    excess: before.excess + entry.excessChange,
  };
}

/** What a hold in flight is after the entry that ended it. */
export function endedBy(hold: Hold, entry: LedgerEntry): EndedHold {
  return afterEntry({ hold, state: 'void', charged: 0, exactPico: '0', excess: 0 }, entry);
}

/**
 * The state of a hold that has ended, from all of its entries; undefined when there are none. An adjustment can come
 * without its hold: of a hold that was taken back because it could not be stored, and was charged all the same.
 */
export function endedHoldOf(history: readonly LedgerEntry[]): EndedHold | undefined {
  const [first] = history;
  if (first === undefined) return undefined;
  const hold = holdOf(first);
  let state = endedBy(hold, first);
  for (const entry of history.slice(1)) state = afterEntry(state, entry);
  return state;
}

/**
 * True when a charge's amount is its exact cost rounded up to a nano-dollar. Costs of a million USD and more are taken
 * for a mistake: no request comes near it, and 18 digits are safe to compute with.
 */
export function isExact(amount: NanoUsd, exactPico: string): boolean {
  return /^\d{1,18}$/.test(exactPico) && amount === roundUpToNano(BigInt(exactPico));
}
