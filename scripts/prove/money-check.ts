/**
 * The rules of money: what each hold must be before it is sent, how it must end, and that what providers really billed
 * never passes the limit by more than was declared.
 */
import type { Charge, Hold } from '../../src/core/ledger.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import { Books, type HoldRecord } from './books.ts';
import { nanoOf, picoOf } from './price.ts';
import type { SimulatedCall } from './simulated-call.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { Limits } from './status-model.ts';
import type { Verdict } from './verdict.ts';

/** What must be charged for a call, from what the gateway saw of it. */
type Due =
  | { readonly kind: 'charge'; readonly pico: number; readonly basis: Charge['basis'] }
  /** Nobody knows: all that was held. In suspense, or charged where the gateway gave up itself. */
  | { readonly kind: 'all'; readonly mayCharge: boolean }
  | { readonly kind: 'nothing' };

/** What the gateway knows of one request that is under way. */
interface Tally {
  cost: number;
  excess: number;
  attempts: number;
  latest: HoldRecord;
}

interface LateCharge {
  readonly record: HoldRecord;
  readonly charge: Charge;
}

export class MoneyCheck {
  readonly books = new Books();
  /** By request. */
  readonly tallies = new Map<string, Tally>();
  /** What providers billed where no gateway could know: past a cut, or of a call whose outcome was lost. */
  unseen = 0;
  readonly #verdict: Verdict;
  readonly #disk: SimulatedDisk;
  /** By month: all that providers billed, in pico-dollars; what of it nobody could see; the highest limit that let money in. */
  readonly #billedPico = new Map<string, number>();
  readonly #unseenIn = new Map<string, number>();
  readonly #highest = new Map<string, number>();
  #late: LateCharge[] = [];
  /** Holds that the next process finds open. */
  readonly #foundOpen = new Set<string>();

  constructor(verdict: Verdict, disk: SimulatedDisk) {
    this.#verdict = verdict;
    this.#disk = disk;
  }

