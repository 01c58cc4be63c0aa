/** Traffic that nobody sent: a month in the shape of a profile, the same for the same seed. */
import type { BillingPeriod } from '../../core/billing-period.ts';
import type { TrafficRequest } from '../traffic/traffic-request.ts';
import { usageOf } from '../traffic/record.ts';
import { logNormal, seededRandom, type Random } from '../seeded-random.ts';
import { slotWeights, SLOT_MS, type ProfileName } from './shapes.ts';

export interface SyntheticOptions {
  readonly profile: ProfileName;
  /** At least 1. */
  readonly requests: number;
  readonly seed: number;
  readonly period: BillingPeriod;
  /** Office hours are in this zone. */
  readonly timezone: string;
  /** At least one; each is asked for in proportion to its weight. */
  readonly models: readonly { readonly model: string; readonly weight: number }[];
}

const PIECE_REQUESTS = 5000;
const INPUT = { median: 700, deviation: 1.1, most: 100_000 };
const OUTPUT = { median: 260, deviation: 0.9, most: 8000 };

type Length = typeof INPUT;

function length(random: Random, { median, deviation, most }: Length): number {
  return Math.min(most, Math.max(1, logNormal(random, median, deviation)));
}

/** An embedding has no output. */
function isEmbedding(model: string): boolean {
  return /embed|rerank/.test(model);
}

function chooser(models: SyntheticOptions['models']): (random: Random) => string {
  const total = models.reduce((sum, { weight }) => sum + weight, 0);
  const [first] = models;
  return (random) => {
    let left = random() * total;
    for (const { model, weight } of models) {
      left -= weight;
      if (left < 0) return model;
    }
    return first?.model ?? '';
  };
}

/**
 * Times of `count` requests, in order, without a list of them: each is the least of the draws that are left. Spread over
 * the slots by their weights.
 */
function* arrivals(
  { requests, period }: SyntheticOptions,
  weights: readonly number[],
  random: Random,
): Generator<number> {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let drawn = 0;
  let slot = 0;
  let before = 0;
  for (let left = requests; left > 0; left -= 1) {
    drawn = 1 - (1 - drawn) * (1 - random()) ** (1 / left);
    const target = drawn * total;
    while (slot < weights.length - 1 && before + (weights[slot] ?? 0) <= target) {
      before += weights[slot] ?? 0;
      slot += 1;
    }
    const within = Math.min(1, (target - before) / (weights[slot] || 1));
    const atMs = period.startsAtMs + Math.floor((slot + within) * SLOT_MS);
    yield Math.min(atMs, period.endsAtMs - 1);
  }
}

/** The requests, in order, in pieces. */
export async function* syntheticTraffic(
  options: SyntheticOptions,
): AsyncGenerator<readonly TrafficRequest[]> {
  const { profile, period, timezone, seed, models } = options;
  // Each part draws from a sequence of its own, so that another mix of models leaves the times as they are.
  const [shape, times, sizes] = [1, 2, 3].map((part) => seededRandom(seed * 4 + part));
  if (shape === undefined || times === undefined || sizes === undefined) return;
  const weights = slotWeights(profile, period, timezone, shape);
  const choose = chooser(models);
  let piece: TrafficRequest[] = [];
  for (const atMs of arrivals(options, weights, times)) {
    const model = choose(sizes);
    const input = length(sizes, INPUT);
    const output = isEmbedding(model) ? 0 : length(sizes, OUTPUT);
    piece.push({ atMs, model, usage: usageOf({ input, output }), maxOutputTokens: null });
    if (piece.length === PIECE_REQUESTS) {
      yield piece;
      piece = [];
    }
  }
  if (piece.length > 0) yield piece;
}
