/**
 * A simulation with its past: every step keeps what was to be seen, so going back shows it again, and doing something
 * else from there plays the steps up to it anew. Knows no browser.
 */
import { ActionError } from './simulated-setup.js';
import { Simulation } from './simulation.js';
import { MOST_STEPS } from './scenario-link.js';
import { fieldValue, instant, money, percent } from './words.js';
import { formatUsdExact, parseUsd } from '../../../core/money.ts';

const DESCRIPTIONS = {
  spend: (usd) => `Spend ${usdText(usd)}`,
  use: (share) => `Set utilisation to ${percent(Number(share))}`,
  request: (model, usd) => `Request to ${model}, ${usdText(usd)} in the cloud`,
  day: () => 'Next day',
  month: () => 'Next month',
  jump: (to, zone) => `Jump to ${instant(Date.parse(to), zone)}`,
  limit: (usd) => `Limit ${usdText(usd)}`,
  soft: (share) => `Soft limit ${fieldValue('softPercent', Number(share))}`,
  action: (word) => `At the limit: ${word}`,
  down: (name) => `${name} goes down`,
  up: (name) => `${name} comes back`,
};

function usdText(usd) {
  return money(parseUsd(usd));
}

/** An action in words. */
export function describeAction([name, ...words], zone) {
  return DESCRIPTIONS[name](...words, zone);
}

export class Scenario {
  #setup;
  #simulation;
  /** How many actions the simulation has behind it: it runs at the newest step that was played. */
  #played = 0;
  #actions = [];
  #views;
  #at = 0;

  /** Throws `ActionError` when the setup or one of the actions can not be. */
  static async start(setup, actions = [], at = actions.length) {
    const simulation = await Simulation.start(setup);
    const scenario = new Scenario(setup, simulation);
    for (const action of actions) await scenario.do(action);
    scenario.goTo(at);
    return scenario;
  }

  constructor(setup, simulation) {
    this.#setup = setup;
    this.#simulation = simulation;
    this.#views = [simulation.view()];
  }

  get setup() {
    return this.#setup;
  }

  get actions() {
    return this.#actions;
  }

  /** 0 is the start. */
  get at() {
    return this.#at;
  }

  get view() {
    return this.#views[this.#at];
  }

  /** What was to be seen one step before; null at the start. */
  get viewBefore() {
    return this.#views[this.#at - 1] ?? null;
  }

  /** From the step that is shown; what came after it is forgotten. Throws `ActionError`, and then nothing has changed. */
  async do(action) {
    if (this.#at >= MOST_STEPS)
      throw new ActionError(`A scenario has ${MOST_STEPS} steps at most. Start a new one.`);
    if (this.#played !== this.#at) await this.#replay(this.#at);
    try {
      await this.#simulation.apply(action);
    } catch (error) {
      // A step that failed half way leaves no half a step behind.
      await this.#replay(this.#at);
      throw error;
    }
    this.#actions = [...this.#actions.slice(0, this.#at), action];
    this.#views = [...this.#views.slice(0, this.#at + 1), this.#simulation.view()];
    this.#at += 1;
    this.#played = this.#at;
  }

  goTo(at) {
    this.#at = Math.max(0, Math.min(at, this.#actions.length));
  }

  stop() {
    this.#simulation.stop();
  }

  async #replay(count) {
    this.#simulation.stop();
    this.#simulation = await Simulation.start(this.#setup);
    for (const action of this.#actions.slice(0, count)) await this.#simulation.apply(action);
    this.#played = count;
  }
}

/** Where a running gateway stands, as the start of a simulation. */
export function setupFrom({ nowMs, budget, cycle, totals, backends, actors }) {
  const context = actors.find(({ id }) => id === 'budget-reconciler')?.context;
  const setup = {
    start: new Date(nowMs).toISOString(),
    limit: budget === null ? null : formatUsdExact(budget.limit),
    soft: context?.softLimitPercent ?? 75,
    action: budget?.action ?? 'warn',
    day: cycle.billingCycleDay,
    zone: cycle.timezone,
    spent: formatUsdExact(totals.settled + totals.suspense),
    backends: backends.map(({ name, kind, models }) => ({
      name,
      kind,
      models: models.slice(0, 8),
    })),
  };
  const down = backends.filter(({ health }) => health === 'unhealthy');
  return { setup, actions: down.map(({ name }) => ['down', name]) };
}
