/** A random walk through everything that can happen to a ledger, beside an oracle that says what it should answer. */
import { expect } from '@jest/globals';
import type { MonthTotals } from '../../src/core/ledger.ts';
import { openStore } from '../../src/ledger/open-store.ts';
import { FaultyStore } from './faulty-store.ts';
import { HandClock } from './hand-clock.ts';
import { randomFrom } from './random-from.ts';
import { charge, holdRequest, monthOf, testLedger } from './test-ledger.ts';

const DAY_MS = 86_400_000;

function same(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
}

type Fate = 'queued' | 'held' | 'suspended' | 'void' | 'charged';

interface Known {
  readonly id: string;
  readonly amount: number;
  readonly month: string;
  fate: Fate;
  charged: number;
  excess: number;
  isTakenBack?: boolean;
}

/**
 * What the ledger should say, kept in the plainest way: a list of holds with their fates, and every total added up from
 * all of them when it is asked for. It knows nothing of entries, batches or files.
 */
class Oracle {
  holds: Known[] = [];
  limit = 0;

  totals(month: string): MonthTotals {
    const mine = this.holds.filter((hold) => hold.month === month);
    const sum = (of: (hold: Known) => number) => mine.reduce((total, hold) => total + of(hold), 0);
    const isOpen = ({ fate }: Known) => fate === 'queued' || fate === 'held';
    return {
      month,
      settled: sum(({ charged }) => charged),
      suspense: sum(({ fate, amount }) => (fate === 'suspended' ? amount : 0)),
      held: sum((hold) => (isOpen(hold) ? hold.amount : 0)),
      excess: sum(({ excess }) => excess),
      openHolds: mine.filter(isOpen).length,
    };
  }

  settle(hold: Known, amount: number): void {
    const change = amount - hold.charged;
    if (hold.fate === 'charged' || hold.fate === 'void') {
      hold.excess += change > 0 ? change : -Math.min(-change, hold.excess);
    } else hold.excess = Math.max(0, amount - hold.amount);
    if (hold.fate !== 'void' || amount !== 0) hold.fate = 'charged';
    hold.charged = amount;
  }

  end(hold: Known, fate: 'void' | 'suspended'): void {
    if (hold.fate === 'queued' || hold.fate === 'held') hold.fate = fate;
  }

  stored(): void {
    for (const hold of this.holds) if (hold.fate === 'queued') hold.fate = 'held';
  }

  /** A batch failed: what was only queued is taken back, but for what is free. */
  failed(): void {
    for (const hold of this.holds) {
      if (hold.fate !== 'queued') continue;
      hold.fate = hold.amount > 0 ? 'void' : 'held';
      hold.isTakenBack = hold.amount > 0;
    }
  }

  /** What is open when a process dies or ends is in suspense. */
  restarted(): void {
    // Of a hold that was taken back, and not charged all the same, the next process knows nothing.
    this.holds = this.holds.filter((hold) => hold.isTakenBack !== true || hold.fate === 'charged');
    for (const hold of this.holds) {
      if (hold.fate === 'held' || hold.fate === 'queued') hold.fate = 'suspended';
    }
  }

  /** An ended month without open holds: its suspense is spent. */
  close(current: string): void {
    const open = new Set(
      this.holds
        .filter(({ fate }) => fate === 'held' || fate === 'queued')
        .map(({ month }) => month),
    );
    for (const hold of this.holds) {
      if (hold.month >= current || open.has(hold.month) || hold.fate !== 'suspended') continue;
      if (hold.amount === 0) continue;
      hold.fate = 'charged';
      hold.charged = hold.amount;
    }
  }
}

/** The time of day can be set forward and back; timers do not follow it. */
class WallClock extends HandClock {
  #offsetMs = 0;

  override now(): number {
    return super.now() + this.#offsetMs;
  }

  set(byMs: number): void {
    this.#offsetMs += byMs;
  }
}

/** One long life of a ledger on a real file, with every step chosen by the seed. */
export class LedgerWalk {
  readonly #random: () => number;
  readonly #file: string;
  readonly #oracle = new Oracle();
  readonly #clock = new WallClock(Date.parse('2026-01-01T00:00:00Z'));
  #firstId = 0;
  #latestMonth = '';
  #store: FaultyStore;
  #books: ReturnType<typeof testLedger>;
  readonly counts: Record<string, number> = {};

  constructor(seed: number, file: string) {
    this.#random = randomFrom(seed);
    this.#file = file;
    this.#store = new FaultyStore(openStore(file));
    this.#books = this.#open();
  }

  #open(): ReturnType<typeof testLedger> {
    this.#firstId += 1_000_000;
    const books = testLedger(this.#store, this.#clock, this.#firstId);
    this.#setLimit(books);
    this.#latestMonth = books.ledger.period().month;
    return books;
  }

