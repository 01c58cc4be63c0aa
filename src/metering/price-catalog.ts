/** The packaged list to be read by people: what it says of a model, at a provider or of a backend. */
import { parseGlob } from '../core/glob.ts';
import type { Log } from '../core/log.ts';
import type { Price } from '../core/prices.ts';
import type { BackendSettings } from '../core/settings.ts';
import { fromList } from './price-book.ts';
import {
  allProviders,
  findModel,
  listedFees,
  pricesAt,
  type ListedFees,
  type ListModel,
  type ListProvider,
} from './price-list.ts';
import { providersOf } from './price-providers.ts';

export interface CatalogEntry {
  readonly provider: string;
  readonly model: string;
  /** Null where it is not billed by the token. */
  readonly price: Price | null;
  readonly fees: ListedFees;
  /** The provider is about to take the model away, or has; nobody looks after the price any more. */
  readonly isDeprecated: boolean;
}

export interface CatalogQuery {
  /** The id of a provider; without it all of them. */
  readonly provider?: string | undefined;
  /** A name, or a pattern over the names of the list. */
  readonly model?: string | undefined;
}

function entryAt(provider: ListProvider, entry: ListModel, atMs: number, log: Log): CatalogEntry {
  return {
    provider: provider.id,
    model: entry.id,
    price: fromList(entry.id, provider, entry, log)(atMs),
    fees: listedFees(pricesAt(entry, atMs)),
    isDeprecated: entry.deprecated === true,
  };
}

function modelsOf(provider: ListProvider, model: string | undefined): readonly ListModel[] {
  if (model === undefined) return provider.models;
  if (/[*?[{]/.test(model)) {
    const glob = parseGlob(model);
    return provider.models.filter(({ id }) => glob.matches(id));
  }
  const found = findModel(provider, model);
  return found === null ? [] : [found];
}

/** Throws `GlobError` for a pattern that can not be read. */
export async function searchCatalog(
  { provider, model }: CatalogQuery,
  atMs: number,
  log: Log,
): Promise<readonly CatalogEntry[]> {
  const providers = await allProviders();
  return providers
    .filter(({ id }) => provider === undefined || id === provider)
    .flatMap((one) => modelsOf(one, model).map((entry) => entryAt(one, entry, atMs, log)));
}

/** The entry that a model's price at a backend is taken from; null where the list has none. */
export function catalogEntryOf(
  backend: BackendSettings,
  model: string,
  atMs: number,
  log: Log,
): CatalogEntry | null {
  for (const provider of providersOf(backend, model).lists) {
    const entry = findModel(provider, model);
    if (entry !== null) return entryAt(provider, entry, atMs, log);
  }
  return null;
}
