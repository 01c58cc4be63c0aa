/** A third composition root: prices of a configuration, of the packaged list and of a ledger file, without a gateway. */
import type { Log } from './core/log.ts';
import type { Price, PriceBook, PriceList } from './core/prices.ts';
import type { BackendSettings, Settings } from './core/settings.ts';
import { modelsInFile, type ModelInFile } from './ledger/models-in-file.ts';
import { createPriceBook } from './metering/price-book.ts';
import {
  catalogEntryOf,
  searchCatalog,
  type CatalogEntry,
  type CatalogQuery,
} from './metering/price-catalog.ts';
import { allProviders, PRICE_LIST, type ListedFees } from './metering/price-list.ts';

/** What is warned of while prices are looked up stands in the answer. */
const SILENCE: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};

/** The price of a model at a configured backend. */
export interface Quote {
  readonly backend: BackendSettings;
  readonly model: string;
  /** What a request would be charged by; null: it would be refused. */
  readonly price: Price | null;
  /** The same, but where there is none the dearest rates of its provider with a margin. */
  readonly atMost: Price | null;
  readonly fees: ListedFees;
  readonly isDeprecated: boolean;
}

export class PriceDesk {
  readonly #backends: ReadonlyMap<string, BackendSettings>;
  readonly #book: PriceBook;
  readonly #cautious: PriceBook;

  /** Throws `GlobError` for a price pattern that can not be read. */
  constructor({ backends, routing }: Settings) {
    const unknownPrice = routing.budget?.unknownPrice ?? 'conservative';
    this.#backends = new Map(backends.map((backend) => [backend.name, backend]));
    this.#book = createPriceBook({ backends, unknownPrice, log: SILENCE });
    this.#cautious = createPriceBook({ backends, unknownPrice: 'conservative', log: SILENCE });
  }

  /** Null for a backend that the configuration does not have. */
  quote(name: string, model: string, atMs: number): Quote | null {
    const backend = this.#backends.get(name);
    if (backend === undefined) return null;
    const price = this.#book.priceOf(name, model, atMs);
    const listed = price?.source === 'list' ? catalogEntryOf(backend, model, atMs, SILENCE) : null;
    return {
      backend,
      model,
      price,
      atMost: this.#cautious.priceOf(name, model, atMs),
      fees: listed?.fees ?? {},
      isDeprecated: listed?.isDeprecated ?? false,
    };
  }
}

export interface ListFacts extends PriceList {
  /** Ids of its providers. */
  readonly providers: readonly string[];
  readonly models: number;
}

export async function listFacts(): Promise<ListFacts> {
  const providers = await allProviders();
  const models = providers.reduce((sum, provider) => sum + provider.models.length, 0);
  return { ...PRICE_LIST, providers: providers.map(({ id }) => id), models };
}

/** Entries of the packaged list. Throws `GlobError` for a pattern that can not be read. */
export function listedPrices(query: CatalogQuery, atMs: number): Promise<readonly CatalogEntry[]> {
  return searchCatalog(query, atMs, SILENCE);
}

/** Backend and model of every entry of a ledger file, each pair once. Throws `LedgerFileError`. */
export function modelsInLedger(path: string): readonly ModelInFile[] {
  return modelsInFile(path);
}
