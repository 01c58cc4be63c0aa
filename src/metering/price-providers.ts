/** Which providers of the price list stand behind a backend. */
import type { BackendSettings } from '../core/settings.ts';
import { providerById, providerByUrl, type ListProvider } from './price-list.ts';
import { plainModelName } from './tokenizers.ts';

export interface BackendProviders {
  /** Where a model's entry is looked up, in order; empty where only the file can name a price. */
  readonly lists: readonly ListProvider[];
  /** Whose dearest rates stand in for an unknown price. */
  readonly relatives: readonly ListProvider[];
}

const MAIN_PROVIDERS = ['openai', 'anthropic', 'google'];

function named(ids: readonly string[]): readonly ListProvider[] {
  return ids.map(providerById).filter((provider) => provider !== null);
}

/** The vendor whose names a simulated backend borrows; all of the main ones when the name tells none. */
function vendorsOf(model: string): readonly string[] {
  const name = plainModelName(model);
  if (name.startsWith('claude')) return ['anthropic'];
  if (/^(gemini|gemma)/.test(name)) return ['google'];
  if (/^(gpt|chatgpt|o\d|text-embedding|davinci|babbage|codex|computer-use)/.test(name))
    return ['openai'];
  return MAIN_PROVIDERS;
}

/**
 * A known API address tells the provider, also where the type is only the dialect (`openai` at Groq's address); else
 * the type does. A simulated cloud backend costs what the vendor of its model's name costs. Of any other backend without
 * a known address no list is trusted: the same model name costs something else at every host.
 */
export function providersOf({ type, url }: BackendSettings, model: string): BackendProviders {
  const byUrl = providerByUrl(url);
  if (byUrl !== null) return { lists: [byUrl], relatives: [byUrl] };
  if (type === 'openai' || type === 'anthropic' || type === 'google') {
    const own = named([type]);
    return { lists: own, relatives: own };
  }
  if (type === 'simulated') {
    const vendors = named(vendorsOf(model));
    return { lists: vendors, relatives: vendors };
  }
  return { lists: [], relatives: named(MAIN_PROVIDERS) };
}
