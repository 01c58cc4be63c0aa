/** The make of one world: its backends, its budget, and how often each thing goes wrong in it. */
import { loadConfig } from '../../src/config/load-config.ts';
import type { BackendSettings, HardLimitAction, Settings } from '../../src/core/settings.ts';
import { ZONES, type Calendar } from './calendar.ts';
import type { Chance } from './chance.ts';
import { worstNano, type ModelPrice } from './price.ts';

/** Shares of calls, 0 to 1. */
export interface ProviderFaults {
  readonly connect: number;
  readonly silent: number;
  readonly reset: number;
  readonly errorStatus: number;
  readonly broken: number;
  readonly stalled: number;
  readonly usageMissing: number;
  readonly usageZero: number;
  readonly usageExcessive: number;
  readonly reportsCost: number;
  /** A call that is cut without a usage is billed to its end all the same. */
  readonly billsPastCut: number;
  /** A call of whose outcome nobody is told is billed above its hold. */
  readonly hiddenExcess: number;
}

/** How often something happens beside the traffic, in each step. */
export interface Disturbances {
  readonly clientLeaves: number;
  readonly clientSlow: number;
  readonly slowCount: number;
  readonly crash: number;
  readonly crashInStore: number;
  readonly stop: number;
  readonly diskFault: number;
  readonly clockBack: number;
  readonly clockAhead: number;
  readonly idleHours: number;
  readonly limitChange: number;
  readonly repeatedEnd: number;
  readonly lateTruth: number;
  readonly conflictingTruth: number;
  readonly reconcile: number;
  readonly rest: number;
}

export interface Profile {
  readonly calendar: Calendar;
  /** Restarts change the billing day. */
  readonly hasOtherDays: boolean;
  readonly startsAtMs: number;
  readonly settings: Settings;
  /** By backend, then model. A model that is not in here is free at that backend. */
  readonly prices: ReadonlyMap<string, ReadonlyMap<string, ModelPrice>>;
  /** What an ordinary request is held for, in nano-dollars. */
  readonly ordinaryHold: number;
  readonly most: { readonly inFlight: number; readonly holdsInMonth: number };
  readonly provider: ProviderFaults;
  readonly disturbances: Disturbances;
}

export const MODELS: readonly [string, ...string[]] = ['small', 'large'];
const LOCAL = 'home';

let defaults: Settings | undefined;

/** The defaults of the schema, as the gateway itself reads them. */
function defaultSettings(): Settings {
  return (defaults ??= loadConfig({ env: {} }).settings);
}

function modelPrice(chance: Chance): ModelPrice {
  const input = chance.acrossScales(50_000, 20_000_000);
  const output = chance.acrossScales(100_000, 60_000_000);
  return {
    input,
    cachedInput: chance.below(input + 1),
    output,
    reasoning: chance.happens(0.7) ? output : chance.acrossScales(100_000, 90_000_000),
    perRequest: chance.happens(0.2) ? chance.below(500_000) : 0,
    maxOutput: chance.acrossScales(64, 20_000),
  };
}

function backend(name: string, kind: BackendSettings['kind'], chance: Chance): BackendSettings {
  return {
    name,
    url: `http://${name}.invalid`,
    type: kind === 'cloud' ? 'openai' : 'ollama',
    kind,
    priority: chance.below(100),
    tier: 3,
    apiKeyEnv: null,
    apiKey: null,
    models: [...MODELS],
    prices: {},
    simulation: null,
  };
}

function withPrices(of: BackendSettings, prices: ReadonlyMap<string, ModelPrice>): BackendSettings {
  const settings = Array.from(prices, ([model, { maxOutput, ...rates }]) => [
    model,
    { ...rates, maxOutputTokens: maxOutput },
  ]);
  return { ...of, prices: Object.fromEntries(settings) };
}

/** Half of the faults are left out of each world, so that the others have it to themselves. */
function sometimes(chance: Chance, least: number, most: number): number {
  return chance.happens(0.5) ? 0 : least + chance.next() * (most - least);
}

function providerFaults(chance: Chance): ProviderFaults {
  return {
    connect: sometimes(chance, 0, 0.2),
    silent: sometimes(chance, 0, 0.05),
    reset: sometimes(chance, 0, 0.1),
    errorStatus: sometimes(chance, 0, 0.3),
    broken: sometimes(chance, 0, 0.2),
    stalled: sometimes(chance, 0, 0.05),
    usageMissing: sometimes(chance, 0, 0.5),
    usageZero: sometimes(chance, 0, 0.1),
    usageExcessive: sometimes(chance, 0, 0.1),
    reportsCost: sometimes(chance, 0, 0.3),
    billsPastCut: chance.happens(0.8) ? 0 : 0.5,
    hiddenExcess: chance.happens(0.8) ? 0 : 0.2,
  };
}

