/**
 * The packaged price list, read as data: which provider a backend is, which entry a model is, and its rates at a time.
 * The package's own calculator is not used, since it sums floats; its `updatePrices` is never called, so nothing here
 * reaches the network.
 */
import {
  findProvider,
  waitForUpdate,
  type ConditionalPrice,
  type ModelPrice,
} from '@pydantic/genai-prices';
import type { NanoUsd } from '../core/money.ts';
import type { PriceList, PriceTier, ToolFees } from '../core/prices.ts';
import { decimalToUnits } from './decimal.ts';
import { maxOutputOf } from './max-output.ts';
import { completeRates, RATE_NAMES, type KnownRates, type Rates } from './rates.ts';
import { TOOL_FEE_NAMES } from './tool-fees.ts';

/** Version of the package, and the day on which it was published. A test compares it with what is installed. */
export const PRICE_LIST: PriceList = { version: 'genai-prices 0.1.8', date: '2026-09-23' };
/** As entries of the ledger name it. */
export const LIST_VERSION = `${PRICE_LIST.version} (${PRICE_LIST.date})`;

export type ListProvider = NonNullable<ReturnType<typeof findProvider>>;
export type ListModel = ListProvider['models'][number];
type Match = ListModel['match'];

/** Rates as listed at one time. */
export interface ListedPrice {
  readonly tiers: readonly PriceTier[];
  readonly perRequest: NanoUsd;
  /** As far as the entry lists them. */
  readonly toolFees: ToolFees;
  readonly writesCacheUnasked: boolean;
  /** False when a figure was rounded up to a pico-dollar per token: the noise of a float. */
  readonly isExact: boolean;
}

/** USD per million tokens have six decimals in pico-dollars per token. */
const RATE_DIGITS = 6;
/** USD per thousand requests have six decimals in nano-dollars per request. */
const REQUEST_DIGITS = 6;

/**
 * Keys of the list for each rate; of those that are there, the dearest counts. Most usage does not tell image tokens
 * from text: then a model that answers in images (30 USD against 2.50 for text) is charged as if all of it were images.
 */
const KEYS: Readonly<Record<keyof Rates, readonly string[]>> = {
  input: ['input_mtok', 'input_text_mtok'],
  cachedInput: ['cache_read_mtok', 'cache_text_read_mtok'],
  cacheWrite: ['cache_write_mtok', 'cache_write_5m_mtok'],
  cacheWrite1h: ['cache_write_1h_mtok'],
  inputAudio: ['input_audio_mtok'],
  output: ['output_mtok', 'output_text_mtok', 'output_image_mtok', 'output_video_mtok'],
  reasoning: ['output_reasoning_mtok', 'output_text_reasoning_mtok'],
  outputAudio: ['output_audio_mtok'],
  inputImage: ['input_image_mtok'],
  outputImage: ['output_image_mtok'],
  outputText: ['output_mtok', 'output_text_mtok'],
};

const FEE_KEYS: Readonly<Record<keyof ToolFees, string | null>> = {
  webSearch: 'web_searches_kcount',
  fileSearch: 'storage_searches_kcount',
  codeExecution: 'code_executions_kcount',
  searchSource: null,
};

/** Reading a price counts whether it was exact. */
class PriceReader {
  isExact = true;
  readonly #prices: ModelPrice;

  constructor(prices: ModelPrice) {
    this.#prices = prices;
  }

