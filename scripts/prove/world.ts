/**
 * One world: a disk, providers, clients, a clock, and one gateway process after the other, moved step by step by a seeded
 * scheduler. What happens next is chosen by chance; after each step everything that has become runnable runs, and the
 * checks look at the result.
 */
import { assert } from '../../src/core/assert.ts';
import type { RequestEnded } from '../../src/core/facts.ts';
import type { LedgerStore } from '../../src/ledger/store.ts';
import type { Calendar } from './calendar.ts';
import { Chance } from './chance.ts';
import { noCounts } from './counts.ts';
import { disturbanceTable } from './disturb.ts';
import { Life, type Ground } from './life.ts';
import { MoneyCheck } from './money-check.ts';
import { nextTurn } from './next-turn.ts';
import { createProfile, type Profile } from './profile.ts';
import { checkAtRest } from './rest.ts';
import type { SimulatedCall } from './simulated-call.ts';
import { drawQuestion, type Question } from './question.ts';
import { SimulatedResponse } from './simulated-client.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { Limits } from './status-model.ts';
import { moveOn, passTime, waitForProbe } from './time.ts';
import { Verdict } from './verdict.ts';

/** So many refusals in a row, and the month ends or the limit changes. */
const REFUSALS_IN_A_ROW = 15;
const UNREACHABLE_IN_A_ROW = 5;
/** A process that does not come to rest in so many steps never will. */
const STEPS_TO_REST = 20_000;
const DAY_MS = 86_400_000;

export interface WorldOptions {
  readonly seed: number;
  readonly world: number;
  /** Requests that are to be admitted. */
  readonly admissions: number;
  readonly openStore: () => LedgerStore;
  /** Told every event, for a replay. */
  readonly say: ((line: string) => void) | null;
}

export class World {
  readonly counts = noCounts();
  readonly verdict: Verdict;
  readonly chance: Chance;
  readonly profile: Profile;
  readonly disk: SimulatedDisk;
  readonly money: MoneyCheck;
  limits: Limits;
  holdsInMonth = 0;
  refusalsInARow = 0;
  /** Requests, one after the other, for which every backend was down. */
  unreachableInARow = 0;
  isStopping = false;
  /** The requests of now are not of the traffic. */
  isProbing = false;
  readonly #admissions: number;
  readonly #disturb: ReturnType<typeof disturbanceTable>;
  readonly #orphans: SimulatedCall[] = [];
  readonly #ground: Omit<Ground, 'calendar'>;
  #calendar: Calendar;
  #life: Life | null = null;
  #nextId = 1;
  #isResting = false;

