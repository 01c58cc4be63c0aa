/** The entries that each step in the life of a hold makes. Pure: what changes and by how much is decided here. */
import type { Charge, EntryKind, Hold, LedgerEntry } from '../core/ledger.ts';
import { toPico, type NanoUsd } from '../core/money.ts';
import type { EndedHold } from './hold-history.ts';

/** An entry that is not stored yet: its `seq` is given when its batch is. */
export interface PendingEntry extends Omit<LedgerEntry, 'seq'> {
  seq: number;
}

type Evidence = Pick<LedgerEntry, 'basis' | 'exactPico' | 'usage' | 'estimatedInput'>;

const NO_EVIDENCE: Evidence = { basis: null, exactPico: null, usage: null };

interface Step {
  readonly kind: EntryKind;
  readonly atMs: number;
  readonly held?: number;
  readonly suspense?: number;
  readonly settled?: number;
  readonly excess?: number;
  readonly evidence?: Evidence;
  readonly note?: string | undefined;
}

function entryOf(hold: Hold, step: Step): PendingEntry {
  const { basis, exactPico, usage, estimatedInput } = step.evidence ?? NO_EVIDENCE;
  const entry: PendingEntry = {
    seq: 0,
    kind: step.kind,
    atMs: step.atMs,
    month: hold.month,
    holdId: hold.id,
    requestId: hold.requestId,
    attempt: hold.attempt,
    route: hold.route,
    backend: hold.backend,
    backendKind: hold.backendKind,
    model: hold.model,
    heldChange: step.held ?? 0,
    suspenseChange: step.suspense ?? 0,
    settledChange: step.settled ?? 0,
    excessChange: step.excess ?? 0,
    basis,
    exactPico,
    usage,
    priceVersion: hold.priceVersion,
    priceId: hold.priceId,
    note: step.note ?? null,
  };
  // Spread into the literal, it would make an object of twice the size and several times the cost of each entry.
  return estimatedInput === undefined ? entry : { ...entry, estimatedInput };
}

export function holdEntry(hold: Hold): PendingEntry {
  return entryOf(hold, { kind: 'hold', atMs: hold.heldAtMs, held: hold.amount });
}

export function voidEntry(hold: Hold, atMs: number, note: string): PendingEntry {
  return entryOf(hold, { kind: 'void', atMs, held: 0 - hold.amount, note });
}

export function suspendEntry(hold: Hold, atMs: number, note: string): PendingEntry {
  const { amount } = hold;
  return entryOf(hold, { kind: 'suspend', atMs, held: 0 - amount, suspense: amount, note });
}

/**
 * The real cost of a hold: `charge` ends one in flight, `resolve` one in suspense. A cost above the hold is charged in
 * full.
 */
export function chargeEntry(
  kind: 'charge' | 'resolve',
  hold: Hold,
  atMs: number,
  charge: Charge,
  note?: string,
): PendingEntry {
  return entryOf(hold, {
    kind,
    atMs,
    held: kind === 'charge' ? 0 - hold.amount : 0,
    suspense: kind === 'resolve' ? 0 - hold.amount : 0,
    settled: charge.amount,
    excess: Math.max(0, charge.amount - hold.amount),
    evidence: charge,
    note,
  });
}

/** The end of a month for a hold whose outcome never became known: its full amount is taken for the charge. */
export function assumeEntry(hold: Hold, atMs: number): PendingEntry {
  const { amount } = hold;
  const evidence: Evidence = {
    basis: 'assumed',
    exactPico: toPico(amount).toString(),
    usage: null,
  };
  return entryOf(hold, {
    kind: 'resolve',
    atMs,
    suspense: 0 - amount,
    settled: amount,
    evidence,
    note: 'the month ended',
  });
}

/** Nothing was held any more for what an adjustment adds; what it takes back is taken from the excess first. */
export function excessOfAdjustment(settled: NanoUsd, ended: EndedHold): NanoUsd {
  return settled > 0 ? settled : 0 - Math.min(0 - settled, ended.excess);
}

/** A charge that differs from the one that ended the hold. */
export function adjustEntry(
  ended: EndedHold,
  atMs: number,
  charge: Charge,
  note?: string,
): PendingEntry {
  const settled = charge.amount - ended.charged;
  const excess = excessOfAdjustment(settled, ended);
  return entryOf(ended.hold, { kind: 'adjust', atMs, settled, excess, evidence: charge, note });
}
