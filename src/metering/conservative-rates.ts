/**
 * Rates for a cloud model that no list knows: for each kind of token the dearest rate that the provider has in force,
 * over all models that are billed by the token and all their tiers, times 1.15.
 *
 * Taken at its word, also where one old model is far above the rest: OpenAI's dearest is o1-pro (150 and 600 USD per
 * million tokens), Anthropic's the first Opus models (15 and 75), Google's its image model (120 for output). Whoever
 * finds that too dear names a price in the file.
 */
import { convertPrice, pricesOfDay, type ListProvider } from './price-list.ts';
import { dearerRates, MARGIN_PERCENT, timesPercent, ZERO_RATES, type Rates } from './rates.ts';

const DAY_MS = 86_400_000;

function dearestOf(provider: ListProvider, atMs: number): Rates {
  let dearest = ZERO_RATES;
  for (const model of provider.models) {
    for (const prices of pricesOfDay(model, atMs)) {
      for (const tier of convertPrice(model.id, prices)?.tiers ?? [])
        dearest = dearerRates(dearest, tier);
    }
  }
  return dearest;
}

/** The last answer for each provider: rates change at midnight UTC at most. */
const remembered = new Map<string, { readonly day: number; readonly rates: Rates }>();

function dearestOfDay(provider: ListProvider, atMs: number): Rates {
  const day = Math.floor(atMs / DAY_MS);
  const known = remembered.get(provider.id);
  if (known?.day === day) return known.rates;
  const rates = dearestOf(provider, atMs);
  remembered.set(provider.id, { day, rates });
  return rates;
}

/** The dearest rates of these providers on the UTC day of `atMs`, with the margin for what is not listed yet. */
export function conservativeRates(providers: readonly ListProvider[], atMs: number): Rates {
  const dearest = providers
    .map((provider) => dearestOfDay(provider, atMs))
    .reduce(dearerRates, ZERO_RATES);
  return {
    input: timesPercent(dearest.input, MARGIN_PERCENT),
    cachedInput: timesPercent(dearest.cachedInput, MARGIN_PERCENT),
    cacheWrite: timesPercent(dearest.cacheWrite, MARGIN_PERCENT),
    cacheWrite1h: timesPercent(dearest.cacheWrite1h, MARGIN_PERCENT),
    inputAudio: timesPercent(dearest.inputAudio, MARGIN_PERCENT),
    output: timesPercent(dearest.output, MARGIN_PERCENT),
    reasoning: timesPercent(dearest.reasoning, MARGIN_PERCENT),
    outputAudio: timesPercent(dearest.outputAudio, MARGIN_PERCENT),
    inputImage: timesPercent(dearest.inputImage ?? dearest.input, MARGIN_PERCENT),
  };
}