function disturbances(chance: Chance): Disturbances {
  return {
    clientLeaves: sometimes(chance, 0, 0.03),
    clientSlow: sometimes(chance, 0, 0.1),
    slowCount: sometimes(chance, 0, 0.5),
    crash: sometimes(chance, 0, 0.001),
    crashInStore: sometimes(chance, 0, 0.0007),
    stop: sometimes(chance, 0, 0.0003),
    diskFault: sometimes(chance, 0, 0.005),
    clockBack: sometimes(chance, 0, 0.002),
    clockAhead: sometimes(chance, 0, 0.002),
    idleHours: sometimes(chance, 0, 0.001),
    limitChange: sometimes(chance, 0, 0.01),
    repeatedEnd: sometimes(chance, 0, 0.03),
    lateTruth: sometimes(chance, 0, 0.02),
    conflictingTruth: sometimes(chance, 0, 0.005),
    reconcile: sometimes(chance, 0, 0.002),
    rest: 0.0008,
  };
}

const ACTIONS: readonly [HardLimitAction, ...HardLimitAction[]] = [
  'block_cloud',
  'block_cloud',
  'block_cloud',
  'block_all',
  'block_all',
  'warn',
];

function routingOf(
  chance: Chance,
  calendar: Calendar,
  ordinaryHold: number,
): Pick<Settings['routing'], 'strategy' | 'maxRetries' | 'fallbacks' | 'policies' | 'budget'> {
  const cap = Math.ceil(ordinaryHold * (0.01 + chance.next() * 2));
  const policy = { modelPattern: 'la*', privacy: 'unrestricted', maxCostPerRequest: cap } as const;
  return {
    strategy: chance.pick(['smart', 'round_robin', 'priority_only', 'random']),
    maxRetries: chance.below(4),
    fallbacks: chance.happens(0.5) ? { large: ['small'] } : {},
    policies: chance.happens(0.3) ? [{ ...policy, minTier: 1, fallbackAllowed: true }] : [],
    budget: {
      monthlyLimit: Math.ceil(ordinaryHold * chance.acrossScales(2, 3000) * (0.5 + chance.next())),
      softLimitPercent: chance.pick([50, 75, 82.5, 99.9, 100]),
      hardLimitAction: chance.pick(ACTIONS),
      reconciliationIntervalSecs: chance.pick([60, 3600, 86_400]),
      billingCycleDay: calendar.billingDay,
      timezone: calendar.timezone,
      unknownPrice: 'deny',
      exhaustedStatus: 503,
    },
  };
}

export function createProfile(chance: Chance): Profile {
  const calendar: Calendar = { ...chance.pick(ZONES), billingDay: chance.between(1, 31) };
  const prices = new Map<string, ReadonlyMap<string, ModelPrice>>();
  const backends: BackendSettings[] = [];
  let ordinaryHold = 0;
  for (const name of ['a', 'b', 'c'].slice(0, chance.between(1, 3))) {
    const own = new Map(MODELS.map((model) => [model, modelPrice(chance)]));
    prices.set(name, own);
    backends.push(withPrices(backend(name, 'cloud', chance), own));
    for (const price of own.values())
      ordinaryHold = Math.max(ordinaryHold, worstNano(price, 1000, 500));
  }
  // One that is free serves the small model only, and would otherwise take all traffic.
  if (chance.happens(0.3)) backends.push({ ...backend(LOCAL, 'local', chance), models: ['small'] });
  const base = defaultSettings();
  const settings: Settings = {
    ...base,
    backends,
    server: {
      ...base.server,
      requestTimeoutSeconds: chance.between(1, 60),
      clientGoneDrainSeconds: chance.pick([0, 1, 10]),
    },
    healthCheck: {
      ...base.healthCheck,
      enabled: chance.happens(0.5),
      intervalSeconds: chance.pick([2, 30]),
    },
    routing: { ...base.routing, ...routingOf(chance, calendar, ordinaryHold) },
  };
  return {
    calendar,
    hasOtherDays: chance.happens(0.1),
    startsAtMs: Date.UTC(2026, chance.below(12), chance.between(1, 28), chance.below(24)),
    settings,
    prices,
    ordinaryHold,
    most: {
      inFlight: chance.acrossScales(1, chance.happens(0.1) ? 300 : 40),
      holdsInMonth: chance.acrossScales(20, 1000),
    },
    provider: providerFaults(chance),
    disturbances: disturbances(chance),
  };
}
