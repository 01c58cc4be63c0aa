/**
 * The course of the billing month, from the entries of the ledger: spending over time, by model, backend and day. Each
 * entry is read once, a page at a time, and only when somebody looks.
 */
import type { BillingPeriod } from '../core/billing-period.ts';
import type { LedgerAdmin, LedgerEntry } from '../core/ledger.ts';
import type { NanoUsd } from '../core/money.ts';
import type { BudgetStatus } from '../core/policy.ts';
import type { BackendKind } from '../core/settings.ts';

const PAGE = 1000;
/** A page takes some milliseconds, in which no request is served. */
const PAGES_AT_ONCE = 2;
const HOUR_MS = 60 * 60 * 1000;
/** No time zone begins a day within one. */
const QUARTER_MS = 15 * 60 * 1000;
const MOST_NAMES = 200;
const MOST_CHANGES = 200;
const OTHER = 'other';

export interface Limits {
  readonly softLimit: NanoUsd;
  readonly hardLimit: NanoUsd;
}

/** Spending under one name, and how many charges it is made of. */
export interface Share {
  cost: NanoUsd;
  charges: number;
}

interface BackendShare extends Share {
  readonly kind: BackendKind;
}

/** A status by the limits of now, from an instant on. */
interface StatusChange {
  readonly atMs: number;
  readonly status: BudgetStatus;
}

function statusAt(spending: NanoUsd, limits: Limits | null): BudgetStatus {
  if (limits === null) return 'Normal';
  if (spending >= limits.hardLimit) return 'HardLimit';
  return spending >= limits.softLimit ? 'SoftLimit' : 'Normal';
}

/** The sums of one month under one pair of limits; another month or other limits begin anew. */
export class MonthHistory {
  readonly period: BillingPeriod;
  readonly limits: Limits | null;
  readonly byModel = new Map<string, Share>();
  readonly byBackend = new Map<string, BackendShare>();
  /** By `YYYY-MM-DD` in the budget's zone, oldest first. */
  readonly byDay = new Map<string, Share>();
  /** Spending at the end of each hour in which it changed, by hours since 1970, oldest first. */
  readonly byHour = new Map<number, NanoUsd>();
  readonly changes: StatusChange[] = [];
  readonly #ledger: Pick<LedgerAdmin, 'entries'>;
  readonly #days = new Map<number, string>();
  readonly #dayFormat: Intl.DateTimeFormat;
  #afterSeq: number | null = null;
  #spending: NanoUsd = 0;
  #status: BudgetStatus = 'Normal';
  #isComplete = false;

  constructor(
    ledger: Pick<LedgerAdmin, 'entries'>,
    period: BillingPeriod,
    timezone: string,
    limits: Limits | null,
  ) {
    this.#ledger = ledger;
    this.period = period;
    this.limits = limits;
    // This locale writes dates as ISO 8601 does.
    this.#dayFormat = new Intl.DateTimeFormat('en-CA-u-ca-iso8601-nu-latn', {
      timeZone: timezone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  }

  /** Of the entries that were read. */
  get spending(): NanoUsd {
    return this.#spending;
  }

  /** True once all entries were read that there were. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Reads what is new, but no more than a few pages. Throws what the ledger throws. */
  advance(): void {
    let after = this.#afterSeq ?? this.#firstSeq() - 1;
    for (let pages = 0; pages < PAGES_AT_ONCE; pages += 1) {
      const entries = this.#ledger.entries({ afterSeq: after, limit: PAGE });
      for (const entry of entries) if (entry.month === this.period.month) this.#add(entry);
      after = entries.at(-1)?.seq ?? after;
      this.#afterSeq = after;
      this.#isComplete = entries.length < PAGE;
      if (this.#isComplete) return;
    }
  }

  dayOf(atMs: number): string {
    const quarter = Math.floor(atMs / QUARTER_MS);
    const known = this.#days.get(quarter);
    if (known !== undefined) return known;
    const day = this.#dayFormat.format(quarter * QUARTER_MS);
    this.#days.set(quarter, day);
    return day;
  }

  /**
   * `seq` of the first entry since the start of the month, found by halves: entries are in the order of their times. The
   * months before may hold millions of them.
   */
  #firstSeq(): number {
    const { startsAtMs } = this.period;
    let before = 0;
    let last = this.#ledger.entries({ limit: 1 })[0]?.seq ?? 0;
    while (before < last) {
      const middle = Math.floor((before + last) / 2);
      const [next] = this.#ledger.entries({ afterSeq: middle, limit: 1 });
      if (next !== undefined && next.atMs < startsAtMs) before = next.seq;
      else last = middle;
    }
    return before + 1;
  }

  #add(entry: LedgerEntry): void {
    const { kind, atMs, model, backend, backendKind } = entry;
    const change = entry.settledChange + entry.suspenseChange;
    // What is resolved or adjusted was counted when it was charged or suspended.
    const charges = kind === 'charge' || kind === 'suspend' ? 1 : 0;
    if (change === 0 && charges === 0) return;
    const shares = [
      shareOf<Share>(this.byModel, model, { cost: 0, charges: 0 }),
      shareOf<BackendShare>(this.byBackend, backend, { kind: backendKind, cost: 0, charges: 0 }),
      shareOf<Share>(this.byDay, this.dayOf(atMs), { cost: 0, charges: 0 }),
    ];
    for (const share of shares) {
      share.cost += change;
      share.charges += charges;
    }
    if (change !== 0) this.#spend(atMs, change);
  }

  #spend(atMs: number, change: NanoUsd): void {
    this.#spending += change;
    this.byHour.set(Math.floor(atMs / HOUR_MS), this.#spending);
    const status = statusAt(this.#spending, this.limits);
    if (status === this.#status) return;
    this.#status = status;
    if (this.changes.length < MOST_CHANGES) this.changes.push({ atMs, status });
  }
}

/** Names are bounded; what comes after so many counts as `other`. */
function shareOf<Kind extends Share>(shares: Map<string, Kind>, name: string, first: Kind): Kind {
  const key = shares.has(name) || shares.size < MOST_NAMES ? name : OTHER;
  const share = shares.get(key) ?? first;
  shares.set(key, share);
  return share;
}