  #setLimit({ ledger }: ReturnType<typeof testLedger>): void {
    this.#oracle.limit = 1000 + this.#below(20_000);
    ledger.setBudget({ limit: this.#oracle.limit, enforce: true });
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  /** Mostly a young hold; sometimes any, ended or not. */
  #pick(): Known | undefined {
    const { holds } = this.#oracle;
    const from = this.#random() < 0.9 ? Math.max(0, holds.length - 20) : 0;
    return holds[from + this.#below(holds.length - from)];
  }

  step(): void {
    const dice = this.#random();
    const [name, act] = this.#choose(dice);
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    act();
    this.#compare();
  }

  #choose(dice: number): [string, () => void] {
    if (dice < 0.36) return ['reserve', () => this.#reserve()];
    if (dice < 0.6) return ['settle', () => this.#settle()];
    if (dice < 0.68) return ['release', () => this.#end('void')];
    if (dice < 0.76) return ['suspend', () => this.#end('suspended')];
    if (dice < 0.955) return ['turn', () => this.#turn()];
    if (dice < 0.97) return ['break', () => this.#break()];
    if (dice < 0.985) return ['time', () => this.#passTime()];
    if (dice < 0.99) return ['limit', () => this.#setLimit(this.#books)];
    if (dice < 0.994) return ['crash', () => this.#crash()];
    if (dice < 0.996) return ['stop', () => this.#stop()];
    return ['verify', () => this.#verify()];
  }

  #reserve(): void {
    const amount = this.#random() < 0.15 ? 0 : this.#below(2000);
    const { ledger } = this.#books;
    const month = this.#latestMonth;
    const { settled, suspense, held } = this.#oracle.totals(month);
    const free = this.#oracle.limit - settled - suspense - held;
    const result = ledger.reserve(holdRequest(amount));
    if (amount > 0 && !ledger.isHealthy()) same(result, { kind: 'unavailable' });
    else if (amount > 0 && amount > free) {
      same(result, {
        kind: 'refused',
        headroom: Math.max(0, free),
        fitsWhenIdle: amount <= free + held,
      });
    } else if (result.kind === 'held') {
      const { id } = result.hold;
      same(result.hold.month, month);
      this.#oracle.holds.push({ id, amount, month, fate: 'queued', charged: 0, excess: 0 });
    } else throw new Error(`${amount} of ${free} was ${result.kind}`);
  }

  #settle(): void {
    const hold = this.#pick();
    if (hold === undefined || this.#mustWait(hold)) return;
    const again = this.#random() < 0.2;
    const amount = again ? hold.charged : this.#below(Math.max(1, hold.amount * 1.2));
    this.#books.ledger.settle(hold.id, charge(amount));
    this.#oracle.settle(hold, amount);
  }

  /** A charge for a hold of an earlier life waits while the store can not be read; the oracle does not wait. */
  #mustWait({ id }: Known): boolean {
    const { fault } = this.#store;
    const isUnreadable = fault === 'everything' || fault === 'lost reply';
    return isUnreadable && Number(id.slice('hold-'.length)) < this.#firstId;
  }

  #end(fate: 'void' | 'suspended'): void {
    const hold = this.#pick();
    if (hold === undefined) return;
    if (fate === 'void') this.#books.ledger.release(hold.id, 'never sent');
    else this.#books.ledger.suspend(hold.id, 'timeout');
    this.#oracle.end(hold, fate);
  }

  /** The turn of the event loop ends, or a retry falls due: what waits is stored, or fails. */
  #turn(): void {
    const { ledger } = this.#books;
    if (!ledger.isHealthy()) this.#clock.advance(5000);
    const { tries } = this.#store;
    // Housekeeping after a commit may queue more: turns until all is still.
    for (let turn = 0; turn < 6; turn += 1) this.#books.endTurn();
    if (ledger.isHealthy()) {
      this.#oracle.stored();
      this.#oracle.close(this.#latestMonth);
    } else if (this.#store.tries > tries) this.#oracle.failed();
  }

  #break(): void {
    const faults = ['none', 'none', 'append', 'reply', 'everything', 'lost reply'] as const;
    this.#mend();
    this.#turn();
    const fault = faults[this.#below(faults.length)] ?? 'none';
    this.#store.fault = fault;
  }

  #mend(): void {
    this.#store.fault = 'none';
    this.#turn();
  }

  #passTime(): void {
    const { ledger } = this.#books;
    const days = this.#random() < 0.3 ? -this.#below(40) : this.#below(20);
    this.#clock.set(days * DAY_MS);
    const { month } = monthOf(this.#clock.now());
    ledger.openPeriod(monthOf(this.#clock.now()));
    if (month > this.#latestMonth) this.#latestMonth = month;
    this.#mend();
    this.#turn();
  }

  /** The process dies. Queued entries are gone: so is what they would have told. */
  #crash(): void {
    this.#mend();
    this.#turn();
    // Holds that were queued and not durable were never sent.
    const lost = this.#below(4);
    for (let i = 0; i < lost; i += 1) this.#books.ledger.reserve(holdRequest(this.#below(50)));
    this.#store.close();
    this.#reopen();
  }

  #stop(): void {
    this.#mend();
    void this.#books.ledger.close();
    this.#reopen();
  }

  #reopen(): void {
    this.#oracle.restarted();
    this.#store = new FaultyStore(openStore(this.#file));
    this.#books = this.#open();
    this.#mend();
    this.#turn();
  }

  #verify(): void {
    this.#mend();
    this.#turn();
    this.#books.expectExact();
  }

  #compare(): void {
    const { ledger } = this.#books;
    const expected = this.#oracle.totals(this.#latestMonth);
    same(ledger.totals(), expected);
    const { settled, suspense, held } = expected;
    same(ledger.headroom(), Math.max(0, this.#oracle.limit - settled - suspense - held));
  }

  finish(): void {
    this.#mend();
    this.#turn();
    this.#books.expectExact();
    for (const month of this.#books.ledger.months()) {
      same(this.#books.ledger.totalsOf(month), this.#oracle.totals(month));
    }
    this.#store.close();
  }
}
