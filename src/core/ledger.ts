/** The ledger as the other rooms see it: words of its entries, and the port. */
import type { BillingPeriod } from './billing-period.ts';
import type { NanoUsd } from './money.ts';
import type { ModelRoute } from './policy.ts';
import type { Price } from './prices.ts';
import type { ChargeBasis, TokenUsage } from './usage.ts';
import type { BackendKind } from './settings.ts';

/** What is set aside before an attempt is sent. */
export interface HoldRequest {
  readonly requestId: string;
  /** 1 for the first attempt of a request. */
  readonly attempt: number;
  readonly backend: string;
  readonly backendKind: BackendKind;
  readonly model: string;
  /** Upper bound of what the attempt may cost; 0 for an attempt that is free. */
  readonly amount: NanoUsd;
  readonly priceVersion: string;
  /** The route of the request, where it came over one. */
  readonly route?: ModelRoute;
  /** The price that the charge will be made by: the ledger keeps its rates. Without it nobody can recompute the charge. */
  readonly price?: Price;
}

/** A price as the ledger keeps it for good: whatever becomes of lists and files, charges are recomputed from it. */
export interface KeptPrice {
  /** A digest of everything in the price, so that another model, list or rate is another price. */
  readonly id: string;
  readonly price: Price;
}

export interface Hold extends Omit<HoldRequest, 'route' | 'price'> {
  readonly id: string;
  readonly route: ModelRoute | null;
  /** The kept price that it is charged by; null where none was given. */
  readonly priceId: string | null;
  /** The billing month it belongs to, whenever it ends. */
  readonly month: string;
  readonly heldAtMs: number;
}

export type ReserveResult =
  | { readonly kind: 'held'; readonly hold: Hold }
  /** It does not fit. `fitsWhenIdle`: it would if every hold in flight ended without a charge. */
  | { readonly kind: 'refused'; readonly headroom: NanoUsd; readonly fitsWhenIdle: boolean }
  /** Entries can not be stored at present, so nothing that costs money may be sent. Never given for an amount of 0. */
  | { readonly kind: 'unavailable' };

/** Entries can not be stored. The message says why; the ledger tries again by itself. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** In the note of a metered charge: the count came out above the hold, and the hold was charged. */
export const CUT_AT_HOLD = 'counted above the hold';

export interface Charge {
  readonly amount: NanoUsd;
  /** The exact cost in pico-dollars, as decimal digits. */
  readonly exactPico: string;
  readonly basis: ChargeBasis;
  readonly usage: TokenUsage;
  /** Input tokens by the built-in factors, where the usage shows how far they were off. */
  readonly estimatedInput?: number;
}

export interface MonthTotals {
  readonly month: string;
  readonly settled: NanoUsd;
  /** Holds whose outcome is unknown; counts as spending until it is resolved. */
  readonly suspense: NanoUsd;
  readonly held: NanoUsd;
  /** What providers billed beyond their holds. */
  readonly excess: NanoUsd;
  readonly openHolds: number;
}

/**
 * Entry kinds. Every entry is append-only and carries the change it makes to held, suspense and settled, so that each
 * balance is the sum of its entries.
 */
export type EntryKind = 'hold' | 'void' | 'charge' | 'suspend' | 'resolve' | 'adjust';

export interface LedgerEntry {
  /** 1, 2, 3, ... in commit order. */
  readonly seq: number;
  readonly kind: EntryKind;
  readonly atMs: number;
  readonly month: string;
  readonly holdId: string;
  readonly requestId: string;
  readonly attempt: number;
  /** Null where it is not known: in entries of an older format, and in those of no route. */
  readonly route: ModelRoute | null;
  readonly backend: string;
  readonly backendKind: BackendKind;
  readonly model: string;
  readonly heldChange: NanoUsd;
  readonly suspenseChange: NanoUsd;
  readonly settledChange: NanoUsd;
  /** Part of the charge for which nothing was held. Already inside `settledChange`. */
  readonly excessChange: NanoUsd;
  readonly basis: ChargeBasis | null;
  readonly exactPico: string | null;
  readonly usage: TokenUsage | null;
  /** See `Charge`. */
  readonly estimatedInput?: number;
  readonly priceVersion: string;
  /** The kept price; null in entries of an older format, which can not be recomputed. */
  readonly priceId: string | null;
  /** Why, in a few words: `client gone`, `crash recovery`, ... */
  readonly note: string | null;
}

