/**
 * A gateway without HTTP: the control plane, the router and the admission of production, these very files, on a clock
 * that is moved by hand and on books of a few numbers. Runs in browsers and in Node.
 */
import { lendProcess } from './browser-process.js';
import { startControlPlane } from '../../../control/start-control-plane.ts';
import { VirtualClock } from '../../../control/virtual-clock.ts';
import { periodAt } from '../../../core/billing-period.ts';
import { chooseAttempt, showsThatNothingFits } from '../../../http/choose-attempt.ts';
import { refusalFor } from '../../../http/refusal.ts';
import { createRouter } from '../../../routing/router.ts';
import { createActorJournal } from '../../../telemetry/actor-journal.ts';
import { inspectorView } from '../../inspector-view.ts';
import { SimulatedBooks } from './simulated-books.js';
import {
  ActionError,
  amountOf,
  backendSettings,
  bookOf,
  budgetSettings,
  NANO_PER_TOKEN,
  numberOf,
  routingSettings,
} from './simulated-setup.js';

const DAY_MS = 86_400_000;
/** Further than that no budget is planned, and the clock stops at every hour on its way. */
const LONGEST_JUMP_MS = 5 * 366 * DAY_MS;
const THRESHOLDS = { failureThreshold: 3, recoveryThreshold: 2 };
/** Longer than gates hold anything back, so that a step shows all that it led to. */
const SETTLE_MS = 1000;
const ANSWERS_KEPT = 20;

export class Simulation {
  #clock;
  /** Real time of production stands still here, but for the moment in which gates let go. */
  #ioClock = new VirtualClock(0);
  #cycle;
  #books;
  #limits;
  #backends;
  #prices;
  #down = new Set();
  #plane;
  #journal;
  #router = createRouter(routingSettings());
  #answers = [];
  #turn = 0;

  /**
   * @param {object} setup {start, limit, soft, action, day, zone, spent, backends: [{name, kind, models}]}
   * Throws `ActionError` when it can not be.
   */
  static async start(setup) {
    const simulation = new Simulation(setup);
    await simulation.#settle();
    return simulation;
  }

