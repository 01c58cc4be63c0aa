/**
 * One life of a gateway process over the disk of its world: the production ledger, control plane, router, price book and
 * conductor, put together as `src/main.ts` does it, with the world's clock, storage, clients and providers.
 */
import type { Response } from 'express';
import { periodAt, type BillingCycle } from '../../src/core/billing-period.ts';
import type { ControlPlane } from '../../src/core/control.ts';
import type { RequestEnded } from '../../src/core/facts.ts';
import type { LedgerEntry } from '../../src/core/ledger.ts';
import { OpenCalls } from '../../src/core/open-calls.ts';
import type { Settings } from '../../src/core/settings.ts';
import { startControlPlane } from '../../src/control/start-control-plane.ts';
import { VirtualClock } from '../../src/control/virtual-clock.ts';
import { admitHere } from '../../src/http/admission.ts';
import { handleModelRequest } from '../../src/http/handle-model-request.ts';
import { LoadBook } from '../../src/http/load-book.ts';
import type { Services } from '../../src/http/services.ts';
import { openLedger, type OpenLedger } from '../../src/ledger/ledger.ts';
import { costOf } from '../../src/metering/cost.ts';
import { createPriceBook } from '../../src/metering/price-book.ts';
import { createTokenCalibration } from '../../src/metering/token-calibration.ts';
import { createRouter } from '../../src/routing/router.ts';
import { AdmissionCheck } from './admission-check.ts';
import type { Calendar } from './calendar.ts';
import type { Chance } from './chance.ts';
import { ControlCheck } from './control-check.ts';
import type { MoneyCheck } from './money-check.ts';
import type { Profile } from './profile.ts';
import { Providers } from './providers.ts';
import type { SimulatedCall } from './simulated-call.ts';
import type { Question } from './question.ts';
import { clientRequest, type SimulatedResponse } from './simulated-client.ts';
import type { DiskOwner, SimulatedDisk } from './simulated-disk.ts';
import { faultLog, NO_VIEWS, questionCounter } from './stand-ins.ts';
import type { Limits } from './status-model.ts';
import type { Verdict } from './verdict.ts';
import { watchControl, watchedFacts, watchedRouter, watchLedger, type Watched } from './watch.ts';

/** What outlives a process. */
export interface Ground {
  readonly profile: Profile;
  /** The one that the file names now. */
  readonly calendar: Calendar;
  readonly chance: Chance;
  readonly disk: SimulatedDisk;
  readonly verdict: Verdict;
  readonly money: MoneyCheck;
  readonly newId: (kind: string) => string;
  /** A request was held for the first time. */
  readonly onAdmitted: () => void;
  /** A request got its answer, or its client left. */
  readonly onEnded: (fact: RequestEnded) => void;
  /** Calls that were under way when the last process died. */
  readonly orphans: readonly SimulatedCall[];
}

type Handler = (request: object, response: Response, next: () => void) => unknown;

export class Life implements DiskOwner, Watched {
  isAlive = true;
  isOpen = true;
  isCalm = false;
  isToldFromOutside = false;
  /** The ledger was told different charges for one hold. */
  mayConflict = false;
  readonly clock: VirtualClock;
  readonly ledger: OpenLedger;
  readonly control: ControlPlane;
  readonly checks: ControlCheck;
  readonly admission: AdmissionCheck;
  readonly load = new LoadBook();
  readonly calls: SimulatedCall[];
  readonly responses: SimulatedResponse[] = [];
  /** What waits for the end of the event loop's turn. */
  flushes: (() => void)[] = [];
  /** Token counts that are still being made. */
  readonly counting: (() => void)[] = [];
  readonly openCalls = new OpenCalls();
  readonly #ground: Ground;
  readonly #log = faultLog((what) => this.isAlive && this.#ground.verdict.fail(what));
  readonly #handle: Handler;

  /** Throws what `openLedger` throws. */
  constructor(ground: Ground, atMs: number, limits: Limits) {
    this.#ground = ground;
    const { profile, verdict, money, disk, calendar } = ground;
    const cycle = { billingCycleDay: calendar.billingDay, timezone: calendar.timezone };
    const settings = settingsWith(profile.settings, limits);
    this.clock = new VirtualClock(atMs);
    this.ledger = this.#openLedger(cycle);
    this.ledger.setBudget({ limit: limits.limit, enforce: limits.action !== 'warn' });
    money.recovered(ground.orphans);
    const { hasOtherDays } = profile;
    const parts = { verdict, calendar, hasOtherDays, books: money.books, disk };
    this.checks = new ControlCheck(parts, this.ledger, limits, atMs);
    this.admission = new AdmissionCheck(verdict, profile);
    const providers = new Providers(ground, this.admission, this);
    this.calls = providers.calls;
    this.control = this.#startControl(settings, cycle, providers);
    this.ledger.onTotals((totals) => this.control.totalsChanged(totals));
    this.control.onEvent((event) => this.isAlive && this.checks.told(event));
    this.checks.watch(this.control);
    watchControl(this);
    watchLedger(this, ground);
    this.#handle = handleModelRequest(this.#services(settings, providers), 'chat') as Handler;
  }

