/**
 * The price book: one frozen price for each backend and model.
 *
 * First the file (exact name, then patterns in order), then the packaged list, then the policy for unknown prices. A
 * local backend without a price in the file is free; an unknown cloud model never is.
 */
import { createHash } from 'node:crypto';
import { assert } from '../core/assert.ts';
import { parseGlob, type Glob } from '../core/glob.ts';
import type { Log } from '../core/log.ts';
import type { Price, PriceBook, PriceTier, ToolFees } from '../core/prices.ts';
import type { BackendSettings, PriceSettings, UnknownPricePolicy } from '../core/settings.ts';
import { conservativeRates } from './conservative-rates.ts';
import { affordableOutput, costOf, worstCase } from './cost.ts';
import { maxOutputOf } from './max-output.ts';
import {
  audioStandIns,
  convertPrice,
  findModel,
  LIST_VERSION,
  pricesAt,
  type ListModel,
  type ListProvider,
} from './price-list.ts';
import { providersOf } from './price-providers.ts';
import { completeRates, RATE_NAMES, ZERO_RATES, type Rates } from './rates.ts';
import { servicePercentsOf } from './service-rates.ts';
import {
  dearerFees,
  publishedFees,
  searchFeeOf,
  timesMargin,
  TOOL_FEE_NAMES,
} from './tool-fees.ts';

export interface PriceBookOptions {
  readonly backends: readonly BackendSettings[];
  readonly unknownPrice: UnknownPricePolicy;
  readonly log: Log;
}

/** The price of one backend and model at a time, in Unix milliseconds. */
type Pricing = (atMs: number) => Price | null;

interface ConfiguredBackend {
  readonly settings: BackendSettings;
  readonly patterns: readonly { readonly glob: Glob; readonly prices: PriceSettings }[];
}

/** Models that are remembered with their pricing. Names can come from clients (estimates), so it is bounded. */
const MEMORY_MODELS = 2000;

function oneTier(rates: Rates): readonly PriceTier[] {
  return Object.freeze([Object.freeze({ aboveInputTokens: 0, ...rates })]);
}

type Common = Pick<Price, 'model' | 'maxOutputTokens' | 'maxOutputKnown' | 'servicePercents'>;

/** What every price has that is not free, whatever its source. */
function common(model: string): Common {
  return { ...maxOutput(model), servicePercents: servicePercentsOf(model) };
}

function maxOutput(model: string): Omit<Common, 'servicePercents'> {
  const { tokens, isKnown } = maxOutputOf(model);
  return { model, maxOutputTokens: tokens, maxOutputKnown: isKnown };
}

/** Nothing at all where there are none, so that most prices stay as short as they were. */
function withFees(toolFees: ToolFees): Pick<Price, 'toolFees'> {
  return Object.keys(toolFees).length === 0 ? {} : { toolFees: Object.freeze(toolFees) };
}

/** The dearest published fees of these providers. */
function feesOf(providers: readonly ListProvider[]): ToolFees {
  return providers.map(({ id }) => publishedFees(id)).reduce(dearerFees, {});
}

type FixedPrices = Omit<PriceSettings, 'versions'>;

function ownFees(prices: FixedPrices): ToolFees {
  const named = TOOL_FEE_NAMES.map((name) => [name, prices[name]] as const);
  return Object.fromEntries(named.filter(([, fee]) => fee !== undefined));
}

const VERSION_DIGITS = 12;

/** The digest of everything that a request is charged by: entries of the ledger tell by it which file they come from. */
function configVersion(rates: object): string {
  const digest = createHash('sha256').update(JSON.stringify(rates)).digest('hex');
  return `config ${digest.slice(0, VERSION_DIGITS)}`;
}

/** `published` fees hold where the file names none of its own. */
function fixedPrice(model: string, prices: FixedPrices, published: ToolFees): Price {
  const { perRequest = 0, maxOutputTokens } = prices;
  const isClaude = model.toLowerCase().includes('claude');
  const charged = {
    tiers: oneTier(completeRates(prices, isClaude)),
    perRequest,
    ...withFees({ ...published, ...ownFees(prices) }),
    // The file says what writing costs, not who asks for it; Anthropic's rule is known, of others the worst is taken.
    writesCacheUnasked: prices.cacheWrite !== undefined && !isClaude,
  };
  return Object.freeze({
    ...common(model),
    ...(maxOutputTokens !== undefined && { maxOutputTokens, maxOutputKnown: true }),
    source: 'config',
    version: configVersion(charged),
    ...charged,
  });
}

function fromFile(
  model: string,
  { versions = [], ...first }: PriceSettings,
  published: ToolFees,
): Pricing {
  const firstPrice = fixedPrice(model, first, published);
  const later = versions.map(({ fromMs, ...rates }) => ({
    fromMs,
    price: fixedPrice(model, rates, published),
  }));
  return (atMs) => later.findLast(({ fromMs }) => fromMs <= atMs)?.price ?? firstPrice;
}

function free(model: string): Pricing {
  const price: Price = Object.freeze({
    ...maxOutput(model),
    source: 'free',
    version: 'free',
    tiers: oneTier(ZERO_RATES),
    perRequest: 0,
  });
  return () => price;
}