export interface EntryQuery {
  readonly month?: string;
  readonly kind?: EntryKind;
  readonly model?: string;
  readonly backend?: string;
  readonly requestId?: string;
  /** Only entries with a smaller `seq`: the next page of a newest-first listing. */
  readonly beforeSeq?: number;
  /** Only entries with a larger `seq`, oldest first: for exports. */
  readonly afterSeq?: number;
  /** 1 to 1000. */
  readonly limit: number;
}

/** A charge that is not what its evidence makes it. Amounts are exact decimals in USD. */
export interface Mismatch {
  readonly seq: number;
  readonly kind: EntryKind;
  readonly requestId: string;
  /** `exact cost`: before it was rounded up to a nano-dollar; `charge`: the amount that counts. */
  readonly what: 'exact cost' | 'charge';
  readonly expectedUsd: string;
  readonly foundUsd: string;
}

/** What came of recomputing every charge from its usage and the price that was kept for it. */
export interface Recomputation {
  readonly recomputed: number;
  /** Charges without a kept price, of files from before prices were kept. No fault. */
  readonly notRecomputable: number;
  readonly mismatches: readonly Mismatch[];
}

/** The result of recomputing balances from entries. */
export interface AuditReport {
  readonly month: string;
  readonly entriesChecked: number;
  /** Entries minus balance, summed over held, suspense and settled. Must be 0. */
  readonly drift: NanoUsd;
  readonly totals: MonthTotals;
  readonly checkedAtMs: number;
  /** What else is wrong with the entries, in words; only `verify` looks for it. Absent or empty: nothing. */
  readonly problems?: readonly string[];
  /** Only where the arithmetic of costs was given. */
  readonly recomputation?: Recomputation;
}

/** The part of the ledger that the request path uses. Everything but `committed` is synchronous. */
interface Ledger {
  /**
   * Tests and takes headroom in one synchronous step. Never throws for lack of money. With no limit, or an action that
   * refuses nothing, it always holds. While entries can not be stored only an amount of 0 is held.
   */
  reserve(request: HoldRequest): ReserveResult;
  /**
   * Resolves when every entry made so far is durable; rejects (`LedgerUnavailable`) when they can not be stored. Holds
   * that were waiting for it are then taken back by the ledger and must not be sent; charges are kept and stored later.
   * A hold of 0 has nothing to lose and need not wait.
   */
  committed(): Promise<void>;
  /**
   * Ends a hold with its real cost, in the month of the hold. The same charge twice is a no-op; a different one is added
   * as an adjustment and raises an alarm; a charge for a hold in suspense resolves it.
   */
  settle(holdId: string, charge: Charge, note?: string): void;
  /** Ends a hold of an attempt that was certainly not billed. A hold that has ended, or is in suspense, stays as it is. */
  release(holdId: string, note: string): void;
  /** Ends a hold whose outcome is unknown: its amount counts as spending until it is resolved. */
  suspend(holdId: string, note: string): void;
  /** Free money of the current month, or null when nothing is enforced. */
  headroom(): NanoUsd | null;
  totals(): MonthTotals;
}

/** The ledger as the control plane and operators see it. */
export interface LedgerAdmin extends Ledger {
  period(): BillingPeriod;
  entries(query: EntryQuery): readonly LedgerEntry[];
  totalsOf(month: string): MonthTotals;
  months(): readonly string[];
  /** Every price that an entry was ever charged by. */
  prices(): readonly KeptPrice[];
  /** Compares balances with entries of the current month. Cheap: only entries since the last audit are read. */
  audit(): AuditReport;
  /** The same over all entries of all months, from the file. */
  verify(): readonly AuditReport[];
}
