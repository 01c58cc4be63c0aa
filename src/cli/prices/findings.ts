/** What is wrong with the price of a model in use, and what to write into the config against it. */
import { formatRate, formatUsdExact } from '../../core/money.ts';
import type { Price, PriceTier } from '../../core/prices.ts';
import type { Quote } from '../../prices.ts';
import type { ModelInUse } from './models-in-use.ts';
import { priceJson } from './price-view.ts';

type Problem = 'missing' | 'conservative' | 'expired';

export interface Finding {
  readonly model: ModelInUse;
  readonly quote: Quote;
  readonly problem: Problem;
  readonly words: string;
}

/** The packaged list, and from which age on it is not trusted any more. */
export interface ListAge {
  readonly days: number;
  readonly mostDays: number;
}

/** Null where there is nothing to say. */
export function findingOf(model: ModelInUse, quote: Quote, age: ListAge): Finding | null {
  const found = (problem: Problem, words: string): Finding => ({ model, quote, problem, words });
  const { price, isDeprecated } = quote;
  if (price === null) return found('missing', 'no price is known: requests are refused');
  if (price.source === 'conservative')
    return found(
      'conservative',
      'no price is known: the dearest rate of its provider times 1.15 is charged',
    );
  if (price.source !== 'list') return null;
  if (isDeprecated)
    return found('expired', 'its entry in the list is deprecated and no longer looked after');
  if (age.days <= age.mostDays) return null;
  return found(
    'expired',
    `the list is ${age.days} days old, more than ${age.mostDays}; a newer Nexus has a newer one`,
  );
}

/** The file knows no tiers, so the dearest of each rate stands for all. */
function dearest(tiers: readonly PriceTier[], name: keyof PriceTier): number {
  return Math.max(...tiers.map((tier) => tier[name] ?? 0));
}

function rateLines({ tiers, perRequest }: Price): readonly string[] {
  const input = dearest(tiers, 'input');
  const output = dearest(tiers, 'output');
  const cacheWrite = dearest(tiers, 'cacheWrite');
  // What is left out costs as much as what it is compared with here.
  const further = [
    ['cached_input', dearest(tiers, 'cachedInput'), input],
    ['cache_write', cacheWrite, input],
    ['cache_write_1h', dearest(tiers, 'cacheWrite1h'), cacheWrite],
    ['input_audio', dearest(tiers, 'inputAudio'), input],
    ['reasoning', dearest(tiers, 'reasoning'), output],
    ['output_audio', dearest(tiers, 'outputAudio'), output],
  ] as const;
  return [
    `input = ${formatRate(input)}`,
    `output = ${formatRate(output)}`,
    ...further.flatMap(([key, rate, standIn]) =>
      rate === standIn ? [] : [`${key} = ${formatRate(rate)}`],
    ),
    ...(perRequest === 0 ? [] : [`per_request = ${formatUsdExact(perRequest)}`]),
  ];
}

/** A table for the `[[backends]]` of the finding, with the figures that are safe until somebody looks up the true ones. */
export function tomlOf({ quote: { atMost, model } }: Finding): readonly string[] {
  return atMost === null
    ? []
    : [`[backends.prices.${JSON.stringify(model)}]`, ...rateLines(atMost)];
}

export function findingJson(finding: Finding): object {
  const { model, quote, problem, words } = finding;
  return {
    backend: model.backend,
    model: model.model,
    seen_in: model.seenIn,
    problem,
    message: words,
    price: priceJson(quote),
    toml: tomlOf(finding).join('\n'),
  };
}
