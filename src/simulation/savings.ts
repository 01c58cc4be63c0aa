/** What it would have cost if no local backend had answered: the price of the cloud backend that would have come next. */
import { roundUpToNano, type NanoUsd } from '../core/money.ts';
import type { RoutingPolicy } from '../core/policy.ts';
import type { PriceBook } from '../core/prices.ts';
import type { Candidate, ModelRequest } from '../core/request.ts';
import type { TokenUsage } from '../core/usage.ts';
import type { Router } from '../routing/router.ts';

export class Savings {
  readonly #router: Router;
  readonly #prices: PriceBook;
  /** The backends for which `#next` holds: a policy with others begins anew. */
  #backends: RoutingPolicy['backends'] | null = null;
  readonly #next = new Map<string, Candidate | null>();

  constructor(router: Router, prices: PriceBook) {
    this.#router = router;
    this.#prices = prices;
  }

  /** 0 where only local backends could have answered. */
  of(request: ModelRequest, usage: TokenUsage, policy: RoutingPolicy, paid: NanoUsd): NanoUsd {
    const next = this.#nextFor(request, usage.input, policy);
    if (next === null) return 0;
    const price = this.#prices.priceOf(next.backend, next.model, request.receivedAtMs);
    if (price === null) return 0;
    return Math.max(0, roundUpToNano(this.#prices.costOf(price, usage)) - paid);
  }

  /** The first cloud candidate of an idle gateway without a budget. */
  #nextFor(request: ModelRequest, tokens: number, policy: RoutingPolicy): Candidate | null {
    if (this.#backends !== policy.backends) {
      this.#backends = policy.backends;
      this.#next.clear();
    }
    const known = this.#next.get(request.model);
    if (known !== undefined) return known;
    const decision = this.#router.decide({
      request,
      tokens,
      policy: { ...policy, posture: 'open', budget: null },
      pending: () => 0,
      turn: 0,
      random: () => 0,
    });
    const candidates = decision.kind === 'route' ? decision.candidates : [];
    const next = candidates.find(({ kind }) => kind === 'cloud') ?? null;
    this.#next.set(request.model, next);
    return next;
  }
}