/** Prices of an entry of the list, converted once for each of its dated or timed versions. Null: no price per token. */
export function fromList(
  model: string,
  provider: ListProvider,
  entry: ListModel,
  log: Log,
): Pricing {
  const standIns = audioStandIns(provider, entry.id);
  const converted = new Map<ReturnType<typeof pricesAt>, Price | null>();
  const convert = (prices: ReturnType<typeof pricesAt>): Price | null => {
    const listed = convertPrice(entry.id, prices, standIns);
    if (listed === null) return null;
    const { tiers, perRequest, toolFees, writesCacheUnasked, isExact } = listed;
    if (!isExact) log.debug('a listed price was rounded up to a pico-dollar per token', { model });
    const frozen = Object.freeze(tiers.map((tier) => Object.freeze(tier)));
    return Object.freeze({
      ...common(model),
      source: 'list',
      version: LIST_VERSION,
      tiers: frozen,
      perRequest: perRequest + searchFeeOf(entry.id),
      ...withFees({ ...publishedFees(provider.id), ...toolFees }),
      writesCacheUnasked,
    });
  };
  return (atMs) => {
    const prices = pricesAt(entry, atMs);
    const known = converted.get(prices);
    if (known !== undefined) return known;
    const price = convert(prices);
    converted.set(prices, price);
    return price;
  };
}

function haveSameRates(a: Rates, b: Rates): boolean {
  return RATE_NAMES.every((name) => a[name] === b[name]);
}

function conservativePrice(model: string, rates: Rates, relatives: readonly ListProvider[]): Price {
  return Object.freeze({
    ...common(model),
    source: 'conservative',
    version: LIST_VERSION,
    tiers: oneTier(rates),
    perRequest: 0,
    ...withFees(timesMargin(feesOf(relatives))),
  });
}

function configure(settings: BackendSettings): ConfiguredBackend {
  const patterns = Object.entries(settings.prices).map(([pattern, prices]) => ({
    glob: parseGlob(pattern),
    prices,
  }));
  return { settings, patterns };
}

function configured(
  { settings, patterns }: ConfiguredBackend,
  model: string,
): PriceSettings | undefined {
  return Object.hasOwn(settings.prices, model)
    ? settings.prices[model]
    : patterns.find(({ glob }) => glob.matches(model))?.prices;
}

class ListedPriceBook implements PriceBook {
  readonly listVersion = LIST_VERSION;
  readonly costOf = costOf;
  readonly worstCase = worstCase;
  readonly affordableOutput = affordableOutput;
  readonly #backends: ReadonlyMap<string, ConfiguredBackend>;
  readonly #isUnknownDenied: boolean;
  readonly #log: Log;
  readonly #pricings = new Map<string, Pricing>();

  constructor({ backends, unknownPrice, log }: PriceBookOptions) {
    this.#backends = new Map(backends.map((settings) => [settings.name, configure(settings)]));
    this.#isUnknownDenied = unknownPrice === 'deny';
    this.#log = log;
  }

  priceOf(backend: string, model: string, atMs: number): Price | null {
    const key = `${backend}\n${model}`;
    let pricing = this.#pricings.get(key);
    if (pricing === undefined) {
      if (this.#pricings.size >= MEMORY_MODELS) this.#pricings.clear();
      pricing = this.#pricingOf(backend, model);
      this.#pricings.set(key, pricing);
    }
    return pricing(atMs);
  }

  #pricingOf(backend: string, model: string): Pricing {
    const known = this.#backends.get(backend);
    assert(known !== undefined, `no backend is named ${backend}`);
    const { lists, relatives } = providersOf(known.settings, model);
    const isLocal = known.settings.kind === 'local';
    const own = configured(known, model);
    if (own !== undefined) return fromFile(model, own, isLocal ? {} : feesOf(relatives));
    if (isLocal) return free(model);
    const unknown = this.#unknown(known.settings, model, relatives);
    for (const provider of lists) {
      const entry = findModel(provider, model);
      if (entry === null) continue;
      const listed = fromList(model, provider, entry, this.#log);
      return (atMs) => listed(atMs) ?? unknown(atMs);
    }
    return unknown;
  }

  #unknown({ name }: BackendSettings, model: string, relatives: readonly ListProvider[]): Pricing {
    let isSaid = false;
    let known: { readonly rates: Rates; readonly price: Price } | null = null;
    const say = (what: string): void => {
      if (!isSaid)
        this.#log.warn(
          `no price is known for a cloud model: ${what}; set one under [backends.prices]`,
          { backend: name, model },
        );
      isSaid = true;
    };
    return (atMs) => {
      if (this.#isUnknownDenied) {
        say('requests for it are refused');
        return null;
      }
      say('the dearest rate of its provider times 1.15 is charged');
      const rates = conservativeRates(relatives, atMs);
      // One object for one price: the ledger makes the digest of each object that it is given.
      if (known === null || !haveSameRates(known.rates, rates))
        known = { rates, price: conservativePrice(model, rates, relatives) };
      return known.price;
    };
  }
}

/** Makes the price book of the configured backends. Throws `GlobError` for a price pattern that can not be read. */
export function createPriceBook(options: PriceBookOptions): PriceBook {
  return new ListedPriceBook(options);
}