  constructor(setup) {
    lendProcess();
    const startMs = Date.parse(setup.start);
    if (Number.isNaN(startMs)) throw new ActionError(`"${setup.start}" is not an instant.`);
    this.#clock = new VirtualClock(startMs);
    this.#cycle = { billingCycleDay: setup.day, timezone: setup.zone };
    this.#backends = setup.backends.map(backendSettings);
    this.#prices = bookOf(this.#backends);
    this.#journal = createActorJournal(() => this.#clock.now());
    this.#journal.subscribe(() => {});
    const budget = budgetSettings(setup);
    const initialPeriod = periodAt(startMs, this.#cycle);
    this.#books = new SimulatedBooks(initialPeriod.month, amountOf(setup.spent));
    this.#limits = budget && {
      limit: budget.monthlyLimit,
      softLimitPercent: budget.softLimitPercent,
      action: budget.hardLimitAction,
    };
    this.#enforce();
    this.#plane = startControlPlane({
      clock: this.#clock,
      ioClock: this.#ioClock,
      cycle: this.#cycle,
      budget,
      backends: this.#backends,
      routesOf: () => ['chat'],
      // Probes come when a backend changes, not by the clock: a month would hold 86,400 rounds of them.
      healthCheck: { enabled: true, intervalSeconds: 1e9, timeoutSeconds: 5, ...THRESHOLDS },
      probe: async (name) => this.#probe(name),
      initialPeriod,
      totals: () => this.#books.totals(),
      openPeriod: (period) => this.#books.openPeriod(period),
      audit: () => this.#books.audit(this.#clock.now()),
      inspect: this.#journal.inspect,
    });
  }

  /** @param {string[]} action its name and its words, as a link writes them. Throws `ActionError`. */
  async apply([name, ...words]) {
    const act = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined;
    if (act === undefined) throw new ActionError(`Nobody knows how to "${name}".`);
    await act(this, ...words.map(String));
    await this.#settle();
  }

  view() {
    return structuredClone(
      inspectorView({
        nowMs: this.#clock.now(),
        policy: this.#plane.policy(),
        cycle: this.#cycle,
        period: this.#plane.period(),
        totals: this.#books.totals(),
        actors: this.#journal.actors(),
        records: this.#journal.records(),
        answers: this.#answers,
      }),
    );
  }

  stop() {
    void this.#plane.stop();
  }

  spend(usd) {
    this.#books.charge(amountOf(usd));
    this.#plane.totalsChanged(this.#books.totals());
  }

  use(percent) {
    const share = numberOf(percent, 0, 1000, 'The utilisation');
    this.#needsBudget();
    this.#books.setSettled(Math.ceil((this.#limits.limit * share) / 100));
    this.#plane.totalsChanged(this.#books.totals());
  }

  /** One request that costs `usd` at a cloud backend and nothing at a local one. */
  request(model, usd) {
    const cost = amountOf(usd);
    this.#turn += 1;
    const decision = this.#router.decide({
      request: {
        model,
        route: 'chat',
        features: { vision: false, tools: false, jsonMode: false },
        strict: false,
      },
      tokens: 0,
      policy: this.#plane.policy(),
      pending: () => 0,
      turn: this.#turn,
      random: () => 0,
    });
    if (decision.kind === 'refuse') this.#refuse(model, decision.error);
    else this.#admit(model, cost, decision.candidates);
  }

  day() {
    this.#clock.advance(DAY_MS);
    this.#plane.noticeTime(this.#clock.now());
  }

  month() {
    this.#moveTo(this.#plane.period().endsAtMs);
  }

  jump(to) {
    const atMs = Date.parse(to);
    if (Number.isNaN(atMs)) throw new ActionError(`"${to}" is not a date.`);
    this.#moveTo(atMs);
  }

  limit(usd) {
    const limit = amountOf(usd);
    if (limit === 0) throw new ActionError('A limit is above 0.');
    this.#changeBudget({ limit });
  }

  soft(percent) {
    this.#changeBudget({ softLimitPercent: numberOf(percent, 0.01, 100, 'The soft limit') });
  }

  action(action) {
    if (!['warn', 'block_cloud', 'block_all'].includes(action))
      throw new ActionError('The action is warn, block_cloud or block_all.');
    this.#changeBudget({ action });
  }

  async down(name) {
    this.#known(name);
    this.#down.add(name);
    for (let i = 0; i < THRESHOLDS.failureThreshold; i += 1) await this.#plane.probeAll();
  }

  async up(name) {
    this.#known(name);
    this.#down.delete(name);
    for (let i = 0; i < THRESHOLDS.recoveryThreshold; i += 1) await this.#plane.probeAll();
  }

  #needsBudget() {
    if (this.#limits === null)
      throw new ActionError('There is no budget here; start a simulation that has one.');
  }

  #known(name) {
    if (!this.#backends.some((backend) => backend.name === name))
      throw new ActionError(`There is no backend named "${name}".`);
  }

  #probe(name) {
    if (this.#down.has(name)) throw new Error('connection refused');
    return { latencyMs: 40, models: [] };
  }

  #changeBudget(change) {
    this.#needsBudget();
    this.#limits = { ...this.#limits, ...change };
    this.#enforce();
    this.#plane.changeBudget(this.#limits);
  }

  #enforce() {
    const isEnforced = this.#limits !== null && this.#limits.action !== 'warn';
    this.#books.enforce(isEnforced ? this.#limits.limit : null);
  }

  #moveTo(atMs) {
    const aheadMs = atMs - this.#clock.now();
    if (aheadMs > LONGEST_JUMP_MS) throw new ActionError('That is more than five years ahead.');
    // As when an operator sets the clock back: time goes on from there, and no month is opened again.
    if (aheadMs < 0) this.#clock.setWall(atMs);
    else this.#clock.advance(aheadMs);
    this.#plane.noticeTime(this.#clock.now());
  }

  #admit(model, cost, candidates) {
    const tokens = Math.ceil(cost / NANO_PER_TOKEN);
    const receivedAtMs = this.#clock.now();
    const choice = chooseAttempt(
      {
        ledger: this.#books,
        prices: this.#prices,
        load: { active: 1 },
        // All of its cost is its input, so there is no output that could be shortened to make it fit.
        request: {
          id: 'simulated',
          model,
          route: 'chat',
          maxOutputTokens: 0,
          choices: 1,
          receivedAtMs,
        },
        countOf: () => ({ tokens, bound: tokens, tier: 'exact' }),
        attempts: 0,
      },
      candidates,
      0,
    );
    if (choice.kind === 'none') {
      if (showsThatNothingFits(this.#books, choice.refusals)) this.#plane.nothingFits();
      this.#refuse(model, refusalFor(choice.refusals, model));
    } else this.#serve(model, cost, choice.started);
  }

  #serve(model, cost, { plan: { candidate }, reason }) {
    const costNano = candidate.kind === 'cloud' ? cost : 0;
    this.#books.charge(costNano);
    this.#plane.totalsChanged(this.#books.totals());
    this.#answer({
      model,
      modelServed: candidate.model,
      backend: candidate.backend,
      backendKind: candidate.kind,
      reason,
      status: 200,
      code: null,
      message: null,
      costNano,
    });
  }

  #refuse(model, { status, code, message }) {
    const none = { modelServed: null, backend: null, backendKind: null, reason: null, costNano: 0 };
    this.#answer({ model, ...none, status, code, message });
  }

  #answer(answer) {
    this.#answers = [{ atMs: this.#clock.now(), ...answer }, ...this.#answers].slice(
      0,
      ANSWERS_KEPT,
    );
  }

  /** Lets the gates pass on what they hold, and probes that are under way come home. */
  async #settle() {
    this.#ioClock.advance(SETTLE_MS);
    if (this.#plane.policy().backends.some(({ health }) => health === 'unknown'))
      await this.#plane.probeAll();
  }
}

const ACTS = {
  spend: (simulation, usd) => simulation.spend(usd),
  use: (simulation, percent) => simulation.use(percent),
  request: (simulation, model, usd) => simulation.request(model, usd),
  day: (simulation) => simulation.day(),
  month: (simulation) => simulation.month(),
  jump: (simulation, to) => simulation.jump(to),
  limit: (simulation, usd) => simulation.limit(usd),
  soft: (simulation, percent) => simulation.soft(percent),
  action: (simulation, word) => simulation.action(word),
  down: (simulation, name) => simulation.down(name),
  up: (simulation, name) => simulation.up(name),
};
