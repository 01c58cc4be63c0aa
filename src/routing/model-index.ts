/** Which backends list a model: made from a published policy, on the first question, and kept as long as the policy. */
import type { BackendModel, BackendView, RoutingPolicy } from '../core/policy.ts';

/** A model at a backend that lists it. */
export interface Listing {
  readonly backend: BackendView;
  readonly model: BackendModel;
}

const NO_LISTINGS: readonly Listing[] = Object.freeze([]);

function byPriorityThenName(a: Listing, b: Listing): number {
  if (a.backend.priority !== b.backend.priority) return a.backend.priority - b.backend.priority;
  return a.backend.name < b.backend.name ? -1 : 1;
}

/**
 * Model lists outlive policies: a new policy with a changed latency carries the same list objects, and a backend may
 * list hundreds of models. Hence one index per list, not per policy.
 */
const modelsOf = new WeakMap<readonly BackendModel[], ReadonlyMap<string, BackendModel>>();

function findModel(models: readonly BackendModel[], id: string): BackendModel | undefined {
  let index = modelsOf.get(models);
  if (index === undefined) {
    index = new Map(models.map((model) => [model.id, model]));
    modelsOf.set(models, index);
  }
  return index.get(id);
}

export class ModelIndex {
  readonly #policy: RoutingPolicy;
  readonly #listings = new Map<string, readonly Listing[]>();

  constructor(policy: RoutingPolicy) {
    this.#policy = policy;
  }

  /** Every backend that lists the model, whatever its health, ranked by priority, then name. */
  listingsOf(model: string): readonly Listing[] {
    const known = this.#listings.get(model);
    if (known !== undefined) return known;
    const listings: Listing[] = [];
    for (const backend of this.#policy.backends) {
      const found = findModel(backend.models, model);
      if (found !== undefined) listings.push({ backend, model: found });
    }
    // Names that nobody lists come from clients without end, so they are not remembered.
    if (listings.length === 0) return NO_LISTINGS;
    listings.sort(byPriorityThenName);
    this.#listings.set(model, listings);
    return listings;
  }
}
