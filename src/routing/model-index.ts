/** Which backends list a model: made from a published policy, on the first question, and kept as long as the policy. */
import type { BackendModel, BackendView, RoutingPolicy } from '../core/policy.ts';
import type { Candidate } from '../core/request.ts';

/** A model at a backend that lists it. */
export interface Listing {
  readonly backend: BackendView;
  readonly model: BackendModel;
  /** Its place among the listings of the model. */
  readonly place: number;
}

/** What a candidate says beside the listing that it is made of. */
export type Terms = Pick<Candidate, 'isFallback' | 'reason' | 'maxCostPerRequest'>;

const NO_LISTINGS: readonly Listing[] = Object.freeze([]);

type Listed = Pick<Listing, 'backend'>;

function byPriorityThenName(a: Listed, b: Listed): number {
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
  readonly #candidates = new Map<string, readonly Candidate[]>();

  constructor(policy: RoutingPolicy) {
    this.#policy = policy;
  }

  /** Every backend that lists the model, whatever its health, ranked by priority, then name. */
  listingsOf(model: string): readonly Listing[] {
    const known = this.#listings.get(model);
    if (known !== undefined) return known;
    const found: Omit<Listing, 'place'>[] = [];
    for (const backend of this.#policy.backends) {
      const listed = findModel(backend.models, model);
      if (listed !== undefined) found.push({ backend, model: listed });
    }
    // Names that nobody lists come from clients without end, so they are not remembered.
    if (found.length === 0) return NO_LISTINGS;
    found.sort(byPriorityThenName);
    const listings = found.map((listing, place) => ({ ...listing, place }));
    this.#listings.set(model, listings);
    return listings;
  }

  /**
   * A candidate for each listing of the model, by its place. Made once for the same terms: with a thousand backends,
   * making them for each request took most of a decision.
   */
  candidatesOf(model: string, terms: Terms): readonly Candidate[] {
    const { isFallback, reason, maxCostPerRequest } = terms;
    const key = `${model}\0${isFallback}\0${reason}\0${maxCostPerRequest}`;
    let candidates = this.#candidates.get(key);
    if (candidates === undefined) {
      candidates = this.listingsOf(model).map(({ backend: { name, kind } }) =>
        Object.freeze({ backend: name, kind, model, ...terms }),
      );
      this.#candidates.set(key, candidates);
    }
    return candidates;
  }
}