  /** A client sends a request. */
  ask(question: Question, response: SimulatedResponse): void {
    const id = String(response.getHeader('X-Nexus-Request-Id'));
    this.admission.asked(id, question);
    this.responses.push(response);
    void this.#serve(id, question, response);
  }

  changeLimits(limits: Limits): void {
    const { limit, softPercent, action } = limits;
    this.ledger.setBudget({ limit, enforce: action !== 'warn' });
    this.checks.limitsChanged(limits);
    this.control.changeBudget({ limit, softLimitPercent: softPercent, action });
  }

  /** Tells the ledger something about a hold that the request path has ended already. */
  fromOutside(tell: (ledger: OpenLedger) => void): void {
    this.isToldFromOutside = true;
    tell(this.ledger);
    this.isToldFromOutside = false;
  }

  stored(entries: readonly LedgerEntry[]): void {
    const { money, disk } = this.#ground;
    for (const { kind, holdId } of entries) if (kind === 'hold') money.books.stored(holdId);
    // Late charges are booked right after, when the store can be asked.
    if (!disk.isUnreadable) money.bookLate(() => this.checks.spendingChanged());
  }

  failed(): void {
    this.#ground.money.books.takeBack();
  }

  die(): void {
    this.isAlive = false;
    this.#ground.money.died();
  }

  broke(rule: string): void {
    this.#ground.verdict.fail(`the store refuses a batch: ${rule}`);
  }

  async #serve(id: string, question: Question, response: SimulatedResponse): Promise<void> {
    const { verdict } = this.#ground;
    try {
      await this.#handle(clientRequest(question), response.asResponse(), () => undefined);
    } catch (error) {
      if (this.isAlive) verdict.fail(`the handler of ${id} threw: ${String(error)}`);
    }
    if (!this.isAlive) return;
    this.responses.splice(this.responses.indexOf(response), 1);
    verdict.check(response.ends <= 1, () => `${id} was answered ${response.ends} times`);
    this.admission.ended(id);
  }

  #openLedger(cycle: BillingCycle): OpenLedger {
    const { money, disk, newId, verdict } = this.#ground;
    money.beginning();
    return openLedger({
      store: disk.connect(this),
      clock: this.clock,
      period: periodAt(this.clock.now(), cycle),
      newId: () => newId('hold'),
      log: this.#log,
      costOf,
      scheduleFlush: (flush) => this.flushes.push(flush),
      onAlarm: ({ kind, holdId }) =>
        verdict.check(
          kind === 'conflicting_charge' && this.mayConflict,
          () => `alarm: ${kind} of ${holdId}`,
        ),
    });
  }

  #startControl(settings: Settings, cycle: BillingCycle, providers: Providers): ControlPlane {
    return startControlPlane({
      clock: this.clock,
      cycle,
      budget: settings.routing.budget,
      backends: settings.backends,
      routesOf: () => providers.routesOf(),
      healthCheck: settings.healthCheck,
      probe: () => providers.probe(),
      initialPeriod: this.ledger.period(),
      totals: () => this.ledger.totals(),
      openPeriod: (period) => {
        const totals = this.ledger.openPeriod(period);
        if (this.isAlive) this.checks.monthOpened(period, this.clock.now());
        return totals;
      },
      audit: () => this.ledger.audit(),
    });
  }

  #services(settings: Settings, upstream: Providers): Services {
    const { chance, newId } = this.#ground;
    const log = this.#log;
    const deciding = {
      settings,
      calibration: createTokenCalibration({ tierOf: () => 'exact' }),
      clock: this.clock,
      control: this.control,
      ledger: this.ledger,
      prices: createPriceBook({ backends: settings.backends, unknownPrice: 'deny', log }),
      router: watchedRouter(createRouter(settings.routing), this),
      load: this.load,
      random: () => chance.next(),
    };
    return {
      ...deciding,
      version: 'simulated',
      ioClock: this.clock,
      movableClock: null,
      log,
      admission: admitHere(deciding),
      tokens: questionCounter(this.counting),
      upstream,
      facts: watchedFacts(this, this.#ground),
      views: NO_VIEWS,
      isOpen: () => this.isOpen,
      isLedgerHealthy: () => this.ledger.isHealthy(),
      calls: this.openCalls,
      newRequestId: () => newId('req'),
    };
  }
}

/** The settings as the file would have them after the changes of the limit so far. */
function settingsWith(settings: Settings, { limit, softPercent, action }: Limits): Settings {
  const { routing } = settings;
  if (routing.budget === null) return settings;
  const budget = {
    ...routing.budget,
    monthlyLimit: limit,
    softLimitPercent: softPercent,
    hardLimitAction: action,
  };
  return { ...settings, routing: { ...routing, budget } };
}