  constructor({ seed, world, admissions, openStore, say }: WorldOptions) {
    this.#admissions = admissions;
    this.chance = new Chance(seed, world);
    this.verdict = new Verdict(say);
    this.profile = createProfile(this.chance);
    this.#calendar = this.profile.calendar;
    this.#disturb = disturbanceTable(this.profile.disturbances);
    this.disk = new SimulatedDisk(openStore);
    this.money = new MoneyCheck(this.verdict, this.disk);
    const { budget } = this.profile.settings.routing;
    assert(budget !== null, 'every world has a budget');
    this.limits = {
      limit: budget.monthlyLimit,
      softPercent: budget.softLimitPercent,
      action: budget.hardLimitAction,
    };
    this.#ground = {
      profile: this.profile,
      chance: this.chance,
      disk: this.disk,
      verdict: this.verdict,
      money: this.money,
      orphans: this.#orphans,
      newId: (kind) => `${kind}-${this.#nextId++}`,
      onAdmitted: () => this.#admitted(),
      onEnded: (fact) => this.#ended(fact),
    };
  }

  get life(): Life {
    assert(this.#life !== null, 'a gateway runs');
    return this.#life;
  }

  get isBroken(): boolean {
    return this.verdict.violation !== null;
  }

  /** Runs to the end, or to the first violation. */
  async run(): Promise<void> {
    this.verdict.note('world', this.profile.settings.routing);
    this.begin(this.profile.startsAtMs);
    while (!this.isBroken && this.counts.admissions < this.#admissions) {
      // As in `step`, without a promise of its own: there are many millions of steps.
      const under = this.#act();
      if (under !== undefined) await under;
      await nextTurn();
      this.#look();
    }
    if (!this.isBroken) await this.rest(true);
    if (this.#life !== null) this.counts.months += this.life.checks.months;
    this.counts.storage_faults = this.disk.faults;
    for (const name of this.money.books.monthNames())
      this.counts.excess_nano_usd += this.money.books.month(name).excess;
    this.counts.unseen_nano_usd = this.money.unseen;
    this.disk.close();
  }

  async step(): Promise<void> {
    const under = this.#act();
    if (under !== undefined) await under;
    await nextTurn();
    this.#look();
  }

  /** Returns what has to be waited for: hardly any step has that, and a wait costs as much as the step. */
  #act(): Promise<void> | undefined {
    this.counts.steps += 1;
    this.verdict.step = this.counts.steps;
    try {
      const disturbance = this.#isResting ? null : this.#disturb(this);
      if (disturbance === null) this.#traffic();
      else return disturbance(this)?.catch(this.#threw);
    } catch (error) {
      this.#threw(error);
    }
    return undefined;
  }

  readonly #threw = (error: unknown): void => {
    this.verdict.fail(`threw: ${error instanceof Error ? error.stack : String(error)}`);
  };

  #look(): void {
    if (this.isBroken) return;
    if (!this.life.isAlive) this.crashed();
    else this.life.checks.afterStep();
  }

  /** A new process. One whose disk fails may not come up; the disk is mended at some time. */
  begin(atMs: number): void {
    if (this.profile.hasOtherDays && this.chance.happens(0.5))
      this.#calendar = { ...this.#calendar, billingDay: this.chance.between(1, 31) };
    while (!this.isBroken) {
      const { disk } = this;
      const isTroubled = disk.fault !== 'none' || disk.isUnreadable || disk.death !== 'none';
      try {
        const life = new Life({ ...this.#ground, calendar: this.#calendar }, atMs, this.limits);
        this.#orphans.length = 0;
        this.#life = life;
        this.counts.gateway_starts += 1;
        this.verdict.note('start', new Date(atMs).toISOString());
        this.isStopping = false;
        if (life.isAlive) return;
      } catch (error) {
        if (!isTroubled) this.verdict.fail(`can not start: ${String(error)}`);
        this.verdict.note('start failed', String(error));
      }
      this.counts.failed_starts += 1;
      if (this.chance.happens(0.5)) disk.mend();
    }
  }

  /** The process is dead; what it knew is gone. */
  crashed(): void {
    const { life } = this;
    life.die();
    this.verdict.note('crash');
    this.counts.crashes += 1;
    // Mostly at once; sometimes later, and sometimes on a clock that was set back meanwhile.
    const dice = this.chance.next();
    if (dice < 0.7) this.restart(0);
    else if (dice < 0.9) this.restart(this.chance.acrossScales(1, 2 * DAY_MS));
    else this.restart(-this.chance.acrossScales(1, 60 * DAY_MS));
  }

  /** A process was stopped or died, and the next one begins a while later. */
  restart(laterMs: number): void {
    const { life } = this;
    life.die();
    this.counts.months += life.checks.months;
    this.#orphans.push(...life.calls);
    this.disk.reopen();
    this.begin(life.clock.now() + laterMs);
  }

  /** No traffic, no faults: everything that is under way ends. Then the rules of rest are checked. */
  async rest(isLast = false): Promise<void> {
    this.#isResting = true;
    this.counts.rests += 1;
    this.verdict.note('rest');
    await this.comeToRest();
    if (!this.isBroken) await checkAtRest(this, isLast || this.counts.rests % 8 === 0);
    this.life.isCalm = false;
    this.#isResting = false;
  }

  async comeToRest(): Promise<void> {
    this.disk.mend();
    this.disk.death = 'none';
    this.life.isCalm = true;
    for (let steps = 0; !this.isBroken; steps += 1) {
      const { responses, calls, flushes, ledger } = this.life;
      if (responses.length + calls.length + flushes.length === 0 && ledger.isHealthy()) return;
      if (steps > STEPS_TO_REST) this.verdict.fail('does not come to rest');
      await this.step();
    }
  }

  /** A client sends a request. */
  ask(question: Question): SimulatedResponse {
    const response = new SimulatedResponse(this.#ground.newId('req'));
    this.verdict.note('ask', question);
    this.life.ask(question, response);
    return response;
  }

  #traffic(): void {
    const { chance, life } = this;
    const { calls, flushes, counting, responses } = life;
    if (this.unreachableInARow >= UNREACHABLE_IN_A_ROW) {
      waitForProbe(this);
      return;
    }
    const isSpent =
      this.refusalsInARow >= REFUSALS_IN_A_ROW ||
      this.holdsInMonth >= this.profile.most.holdsInMonth;
    if (isSpent && !this.#isResting) {
      moveOn(this);
      return;
    }
    const toAsk = this.#canAsk() ? 3 : 0;
    const toAdvance = toAsk + (calls.length > 0 ? 2 + Math.min(calls.length, 8) : 0);
    const toFlush = toAdvance + (flushes.length > 0 ? 3 : 0);
    const toCount = toFlush + (counting.length > 0 ? 2 : 0);
    const toDrain = toCount + (responses.some((response) => response.isWaiting) ? 2 : 0);
    const dice = chance.next() * (toDrain + 1);
    if (dice < toAsk) this.ask(drawQuestion(chance, this.profile.disturbances.slowCount));
    else if (dice < toAdvance) this.#advance();
    else if (dice < toFlush) this.#flush();
    else if (dice < toCount) counting.splice(chance.below(counting.length), 1)[0]?.();
    else if (dice < toDrain) responses.find((response) => response.isWaiting)?.drain();
    else passTime(this, toDrain === 0);
  }

  #canAsk(): boolean {
    const { life } = this;
    return (
      !this.#isResting &&
      life.isOpen &&
      life.responses.length < this.profile.most.inFlight &&
      this.counts.admissions + life.counting.length < this.#admissions
    );
  }

  /** A provider does its next step. */
  #advance(): void {
    const { calls } = this.life;
    for (let tries = 0; tries < 4 && calls.length > 0; tries += 1) {
      const at = this.chance.below(calls.length);
      const call = calls[at];
      if (call?.canAdvance === true) {
        this.verdict.note('provider', call.facts.hold.id);
        call.advance();
        return;
      }
      if (call?.isOver === true && call.facts.hold.fate !== 'open') calls.splice(at, 1);
    }
    passTime(
      this,
      calls.every((call) => !call.canAdvance),
    );
  }

  #flush(): void {
    const { life } = this;
    const work = life.flushes;
    life.flushes = [];
    this.verdict.note('turn ends');
    for (const flush of work) flush();
  }

  #admitted(): void {
    if (this.isProbing) return;
    this.counts.admissions += 1;
    this.holdsInMonth += 1;
    this.refusalsInARow = 0;
    this.unreachableInARow = 0;
  }

  #ended({ id, errorCode, attempts, clientGone }: RequestEnded): void {
    const { counts } = this;
    this.verdict.note('answered', [id, errorCode]);
    counts.attempts += attempts;
    if (clientGone) counts.clients_gone += 1;
    if (errorCode === null) counts.served += 1;
    else if (errorCode === 'budget_exhausted' || errorCode === 'budget_reserved') {
      counts.refused += 1;
      this.refusalsInARow += 1;
    } else if (errorCode === 'ledger_unavailable') counts.unavailable += 1;
    else {
      counts.unanswered += 1;
      if (errorCode === 'no_available_backend') this.unreachableInARow += 1;
    }
  }
}
