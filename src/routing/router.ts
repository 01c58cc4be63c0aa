/**
 * The router: from a request and the published policy to the backends to try, in order, or to a refusal.
 *
 * It decides and nothing else. It reads no clock, sends nothing and remembers nothing of requests; load, turn and
 * chance come in as arguments, so that the same input always gives the same answer. It never throws: what can not be
 * served is a decision too.
 */
import type { RoutingPolicy } from '../core/policy.ts';
import type { Candidate, Decision, ModelRequest } from '../core/request.ts';
import type { RoutingSettings } from '../core/settings.ts';
import { describeObstacle, obstacleOf, type Need, type Obstacle } from './eligibility.ts';
import { ModelIndex, type Listing } from './model-index.ts';
import { createModelNames, type ModelNames } from './model-names.ts';
import { combineRules, createModelRules, type ModelRules } from './model-rules.ts';
import { applyPosture } from './posture.ts';
import { createRanking, type Instant } from './ranking.ts';
import { budgetExhausted, modelNotFound, noAvailableBackend } from './refusals.ts';

interface DecideInput extends Instant {
  readonly request: Pick<ModelRequest, 'model' | 'route' | 'features' | 'strict'>;
  /** Input tokens, best estimate, for models that tell their context length. */
  readonly tokens: number;
  readonly policy: RoutingPolicy;
}

export interface Router {
  /** Every name that `decide` may answer with for a model: what has to be counted before. */
  resolve(model: string): ModelNames;
  /** Synchronous, pure, total. */
  decide(input: DecideInput): Decision;
}

/** One model that may answer, with the rules that bind it. */
interface Option {
  readonly model: string;
  readonly isFallback: boolean;
  readonly rules: ModelRules;
  readonly listings: readonly Listing[];
  readonly index: ModelIndex;
}

interface LeftOut {
  readonly listing: Listing;
  readonly obstacle: Obstacle;
  readonly rules: ModelRules;
}

/** What the models that may answer come to, before the budget has its say. */
interface Found {
  readonly candidates: Candidate[];
  readonly leftOut: LeftOut[];
}

export function createRouter(settings: RoutingSettings): Router {
  const resolve = createModelNames(settings);
  const rulesOf = createModelRules(settings.policies);
  const rank = createRanking(settings);
  const indexOf = createIndexes();

  function optionsFor(request: DecideInput['request'], policy: RoutingPolicy): readonly Option[] {
    const { model, fallbacks } = resolve(request.model);
    const index = indexOf(policy);
    const listings = index.listingsOf(model);
    // Keeps names that nobody serves and the file does not name away from the patterns.
    if (listings.length === 0 && fallbacks.length === 0) return [];
    const asked = rulesOf(model);
    const options: Option[] = [{ model, isFallback: false, rules: asked, listings, index }];
    if (!request.strict && asked.fallbackAllowed) {
      for (const name of fallbacks) {
        const rules = combineRules(asked, rulesOf(name));
        const listed = index.listingsOf(name);
        options.push({ model: name, isFallback: true, rules, listings: listed, index });
      }
    }
    return options.filter((option) => option.listings.length > 0);
  }

  /** Adds the candidates of one model to `found`, as they would be tried without a budget. */
  function addCandidates(option: Option, need: Need, instant: Instant, found: Found): void {
    const { model, isFallback, rules, index } = option;
    const { maxCostPerRequest } = rules;
    const eligible: Listing[] = [];
    let hidesCloud = false;
    for (const listing of option.listings) {
      const obstacle = obstacleOf(listing, need, rules);
      if (obstacle === null) {
        eligible.push(listing);
        continue;
      }
      found.leftOut.push({ listing, obstacle, rules });
      if (obstacle === 'privacy') hidesCloud = true;
    }
    const { listings, decidedByLoad } = rank(eligible, instant);
    const reason = hidesCloud ? 'privacy-requirement' : 'capability-match';
    const made = index.candidatesOf(model, { isFallback, reason, maxCostPerRequest });
    const first = found.candidates.length;
    for (const { place } of listings) {
      const candidate = made[place];
      if (candidate !== undefined) found.candidates.push(candidate);
    }
    const chosen = found.candidates[first];
    if (decidedByLoad && !hidesCloud && chosen !== undefined)
      found.candidates[first] = { ...chosen, reason: 'capacity-overflow' };
  }

  function decide(input: DecideInput): Decision {
    const { request, policy, tokens } = input;
    const options = optionsFor(request, policy);
    if (options.length === 0)
      return { kind: 'refuse', error: modelNotFound(request.model, policy) };
    const need: Need = { route: request.route, features: request.features, tokens };
    const found: Found = { candidates: [], leftOut: [] };
    for (const option of options) addCandidates(option, need, input, found);
    const candidates = applyPosture(policy, found.candidates);
    if (candidates.length > 0) return { kind: 'route', candidates };
    const isBudget = found.candidates.length > 0 || policy.posture === 'closed';
    const error = isBudget
      ? budgetExhausted(request.model, policy)
      : noAvailableBackend(request.model, policy, reasonsOf(found.leftOut, need));
    return { kind: 'refuse', error };
  }

  return { resolve, decide };
}

/** A policy is one frozen object until the next one is published: its index lives as long as it does. */
function createIndexes(): (policy: RoutingPolicy) => ModelIndex {
  const indexes = new WeakMap<RoutingPolicy, ModelIndex>();
  return (policy) => {
    let index = indexes.get(policy);
    if (index === undefined) {
      index = new ModelIndex(policy);
      indexes.set(policy, index);
    }
    return index;
  };
}

/** Why each backend was left out, by its name; of several models at one backend the first speaks. */
function reasonsOf(leftOut: readonly LeftOut[], need: Need): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  for (const { listing, obstacle, rules } of leftOut) {
    const { name } = listing.backend;
    if (!reasons.has(name)) reasons.set(name, describeObstacle(obstacle, listing, need, rules));
  }
  return reasons;
}
