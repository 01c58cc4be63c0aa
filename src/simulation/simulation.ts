/**
 * A gateway without HTTP: the real control plane on a virtual clock, the real router, price book and ledger, and the
 * lines of the request path that decide and hold. Backends always answer, with the tokens that the traffic says.
 */
import { assert } from '../core/assert.ts';
import { periodAt, type BillingCycle } from '../core/billing-period.ts';
import type { ControlEvent, ControlPlane } from '../core/control.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { PriceBook } from '../core/prices.ts';
import type { ModelRequest } from '../core/request.ts';
import type { Settings } from '../core/settings.ts';
import type { TokenUsage } from '../core/usage.ts';
import { startControlPlane } from '../control/start-control-plane.ts';
import { VirtualClock } from '../control/virtual-clock.ts';
import type { StartedAttempt } from '../http/call-context.ts';
import { chooseAttempt, showsThatNothingFits, somethingFits } from '../http/choose-attempt.ts';
import { LoadBook } from '../http/load-book.ts';
import { refusalFor } from '../http/refusal.ts';
import { chargeFor } from '../http/settlement.ts';
import { openLedger, type OpenLedger } from '../ledger/ledger.ts';
import { MemoryStore } from '../ledger/memory-store.ts';
import { createPriceBook } from '../metering/price-book.ts';
import { createRouter, type Router } from '../routing/router.ts';
import { AskedModels } from './asked-models.ts';
import { countOf, shortened } from './billed-usage.ts';
import { InFlight } from './in-flight.ts';
import { MonthTally, totalOf } from './month-tally.ts';
import type { MonthOutcome, SimulationOutcome } from './outcome.ts';
import { projectedUsd } from './projection.ts';
import { Savings } from './savings.ts';
import { seededRandom, type Random } from './seeded-random.ts';
import { Timeline } from './timeline.ts';
import type { TrafficRequest } from './traffic/traffic-request.ts';
import { unboundedPrices } from './unbounded-prices.ts';
import { WarningLog } from './warning-log.ts';

export interface SimulationOptions {
  readonly settings: Settings;
  /** How long each request takes; 0: it is over at once. */
  readonly durationMs: number;
  /** Before the first request. */
  readonly startAtMs: number;
}

/** Months without a budget are calendar months in UTC, as in a gateway. */
const CALENDAR_MONTH: BillingCycle = { billingCycleDay: 1, timezone: 'UTC' };
/** Entries are stored in batches of about twice as many. */
const FLUSH_EVERY = 500;
const NO_BODY = Buffer.alloc(0);

export class Simulation {
  readonly #settings: Settings;
  readonly #durationMs: number;
  readonly #clock: VirtualClock;
  readonly #ledger: OpenLedger;
  readonly #control: ControlPlane;
  readonly #router: Router;
  readonly #prices: PriceBook;
  readonly #savings: Savings;
  readonly #load = new LoadBook();
  readonly #random: Random = seededRandom(1);
  readonly #timeline = new Timeline();
  readonly #log = new WarningLog();
  readonly #tallies = new Map<string, MonthTally>();
  readonly #unserved = new Map<string, number>();
  readonly #models: AskedModels;
  readonly #inFlight = new InFlight();
  #flush: () => void = () => {};
  #played = 0;
  #firstAtMs: number | null = null;
  #lastAtMs: number;

  /** Starts the control plane and waits for the first answers of the backends. */
  static async start(options: SimulationOptions): Promise<Simulation> {
    const simulation = new Simulation(options);
    await simulation.#control.probeAll();
    return simulation;
  }

  private constructor({ settings, durationMs, startAtMs }: SimulationOptions) {
    const { budget } = settings.routing;
    const { backends } = settings;
    const log = this.#log;
    this.#settings = settings;
    this.#durationMs = durationMs;
    this.#lastAtMs = startAtMs;
    this.#clock = new VirtualClock(startAtMs);
    const cycle = budget ?? CALENDAR_MONTH;
    this.#ledger = this.#openLedger(cycle);
    this.#router = createRouter(settings.routing);
    const unknownPrice = budget?.unknownPrice ?? 'conservative';
    this.#prices = unboundedPrices(createPriceBook({ backends, unknownPrice, log }));
    this.#models = new AskedModels(backends);
    this.#savings = new Savings(this.#router, this.#prices);
    this.#control = this.#startControl(cycle);
    this.#ledger.onTotals((totals) => this.#control.totalsChanged(totals));
    this.#control.onEvent((event) => this.#hear(event));
  }