  reserved(hold: Hold, { limit, action }: Limits): void {
    const record = this.books.begin(hold);
    const tally = this.tallies.get(hold.requestId);
    if (tally === undefined)
      this.tallies.set(hold.requestId, { cost: 0, excess: 0, attempts: 0, latest: record });
    else {
      this.#verdict.check(
        tally.latest.fate !== 'open',
        () => `${hold.id} is held while ${tally.latest.id} of the same request is open`,
      );
      tally.latest = record;
    }
    if (hold.amount === 0) return;
    const most = action === 'warn' ? Number.POSITIVE_INFINITY : limit;
    this.#highest.set(hold.month, Math.max(this.#highest.get(hold.month) ?? 0, most));
    const committed = this.books.committedIn(hold.month);
    this.#verdict.check(
      committed <= most,
      () => `${hold.id} makes ${committed} of a limit of ${most} in ${hold.month}`,
    );
  }

  /** A hold goes out. `most` is what the call may cost. */
  dispatched(record: HoldRecord, call: SimulatedCall, most: number): void {
    const { id, amount } = record;
    const check = this.#verdict.check.bind(this.#verdict);
    check(record.fate === 'open', () => `${id} is sent although it is ${record.fate}`);
    check(record.call === null, () => `${id} is sent twice`);
    check(amount >= most, () => `${id} holds ${amount} for a call that may cost ${most}`);
    check(
      amount === 0 || (record.isStored && this.#disk.holds.get(id)?.fate === 'open'),
      () => `${id} is sent before it is durable`,
    );
    record.call = call;
    const tally = this.tallies.get(record.requestId);
    if (tally !== undefined) tally.attempts += 1;
  }

  /** The request path ends a hold with a charge. */
  settled(record: HoldRecord, charge: Charge): void {
    const ending = this.#ending(record);
    const { id, amount } = record;
    const due: Due =
      ending.kind === 'all' && ending.mayCharge
        ? { kind: 'charge', pico: amount * 1000, basis: 'assumed' }
        : ending;
    if (due.kind !== 'charge') {
      this.#verdict.fail(`${id} is charged ${charge.amount}, but due is ${due.kind}`);
      return;
    }
    this.#verdict.check(
      charge.amount === nanoOf(due.pico) &&
        charge.exactPico === String(due.pico) &&
        charge.basis === due.basis,
      () =>
        `${id} is charged ${charge.exactPico} (${charge.basis}), but due is ${due.pico} (${due.basis})`,
    );
    const tally = this.tallies.get(record.requestId);
    if (tally !== undefined) {
      tally.cost += nanoOf(due.pico);
      tally.excess += Math.max(0, nanoOf(due.pico) - amount);
    }
    this.books.charge(record, charge.amount, charge.exactPico);
    this.#over(record);
  }

  released(record: HoldRecord): void {
    const due = record.call === null ? 'nothing' : this.#ending(record).kind;
    this.#verdict.check(due === 'nothing', () => `${record.id} is given back, but due is ${due}`);
    this.books.release(record);
    this.#over(record);
  }

  suspended(record: HoldRecord): void {
    const due = this.#ending(record).kind;
    this.#verdict.check(due === 'all', () => `${record.id} goes to suspense, but due is ${due}`);
    this.books.suspend(record);
    this.#over(record);
  }

  /** A charge from outside of the request path, for a hold that has ended. `isDeferred`: the ledger has to ask its store. */
  chargedAgain(record: HoldRecord, charge: Charge, isDeferred: boolean): void {
    if (isDeferred) this.#late.push({ record, charge });
    else this.#book({ record, charge });
  }

  /** The store works and can be read: what waited for that is booked. */
  bookLate(onBooked: () => void): void {
    for (const late of this.#late.splice(0)) {
      this.#book(late);
      onBooked();
    }
  }

  /** What a process had in its memory is gone. */
  died(): void {
    this.#late = [];
    this.tallies.clear();
  }

  /** The provider tells another cost than it told before. */
  corrected(record: HoldRecord, pico: number): void {
    const { call, month } = record;
    if (call === null) return;
    this.#addBilled(month, pico - (call.billedPico ?? 0));
    call.billedPico = pico;
    this.#see(record);
  }

  /** A process is about to begin: what it finds open on the disk it must put in suspense. */
  beginning(): void {
    for (const [id, { fate }] of this.#disk.holds) if (fate === 'open') this.#foundOpen.add(id);
  }

  /** A new process read what the last one left. `calls`: those that were under way when it died. */
  recovered(calls: readonly SimulatedCall[]): void {
    for (const call of calls) {
      const isNew = call.billedPico === null;
      const pico = call.bill();
      if (isNew) this.#addBilled(call.facts.hold.month, pico);
    }
    for (const { id, amount, call } of this.books.recover(this.#disk.holds)) {
      this.#verdict.check(
        call === null || amount === 0,
        () => `${id} was sent, and nothing of it is stored`,
      );
    }
    for (const record of this.books.all) this.#see(record);
    for (const id of this.#foundOpen) {
      const record = this.books.holds.get(id);
      if (record !== undefined) this.#checkRecovered(record);
    }
    this.#foundOpen.clear();
    for (const [month, pico] of this.#billedPico) this.#checkBound(month, pico);
  }

  /** In suspense; or charged in full already, where its month is over. */
  #checkRecovered(record: HoldRecord): void {
    const { id, amount, fate, charged } = record;
    record.endedInLife = this.books.life;
    this.#verdict.check(
      fate === 'suspended' || (fate === 'charged' && charged === amount),
      () => `${id} was open, and is ${fate} after a recovery`,
    );
  }

  #book({ record, charge }: LateCharge): void {
    if (record.fate === 'charged' && record.exactPico === charge.exactPico) return;
    this.books.charge(record, charge.amount, charge.exactPico);
    this.#see(record);
    this.#checkBound(record.month, this.#billedPico.get(record.month) ?? 0);
  }

  #ending(record: HoldRecord): Due {
    const { id, call, fate, amount } = record;
    this.#verdict.check(fate === 'open', () => `${id} is ended although it is ${fate}`);
    if (call === null) {
      this.#verdict.fail(`${id} was never sent, and is not given back`);
      return { kind: 'nothing' };
    }
    const { sight, facts } = call;
    if (!sight.wasSent || call.isRefusal) return { kind: 'nothing' };
    if (call.isUnknown) return { kind: 'all', mayCharge: sight.isAborted };
    if (sight.usage !== null)
      return { kind: 'charge', pico: picoOf(facts.price, sight.usage), basis: 'provider' };
    const metered = { ...NO_USAGE, input: facts.tokens, output: sight.passed };
    // Counted by the gateway itself, it can not be more than was held.
    const pico = Math.min(picoOf(facts.price, metered), amount * 1000);
    return { kind: 'charge', pico, basis: 'metered' };
  }

  /** The gateway has ended the hold, so the provider's bill is certain too. */
  #over(record: HoldRecord): void {
    const { id, call, month } = record;
    if (call === null) return;
    const pico = call.bill();
    this.#addBilled(month, pico);
    const missing = nanoOf(pico) - countedOf(record);
    if (missing > 0) {
      const { plan, mostOutput } = call.facts;
      const { usage, isComplete, passed } = call.sight;
      const isPastCut = usage === null && !isComplete && plan.tokensPastCut > 0;
      const isOverlong = usage === null && passed > mostOutput;
      const isHidden = call.isUnknown && plan.unknownPico > record.amount * 1000;
      this.#verdict.check(
        isPastCut || isOverlong || isHidden,
        () => `${id} counts ${countedOf(record)}, but was billed ${nanoOf(pico)}`,
      );
      this.#see(record);
    }
    this.#checkBound(month, this.#billedPico.get(month) ?? 0);
  }

  #addBilled(month: string, pico: number): void {
    this.#billedPico.set(month, (this.#billedPico.get(month) ?? 0) + pico);
  }

  /** How much of the bill for a hold nobody on the gateway's side could see. */
  #see(record: HoldRecord): void {
    const billed = nanoOf(record.call?.billedPico ?? 0);
    const unseen = Math.max(0, billed - countedOf(record));
    const more = unseen - record.unseen;
    if (more === 0) return;
    record.unseen = unseen;
    this.unseen += more;
    this.#unseenIn.set(record.month, (this.#unseenIn.get(record.month) ?? 0) + more);
  }

  /** The promise itself: the provider's own bill against the limit. */
  #checkBound(month: string, billedPico: number): void {
    const highest = this.#highest.get(month) ?? 0;
    const { excess } = this.books.month(month);
    const unseen = this.#unseenIn.get(month) ?? 0;
    this.#verdict.check(
      nanoOf(billedPico) <= highest + excess + unseen,
      () =>
        `providers billed ${nanoOf(billedPico)} in ${month}, above ${highest} with an excess of ${excess} and ${unseen} unseen`,
    );
  }
}

/** What a hold counts for in its month. */
export function countedOf({ fate, amount, charged }: HoldRecord): number {
  if (fate === 'charged') return charged;
  return fate === 'void' ? 0 : amount;
}