  /** The list's figure for an input size in whole units; undefined when it lists none. */
  #read(key: string, inputTokens: number, digits: number): number | undefined {
    const listed = this.#prices[key];
    if (listed === undefined) return undefined;
    const figure =
      typeof listed === 'number'
        ? listed
        : (listed.tiers.findLast((tier) => inputTokens > tier.start)?.price ?? listed.base);
    const read = decimalToUnits(figure, digits);
    if (read === null) return undefined;
    this.isExact &&= read.isExact;
    return Number(read.units);
  }

  rates(inputTokens: number): Partial<Rates> {
    const rates: Partial<Record<keyof Rates, number>> = {};
    for (const name of RATE_NAMES) {
      const found = KEYS[name]
        .map((key) => this.#read(key, inputTokens, RATE_DIGITS))
        .filter((rate) => rate !== undefined);
      if (found.length > 0) rates[name] = Math.max(...found);
    }
    return rates;
  }

  perRequest(): NanoUsd {
    return this.#read('requests_kcount', 0, REQUEST_DIGITS) ?? 0;
  }

  toolFees(): ToolFees {
    const fees: Partial<Record<keyof ToolFees, NanoUsd>> = {};
    for (const name of TOOL_FEE_NAMES) {
      const key = FEE_KEYS[name];
      const fee = key === null ? undefined : this.#read(key, 0, REQUEST_DIGITS);
      if (fee !== undefined) fees[name] = fee;
    }
    return fees;
  }

  /** Input sizes above which some figure changes, ascending, beginning with 0. */
  thresholds(): readonly number[] {
    const starts = new Set([0]);
    for (const listed of Object.values(this.#prices)) {
      if (typeof listed === 'object') for (const { start } of listed.tiers) starts.add(start);
    }
    return [...starts].toSorted((a, b) => a - b);
  }

  isFree(): boolean {
    return Object.keys(this.#prices).length === 0;
  }
}

/** Input without output is the price of an embedding, which has none; of anything else it is half a price. */
function asKnown(rates: Partial<Rates>, hasOutput: boolean): KnownRates | null {
  const { input, output } = rates;
  if (input === undefined) return null;
  if (output !== undefined) return { ...rates, input, output };
  return hasOutput ? null : { ...rates, input, output: 0 };
}

/**
 * A listed price in exact units, or null when it is not a price per token (audio by the hour, documents by the page).
 * `standIns` are rates for what the entry leaves out, before the general rules of `completeRates`.
 */
export function convertPrice(
  modelId: string,
  prices: ModelPrice,
  standIns: Partial<Rates> = {},
): ListedPrice | null {
  const reader = new PriceReader(prices);
  const isClaude = modelId.includes('claude');
  const isEmbedding = maxOutputOf(modelId).tokens === 0;
  const tiers: PriceTier[] = [];
  for (const aboveInputTokens of reader.thresholds()) {
    const listed = reader.isFree()
      ? { input: 0, output: 0 }
      : asKnown({ ...standIns, ...reader.rates(aboveInputTokens + 1) }, !isEmbedding);
    if (listed === null) return null;
    tiers.push({ aboveInputTokens, ...completeRates(listed, isClaude) });
  }
  const perRequest = reader.perRequest();
  const toolFees = reader.toolFees();
  // Anthropic writes a cache only where a request marks it; whoever else lists a price for writing does it unasked.
  const writesCacheUnasked = !isClaude && KEYS.cacheWrite.some((key) => prices[key] !== undefined);
  return { tiers, perRequest, toolFees, writesCacheUnasked, isExact: reader.isExact };
}

/**
 * Audio rates for an audio model whose entry lists none (gpt-4o-audio-preview): the provider's dearest, since the text
 * rate would be a sixteenth of what is billed. Models that are not named after audio need none.
 */
export function audioStandIns(provider: ListProvider, modelId: string): Partial<Rates> {
  if (!/audio|realtime|voice|live/.test(modelId)) return {};
  let inputAudio = 0;
  let outputAudio = 0;
  for (const model of provider.models) {
    const entries = Array.isArray(model.prices)
      ? model.prices.map((entry) => entry.prices)
      : [model.prices];
    for (const rates of entries.map((prices) => new PriceReader(prices).rates(0))) {
      inputAudio = Math.max(inputAudio, rates.inputAudio ?? 0);
      outputAudio = Math.max(outputAudio, rates.outputAudio ?? 0);
    }
  }
  return { ...(inputAudio > 0 && { inputAudio }), ...(outputAudio > 0 && { outputAudio }) };
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

function daySeconds(clock: string): number {
  const match = /^(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:Z|([+-])(\d{2}):(\d{2}))$/.exec(clock);
  if (match === null) return 0;
  const [, hours, minutes, seconds, sign, zoneHours = '0', zoneMinutes = '0'] = match;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60 * (sign === '-' ? -1 : 1);
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) - zone + 86_400) % 86_400;
}

function applies({ constraint }: ConditionalPrice, atMs: number): boolean {
  if (constraint === undefined) return true;
  if (constraint.type === 'start_date') return atMs >= Date.parse(constraint.start_date);
  const now = Math.floor((atMs % DAY_MS) / 1000);
  const start = daySeconds(constraint.start_time);
  const end = daySeconds(constraint.end_time);
  return end < start ? now >= start || now < end : now >= start && now < end;
}

/** The prices of an entry that are in force at a time. Of several that apply the last one counts. */
export function pricesAt(model: ListModel, atMs: number): ModelPrice {
  if (!Array.isArray(model.prices)) return model.prices;
  return (model.prices.findLast((entry) => applies(entry, atMs)) ?? model.prices[0])?.prices ?? {};
}

/** Every price of an entry that is in force at some hour of the UTC day of `atMs`. */
export function pricesOfDay(model: ListModel, atMs: number): readonly ModelPrice[] {
  const dayStart = atMs - (atMs % DAY_MS);
  const variesByHour =
    Array.isArray(model.prices) &&
    model.prices.some(({ constraint }) => constraint?.type === 'time_of_date');
  if (!variesByHour) return [pricesAt(model, atMs)];
  const hours = Array.from({ length: 48 }, (_, half) => dayStart + (half * HOUR_MS) / 2);
  return [...new Set(hours.map((hour) => pricesAt(model, hour)))];
}

/**
 * Generations whose later versions cost the same although the list names them by a prefix ("Claude 2.0 / 2.1").
 */
const WHOLE_GENERATIONS = new Set(['claude-2']);

/**
 * True when a name goes on with a further version number where a prefix ended: `claude-sonnet-5` is not
 * `claude-sonnet-5-5`, and `claude-opus-4-1` is not `claude-opus-4-10`. A date or a letter may follow.
 */
function isOtherVersion(prefix: string, rest: string): boolean {
  if (WHOLE_GENERATIONS.has(prefix) || !/\d$/.test(prefix) || /(^|-)(0|20\d\d)$/.test(prefix))
    return false;
  return /^(\d|[-.]\d{1,2}(?!\d))/.test(rest);
}

function startsWithin(name: string, part: string, at: number): boolean {
  return at >= 0 && !isOtherVersion(part, name.slice(at + part.length));
}

/** The list's own matching, in lower case, but for prefixes that would take a later version for an earlier one. */
function matches(match: Match, name: string): boolean {
  if ('or' in match) return match.or.some((inner) => matches(inner, name));
  if ('and' in match) return match.and.every((inner) => matches(inner, name));
  if ('equals' in match) return name === match.equals.toLowerCase();
  if ('ends_with' in match) return name.endsWith(match.ends_with.toLowerCase());
  if ('regex' in match) return new RegExp(match.regex).test(name);
  if ('starts_with' in match) {
    const prefix = match.starts_with.toLowerCase();
    return startsWithin(name, prefix, name.startsWith(prefix) ? 0 : -1);
  }
  const part = match.contains.toLowerCase();
  return startsWithin(name, part, name.indexOf(part));
}

/** `-20241022` as `-2024-10-22`: some entries are listed with one form of the date only. */
function withDashedDate(name: string): string {
  return name.replace(/-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/, '-$1-$2-$3');
}

/** Longer names are no model's, and some patterns of the list are regular expressions. */
const MAX_NAME_CHARS = 200;

function entryNamed(provider: ListProvider, name: string): ListModel | undefined {
  const found = provider.models.find((model) => matches(model.match, name));
  if (found !== undefined) return found;
  for (const id of provider.fallback_model_providers ?? []) {
    const other = findProvider({ providerId: id });
    const entry = other?.models.find((model) => matches(model.match, name));
    if (entry !== undefined) return entry;
  }
  return undefined;
}

/**
 * The entry of a model at a provider, or null. The name may carry the provider's prefix (`openai/gpt-4o`,
 * `models/gemini-2.5-pro`). A name that no entry covers has no price: the nearest relative might be the cheaper one.
 */
export function findModel(provider: ListProvider, model: string): ListModel | null {
  if (model.length > MAX_NAME_CHARS) return null;
  const name = model.toLowerCase().trim();
  const own = name.replace(new RegExp(`^(${provider.id}|models)/`), '');
  for (const candidate of new Set([name, own, withDashedDate(own)])) {
    const entry = entryNamed(provider, candidate);
    if (entry !== undefined) return entry;
  }
  return null;
}

/** A provider of the list by its id. */
export function providerById(id: string): ListProvider | null {
  return findProvider({ providerId: id }) ?? null;
}

/** The provider whose API address a URL is, or null. */
export function providerByUrl(url: string): ListProvider | null {
  return url === '' ? null : (findProvider({ providerApiUrl: url }) ?? null);
}

/** The whole list. Nothing is waited for: without an update, the package gives what it was published with. */
export async function allProviders(): Promise<readonly ListProvider[]> {
  return (await waitForUpdate()) ?? [];
}

/** What a provider bills for its own tools, in nano-dollars a call, as far as the list says. */
export interface ListedFees {
  readonly webSearch?: NanoUsd;
  readonly fileSearch?: NanoUsd;
}

export function listedFees(prices: ModelPrice): ListedFees {
  const fee = (key: string): NanoUsd | null => {
    const listed = prices[key];
    if (typeof listed !== 'number') return null;
    const read = decimalToUnits(listed, REQUEST_DIGITS);
    return read === null ? null : Number(read.units);
  };
  const webSearch = fee('web_searches_kcount');
  const fileSearch = fee('storage_searches_kcount');
  return { ...(webSearch !== null && { webSearch }), ...(fileSearch !== null && { fileSearch }) };
}