  #openLedger(cycle: BillingCycle): OpenLedger {
    const { budget } = this.#settings.routing;
    let holds = 0;
    const ledger = openLedger({
      store: new MemoryStore(),
      clock: this.#clock,
      period: periodAt(this.#clock.now(), cycle),
      newId: () => `hold_${(holds += 1)}`,
      log: this.#log,
      scheduleFlush: (flush) => {
        this.#flush = flush;
      },
    });
    ledger.setBudget(
      budget && { limit: budget.monthlyLimit, enforce: budget.hardLimitAction !== 'warn' },
    );
    return ledger;
  }

  #startControl(cycle: BillingCycle): ControlPlane {
    const { routing, backends, healthCheck } = this.#settings;
    return startControlPlane({
      clock: this.#clock,
      // Stands still: what the gates hold back for a moment of real time is passed on when it matters, and probes and
      // reconciliations of a time that nobody lives through are left out. Nothing that is decided depends on them.
      ioClock: new VirtualClock(0),
      cycle,
      budget: routing.budget,
      backends,
      routesOf: () => ['chat', 'completions', 'embeddings', 'messages', 'responses'],
      healthCheck,
      probe: async (backend) => ({
        latencyMs: 0,
        models: this.#models.of(backend, this.#clock.now()),
      }),
      initialPeriod: this.#ledger.period(),
      totals: () => this.#ledger.totals(),
      openPeriod: (period) => this.#ledger.openPeriod(period),
      audit: () => this.#ledger.audit(),
    });
  }

  /** Before they are played: backends are asked for the models that are named for the first time, and for what may stand in. */
  async learn(requests: readonly TrafficRequest[]): Promise<void> {
    let isAsking = false;
    for (const { model } of requests) {
      if (this.#models.has(model)) continue;
      const { model: asked, fallbacks } = this.#router.resolve(model);
      if (this.#models.add(model, [asked, ...fallbacks])) isAsking = true;
    }
    if (isAsking) await this.#control.probeAll();
  }

  /** Plays one request. Its model must have been learnt, and it must not come before the last one. */
  play(traffic: TrafficRequest): void {
    const { atMs } = traffic;
    this.#endUntil(atMs);
    this.#clock.advanceTo(atMs);
    this.#firstAtMs ??= atMs;
    this.#lastAtMs = atMs;
    this.#control.noticeTime(atMs);
    const leave = this.#load.enter();
    const code = this.#admit(traffic, leave);
    if (code !== null) {
      leave();
      this.#refuse(code, traffic.model, atMs);
    }
    this.#played += 1;
    if (this.#played % FLUSH_EVERY === 0) this.#flush();
  }

  /** Holds and begins an attempt; null, or the code of the refusal. */
  #admit(traffic: TrafficRequest, leave: () => void): ErrorCode | null {
    // One request more than may be in the gateway is not even looked at.
    if (this.#load.active > this.#settings.server.maxConcurrentRequests) return 'overloaded';
    const request = this.#requestOf(traffic);
    const count = countOf(traffic.usage);
    const policy = this.#control.policy();
    const decision = this.#router.decide({
      request,
      tokens: count.tokens,
      policy,
      pending: (backend) => this.#load.pending(backend),
      turn: this.#load.nextTurn(),
      random: this.#random,
    });
    if (decision.kind === 'refuse') return decision.error.code;
    const choice = chooseAttempt(
      {
        ledger: this.#ledger,
        prices: this.#prices,
        load: this.#load,
        request,
        countOf: () => count,
        attempts: 0,
      },
      decision.candidates,
      0,
    );
    if (choice.kind === 'none') {
      const isOtherAffordable = (): boolean =>
        somethingFits(
          this.#control.policy(),
          this.#prices,
          this.#ledger.headroom() ?? 0,
          request.receivedAtMs,
        );
      if (showsThatNothingFits(this.#ledger, choice.refusals, isOtherAffordable))
        this.#control.nothingFits();
      return refusalFor(choice.refusals, request.model).code;
    }
    this.#begin(choice.started, request, traffic.usage, leave);
    return null;
  }

  #requestOf({ atMs, model, usage, maxOutputTokens }: TrafficRequest): ModelRequest {
    return {
      id: `request_${this.#played + 1}`,
      route: 'chat',
      model: this.#models.nameOf(model),
      body: {},
      rawBody: NO_BODY,
      stream: false,
      wantsUsageChunk: false,
      maxOutputTokens: Math.max(maxOutputTokens ?? 0, usage.output),
      maxOutputField: null,
      choices: 1,
      features: { vision: false, tools: false, jsonMode: false },
      strict: false,
      receivedAtMs: atMs,
    };
  }

  #begin(
    { plan, hold }: StartedAttempt,
    request: ModelRequest,
    usage: TokenUsage,
    leave: () => void,
  ): void {
    const { backend, kind } = plan.candidate;
    const billed = plan.isLowered ? shortened(usage, plan.maxOutputTokens ?? 0) : usage;
    const charge = chargeFor(this.#prices, plan, billed, 'provider');
    const tally = this.#tally();
    tally[kind] += 1;
    if (billed !== usage) tally.shortened += 1;
    if (kind === 'local') {
      const policy = this.#control.policy();
      tally.savedByLocal += this.#savings.of(request, billed, policy, charge.amount);
    }
    const end = this.#load.begin(backend);
    const finish = (): void => {
      this.#control.attemptEnded({ backend, outcome: 'ok', reason: null, latencyMs: null });
      this.#ledger.settle(hold.id, charge);
      end();
      leave();
    };
    if (this.#durationMs === 0) finish();
    else this.#inFlight.add({ endsAtMs: request.receivedAtMs + this.#durationMs, end: finish });
    this.#count(kind, request.receivedAtMs);
  }

  #refuse(code: ErrorCode, model: string, atMs: number): void {
    this.#tally().refuse(code);
    if (code === 'model_not_found') {
      const name = this.#models.nameOf(model);
      this.#unserved.set(name, (this.#unserved.get(name) ?? 0) + 1);
    }
    this.#count('refused', atMs);
  }

  #count(outcome: 'local' | 'cloud' | 'refused', atMs: number): void {
    const { month, settled } = this.#ledger.totals();
    this.#timeline.count(outcome, atMs, month, settled);
    this.#noteStatus();
  }

  #noteStatus(): void {
    this.#tally().status = this.#control.budget()?.status ?? null;
  }

  #tally(): MonthTally {
    const period = this.#ledger.period();
    let tally = this.#tallies.get(period.month);
    if (tally === undefined) {
      tally = new MonthTally(period);
      this.#tallies.set(period.month, tally);
    }
    return tally;
  }

  /** Ends the requests that are over by then, each at its own time. */
  #endUntil(atMs: number): void {
    for (let over = this.#inFlight.takeEnded(atMs); over; over = this.#inFlight.takeEnded(atMs)) {
      this.#clock.advanceTo(over.endsAtMs);
      this.#control.noticeTime(over.endsAtMs);
      over.end();
      const { month, settled } = this.#ledger.totals();
      // A month in which nothing has come yet is none of the outcome.
      if (!this.#tallies.has(month)) continue;
      this.#timeline.spend(over.endsAtMs, month, settled);
      this.#noteStatus();
    }
  }

  #hear(event: ControlEvent): void {
    const atMs = this.#clock.now();
    if (event.kind === 'soft_limit_reached') this.#tally().softLimitAtMs ??= atMs;
    else if (event.kind === 'hard_limit_reached') this.#tally().hardLimitAtMs ??= atMs;
    else if (event.kind === 'actor_failed') this.#log.error(`${event.actor}: ${event.reason}`);
  }

  /** Ends what is in flight, checks the books and closes them. */
  async finish(): Promise<SimulationOutcome> {
    this.#endUntil(Number.POSITIVE_INFINITY);
    for (const { month, drift, problems = [] } of this.#ledger.verify()) {
      assert(drift === 0 && problems.length === 0, `the books of ${month} do not balance`);
    }
    const months = this.#months();
    await this.#control.stop();
    await this.#ledger.close();
    const { stepMs, steps } = this.#timeline;
    return {
      months,
      total: totalOf(months),
      budget: this.#settings.routing.budget,
      firstAtMs: this.#firstAtMs ?? this.#lastAtMs,
      lastAtMs: this.#lastAtMs,
      timeline: { stepMs, steps },
      unserved: this.#unserved,
      warnings: [...this.#log.warnings],
    };
  }

  #months(): readonly MonthOutcome[] {
    const { budget } = this.#settings.routing;
    const window = { firstAtMs: this.#firstAtMs ?? this.#lastAtMs, lastAtMs: this.#lastAtMs };
    return Array.from(this.#tallies.values(), (tally) => {
      const { period, status, softLimitAtMs, hardLimitAtMs } = tally;
      const { settled, suspense } = this.#ledger.totalsOf(period.month);
      const counts = tally.counts(settled + suspense);
      return {
        ...counts,
        period,
        status,
        softLimitAtMs,
        hardLimitAtMs,
        projectedUsd: projectedUsd({ ...window, period, spending: counts.spending, budget }),
      };
    });
  }
}
