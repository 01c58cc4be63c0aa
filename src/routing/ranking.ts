/** The order in which backends of one model are tried, by the configured strategy. */
import type { RoutingSettings, Strategy } from '../core/settings.ts';
import type { Listing } from './model-index.ts';

/** What is true at this instant and may be another thing at the next. */
export interface Instant {
  /** Attempts in flight at a backend. */
  readonly pending: (backend: string) => number;
  /** Grows by one with every request. */
  readonly turn: number;
  /** At least 0, less than 1. */
  readonly random: () => number;
}

interface Ranking {
  readonly listings: readonly Listing[];
  /** The first one is first only because the one that would otherwise be has more to do. */
  readonly decidedByLoad: boolean;
}

type Ranker = (listings: readonly Listing[], instant: Instant) => Ranking;

/**
 * A sort key holds the rank in its lower 20 bits and what the strategy says above them: one numeric sort of plain
 * numbers orders a thousand backends in microseconds, and equal keys fall back to the rank by priority and name.
 */
const RANKS = 2 ** 20;

function byKey(
  listings: readonly Listing[],
  keyOf: (listing: Listing) => number,
): readonly Listing[] {
  const keys = new Float64Array(listings.length);
  let rank = 0;
  let highest = Number.NEGATIVE_INFINITY;
  let isInOrder = true;
  for (const listing of listings) {
    const key = keyOf(listing) * RANKS + rank;
    keys[rank] = key;
    if (key < highest) isInOrder = false;
    else highest = key;
    rank += 1;
  }
  // Nearly always, where load and latency are alike: the order by priority stands.
  if (isInOrder) return listings;
  keys.sort();
  const sorted: Listing[] = [];
  for (const key of keys) {
    const listing = listings[key - Math.floor(key / RANKS) * RANKS];
    if (listing !== undefined) sorted.push(listing);
  }
  return sorted;
}

/** 0 to 100; 100 is best. */
function grade(value: number): number {
  return 100 - Math.max(0, Math.min(value, 100));
}

function smart(weights: RoutingSettings['weights']): Ranker {
  const best = 100 * (weights.priority + weights.load + weights.latency);
  return (listings, { pending }) => {
    let idleWinner: Listing | undefined;
    let idleBest = Number.NEGATIVE_INFINITY;
    const ranked = byKey(listings, (listing) => {
      const { priority, latencyMs, name } = listing.backend;
      const idle =
        grade(priority) * weights.priority +
        100 * weights.load +
        grade(Math.floor((latencyMs ?? 0) / 10)) * weights.latency;
      if (idle > idleBest) {
        idleBest = idle;
        idleWinner = listing;
      }
      return best - idle + (100 - grade(pending(name))) * weights.load;
    });
    return { listings: ranked, decidedByLoad: ranked[0] !== idleWinner };
  };
}

function roundRobin(listings: readonly Listing[], { turn }: Instant): Ranking {
  const start = turn % Math.max(1, listings.length);
  return {
    listings: [...listings.slice(start), ...listings.slice(0, start)],
    decidedByLoad: false,
  };
}

function priorityOnly(listings: readonly Listing[]): Ranking {
  return { listings, decidedByLoad: false };
}

function atRandom(listings: readonly Listing[], { random }: Instant): Ranking {
  return { listings: byKey(listings, () => Math.floor(random() * RANKS)), decidedByLoad: false };
}

const RANKERS: Readonly<Record<Strategy, (weights: RoutingSettings['weights']) => Ranker>> = {
  smart,
  round_robin: () => roundRobin,
  priority_only: () => priorityOnly,
  random: () => atRandom,
};

/**
 * Returns the ranking for the settings. It takes listings by priority and name, none of them unhealthy. A backend of
 * unknown health comes after every healthy one: it may be down, and its first request would pay for finding out.
 */
export function createRanking({
  strategy,
  weights,
}: Pick<RoutingSettings, 'strategy' | 'weights'>): Ranker {
  const rank = RANKERS[strategy](weights);
  return (listings, instant) => {
    const healthy = listings.filter(({ backend }) => backend.health === 'healthy');
    if (healthy.length === listings.length || healthy.length === 0) return rank(listings, instant);
    const unknown = listings.filter(({ backend }) => backend.health !== 'healthy');
    const first = rank(healthy, instant);
    return {
      listings: [...first.listings, ...rank(unknown, instant).listings],
      decidedByLoad: first.decidedByLoad,
    };
  };
}
