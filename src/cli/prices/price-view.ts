/** A price as JSON, exact, and as rows of a table that shows only the columns that say something. */
import { formatRate, formatUsdExact } from '../../core/money.ts';
import type { Price, PriceTier } from '../../core/prices.ts';
import type { ListFacts } from '../../prices.ts';
import { tableLines } from '../table.ts';

/** A price with the place that it holds at: a backend of the config, or a provider of the list. */
export interface PlacedPrice {
  readonly place: string;
  readonly model: string;
  readonly price: Price | null;
  /** Fees of the provider's own tools, as listed, in nano-dollars a call. */
  readonly fees: { readonly webSearch?: number; readonly fileSearch?: number };
  /** Where it comes from, where the price itself does not say it. */
  readonly note?: string;
}

export const UNIT = 'USD per million tokens';

function tierJson(tier: PriceTier): object {
  return {
    above_input_tokens: tier.aboveInputTokens,
    input: formatRate(tier.input),
    cached_input: formatRate(tier.cachedInput),
    cache_write: formatRate(tier.cacheWrite),
    cache_write_1h: formatRate(tier.cacheWrite1h),
    input_audio: formatRate(tier.inputAudio),
    output: formatRate(tier.output),
    reasoning: formatRate(tier.reasoning),
    output_audio: formatRate(tier.outputAudio),
  };
}

/** Rates in USD per million tokens, everything else in USD; all of them decimal text. Null: there is no price. */
export function priceJson({ price, fees }: Pick<PlacedPrice, 'price' | 'fees'>): object | null {
  if (price === null) return null;
  const { webSearch, fileSearch } = fees;
  return {
    source: price.source,
    version: price.version,
    unit: UNIT,
    tiers: price.tiers.map(tierJson),
    per_request_usd: formatUsdExact(price.perRequest),
    ...(webSearch !== undefined && { web_search_usd: formatUsdExact(webSearch) }),
    ...(fileSearch !== undefined && { file_search_usd: formatUsdExact(fileSearch) }),
    max_output_tokens: price.maxOutputKnown ? price.maxOutputTokens : null,
  };
}

export function listWords({ version, date }: Pick<ListFacts, 'version' | 'date'>): string {
  return `${version} of ${date}`;
}

interface Row extends PlacedPrice {
  readonly tier: PriceTier | null;
}

interface PriceColumn {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Left out where no row has anything to say in it. */
  readonly isShown?: (row: Row) => boolean;
  readonly align?: 'right';
}

function rate(name: keyof Omit<PriceTier, 'aboveInputTokens'>): PriceColumn['cell'] {
  return ({ tier }) => {
    const known = tier?.[name];
    return known === undefined ? '-' : formatRate(known);
  };
}

function differs(
  name: keyof PriceTier,
  from: keyof PriceTier,
): NonNullable<PriceColumn['isShown']> {
  return ({ tier }) => tier !== null && tier[name] !== tier[from];
}

function usd(amount: number | undefined): string {
  return amount === undefined ? '-' : formatUsdExact(amount);
}

const COLUMNS: readonly PriceColumn[] = [
  { title: 'MODEL', cell: ({ model }) => model },
  {
    title: 'ABOVE',
    cell: ({ tier }) => (tier === null ? '-' : String(tier.aboveInputTokens)),
    isShown: ({ tier }) => tier !== null && tier.aboveInputTokens > 0,
    align: 'right',
  },
  { title: 'INPUT', cell: rate('input'), align: 'right' },
  {
    title: 'CACHED',
    cell: rate('cachedInput'),
    isShown: differs('cachedInput', 'input'),
    align: 'right',
  },
  {
    title: 'WRITE',
    cell: rate('cacheWrite'),
    isShown: differs('cacheWrite', 'input'),
    align: 'right',
  },
  {
    title: 'WRITE 1H',
    cell: rate('cacheWrite1h'),
    isShown: differs('cacheWrite1h', 'cacheWrite'),
    align: 'right',
  },
  {
    title: 'AUDIO IN',
    cell: rate('inputAudio'),
    isShown: differs('inputAudio', 'input'),
    align: 'right',
  },
  { title: 'OUTPUT', cell: rate('output'), align: 'right' },
  {
    title: 'REASONING',
    cell: rate('reasoning'),
    isShown: differs('reasoning', 'output'),
    align: 'right',
  },
  {
    title: 'AUDIO OUT',
    cell: rate('outputAudio'),
    isShown: differs('outputAudio', 'output'),
    align: 'right',
  },
  {
    title: 'REQUEST',
    cell: ({ price }) => usd(price?.perRequest),
    isShown: ({ price }) => price !== null && price.perRequest > 0,
    align: 'right',
  },
  {
    title: 'WEB SEARCH',
    cell: ({ fees }) => usd(fees.webSearch),
    isShown: ({ fees }) => fees.webSearch !== undefined,
    align: 'right',
  },
  {
    title: 'FILE SEARCH',
    cell: ({ fees }) => usd(fees.fileSearch),
    isShown: ({ fees }) => fees.fileSearch !== undefined,
    align: 'right',
  },
  { title: 'FROM', cell: sourceWords },
];

function sourceWords({ price, note }: Row): string {
  if (note !== undefined) return note;
  if (price === null) return 'no price: refused';
  return price.source === 'config' ? price.version : price.source;
}

/** @param placeTitle what a place is: `BACKEND` or `PROVIDER` */
export function priceTable(placeTitle: string, prices: readonly PlacedPrice[]): readonly string[] {
  const rows = prices.flatMap((placed): readonly Row[] =>
    placed.price === null
      ? [{ ...placed, tier: null }]
      : placed.price.tiers.map((tier) => ({ ...placed, tier })),
  );
  const place: PriceColumn = { title: placeTitle, cell: (row) => row.place };
  const columns = [place, ...COLUMNS].filter(({ isShown }) => !isShown || rows.some(isShown));
  return tableLines(
    columns.map(({ title, align }) => ({ title, ...(align && { align }) })),
    rows.map((row) => columns.map(({ cell }) => cell(row))),
  );
}
