/** `[routing]`: what the schema can not say of it, and the form in which the gateway uses it. */
import { isTimezone } from '../core/billing-period.ts';
import { parseGlob } from '../core/glob.ts';
import { parseUsd } from '../core/money.ts';
import type { BudgetSettings, RoutingPolicySettings, RoutingSettings } from '../core/settings.ts';
import { atKey } from './build-backends.ts';
import { KeyProblem } from './config-error.ts';
import { nearest } from './nearest.ts';
import type { RawBudget, RawConfig, RawPolicy } from './raw-config.ts';

function refuseAliasCycles(aliases: Readonly<Record<string, string>>): void {
  const targets = new Map(Object.entries(aliases));
  for (const start of targets.keys()) {
    const way = [start];
    for (let next = targets.get(start); next !== undefined; next = targets.get(next)) {
      const isClosed = way.includes(next);
      way.push(next);
      if (!isClosed) continue;
      throw new KeyProblem(
        ['routing', 'aliases', start],
        `goes round in a circle: ${way.join(' -> ')}; let one of them name a real model`,
      );
    }
  }
}

function refuseOddFallbacks(fallbacks: RoutingSettings['fallbacks']): void {
  for (const [model, names] of Object.entries(fallbacks)) {
    for (const [at, name] of names.entries()) {
      const path = ['routing', 'fallbacks', model, at];
      if (name === model) throw new KeyProblem(path, 'is the model itself; name another one');
      if (names.indexOf(name) < at)
        throw new KeyProblem(
          path,
          `is ${JSON.stringify(name)} for the second time; name each model once`,
        );
    }
  }
}

function buildPolicy(raw: RawPolicy, at: number): RoutingPolicySettings {
  const path = ['routing', 'policies', at];
  atKey([...path, 'model_pattern'], () => parseGlob(raw.model_pattern));
  const cap = raw.max_cost_per_request;
  return {
    modelPattern: raw.model_pattern,
    privacy: raw.privacy,
    maxCostPerRequest:
      cap === undefined ? null : atKey([...path, 'max_cost_per_request'], () => parseUsd(cap)),
    minTier: raw.min_tier,
    fallbackAllowed: raw.fallback_allowed,
  };
}

function refuseUnknownZone(timezone: string): void {
  if (isTimezone(timezone)) return;
  const near = nearest(timezone, Intl.supportedValuesOf('timeZone'));
  const advice = near === null ? 'use an IANA name such as Europe/Berlin' : `did you mean ${near}?`;
  throw new KeyProblem(
    ['routing', 'budget', 'timezone'],
    `is ${JSON.stringify(timezone)}, which is no time zone; ${advice}`,
  );
}

/** Null without a limit: then there is no budget at all. */
function buildBudget(raw: RawBudget | undefined): BudgetSettings | null {
  if (raw === undefined) return null;
  refuseUnknownZone(raw.timezone);
  const limit = raw.monthly_limit_usd;
  if (limit === undefined) return null;
  return {
    monthlyLimit: atKey(['routing', 'budget', 'monthly_limit_usd'], () => parseUsd(limit)),
    softLimitPercent: raw.soft_limit_percent,
    hardLimitAction: raw.hard_limit_action,
    reconciliationIntervalSecs: raw.reconciliation_interval_secs,
    billingCycleDay: raw.billing_cycle_day,
    timezone: raw.timezone,
    unknownPrice: raw.unknown_price,
    exhaustedStatus: raw.exhausted_status,
  };
}

/** Throws `KeyProblem`. */
export function buildRouting(raw: RawConfig['routing']): RoutingSettings {
  refuseAliasCycles(raw.aliases);
  refuseOddFallbacks(raw.fallbacks);
  return {
    strategy: raw.strategy,
    maxRetries: raw.max_retries,
    weights: raw.weights,
    aliases: raw.aliases,
    fallbacks: raw.fallbacks,
    policies: raw.policies.map(buildPolicy),
    budget: buildBudget(raw.budget),
  };
}
