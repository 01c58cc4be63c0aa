/** What `[[routing.policies]]` says of a model, ready to be applied. */
import { parseGlob } from '../core/glob.ts';
import type { NanoUsd } from '../core/money.ts';
import type { RoutingPolicySettings } from '../core/settings.ts';

export interface ModelRules {
  /** Only local backends. */
  readonly isRestricted: boolean;
  readonly minTier: number;
  readonly maxCostPerRequest: NanoUsd | null;
  readonly fallbackAllowed: boolean;
}

const NO_RULES: ModelRules = Object.freeze({
  isRestricted: false,
  minTier: 1,
  maxCostPerRequest: null,
  fallbackAllowed: true,
});

/** Returns the look-up of rules by model name after aliases. The first policy in file order whose pattern matches applies. */
export function createModelRules(
  policies: readonly RoutingPolicySettings[],
): (model: string) => ModelRules {
  if (policies.length === 0) return () => NO_RULES;
  const compiled = policies.map((policy) => ({
    glob: parseGlob(policy.modelPattern),
    rules: Object.freeze<ModelRules>({
      isRestricted: policy.privacy === 'restricted',
      minTier: policy.minTier,
      maxCostPerRequest: policy.maxCostPerRequest,
      fallbackAllowed: policy.fallbackAllowed,
    }),
  }));
  // Asked only for models that a backend lists or the file names, so it stays small.
  const known = new Map<string, ModelRules>();
  return (model) => {
    let rules = known.get(model);
    if (rules === undefined) {
      rules = compiled.find(({ glob }) => glob.matches(model))?.rules ?? NO_RULES;
      known.set(model, rules);
    }
    return rules;
  };
}

/**
 * The rules for a model that answers in place of another: what binds either binds the answer. Otherwise a fallback
 * would be a way round the privacy of the model that was asked for.
 */
export function combineRules(asked: ModelRules, answering: ModelRules): ModelRules {
  const caps = [asked.maxCostPerRequest, answering.maxCostPerRequest].filter((cap) => cap !== null);
  return {
    isRestricted: asked.isRestricted || answering.isRestricted,
    minTier: Math.max(asked.minTier, answering.minTier),
    maxCostPerRequest: caps.length === 0 ? null : Math.min(...caps),
    fallbackAllowed: asked.fallbackAllowed,
  };
}
