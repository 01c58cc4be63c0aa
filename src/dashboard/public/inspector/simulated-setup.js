/** What a simulation starts from: the few words of a scenario as the settings that the control plane knows. */
import { MoneyError, parseUsd } from '../../../core/money.ts';

/** A simulated cloud model costs 10 USD per million tokens; a local one is free. */
export const NANO_PER_TOKEN = 10_000;

/** A price book of two prices: what is local is free. */
export function bookOf(backends) {
  const cloud = new Set(backends.filter(({ kind }) => kind === 'cloud').map(({ name }) => name));
  return {
    listVersion: 'simulation',
    priceOf: (backend, model) => ({
      model,
      source: cloud.has(backend) ? 'list' : 'free',
      version: 'simulation',
      tiers: [],
      perRequest: 0,
      maxOutputTokens: 0,
      maxOutputKnown: true,
    }),
    worstCase: ({ source }, tokens) => (source === 'free' ? 0 : tokens * NANO_PER_TOKEN),
    affordableOutput: () => 0,
    costOf: () => 0n,
  };
}

/** What a person did that can not be done, in words for that person. */
export class ActionError extends Error {
  name = 'ActionError';
}

export function amountOf(text) {
  try {
    return parseUsd(text);
  } catch (error) {
    if (error instanceof MoneyError)
      throw new ActionError(`Write an amount such as 12.50: ${error.message}.`);
    throw error;
  }
}

export function numberOf(text, least, most, what) {
  const number = Number(text);
  if (text.trim() !== '' && number >= least && number <= most) return number;
  throw new ActionError(`${what} is a number from ${least} to ${most}.`);
}

export function backendSettings({ name, kind, models }, at) {
  return {
    name,
    url: '',
    type: 'simulated',
    kind,
    priority: 10 * (at + 1),
    tier: 3,
    apiKeyEnv: null,
    apiKey: null,
    models,
    prices: {},
    simulation: null,
  };
}

export function budgetSettings({ limit, soft, action, day, zone }) {
  if (limit === null) return null;
  const monthlyLimit = amountOf(limit);
  if (monthlyLimit === 0) throw new ActionError('A limit is above 0.');
  return {
    monthlyLimit,
    softLimitPercent: numberOf(String(soft), 0.01, 100, 'The soft limit'),
    hardLimitAction: action,
    reconciliationIntervalSecs: 60,
    billingCycleDay: day,
    timezone: zone,
    unknownPrice: 'conservative',
  };
}

export function routingSettings() {
  return {
    strategy: 'smart',
    maxRetries: 2,
    weights: { priority: 50, load: 30, latency: 20 },
    aliases: {},
    fallbacks: {},
    policies: [],
    budget: null,
  };
}
