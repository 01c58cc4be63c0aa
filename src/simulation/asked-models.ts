/**
 * The models that traffic asks for, and who has them. A backend that names none in the file is asked by a gateway; a
 * simulation can not, so it takes a provider to serve the models of its name, and a local server whatever belongs to no
 * provider.
 */
import { assert } from '../core/assert.ts';
import type { BackendModel } from '../core/policy.ts';
import type { PriceBook } from '../core/prices.ts';
import type { BackendSettings } from '../core/settings.ts';
import { createPriceBook } from '../metering/price-book.ts';
import { TrafficError } from './traffic/traffic-request.ts';
import { WarningLog } from './warning-log.ts';

/** Every new name is a new policy; more of them mean that the column holds something else. */
const MOST_MODELS = 1000;

const VENDOR_NAMES: readonly (readonly [RegExp, BackendSettings['type']])[] = [
  [/^(gpt-(?!oss)|chatgpt-|o\d|text-embedding-|davinci-|babbage-|codex-|computer-use-)/, 'openai'],
  [/^claude/, 'anthropic'],
  [/^gemini/, 'google'],
];

function vendorOf(model: string): BackendSettings['type'] | null {
  const name = model.toLowerCase().slice(model.lastIndexOf('/') + 1);
  return VENDOR_NAMES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

function servesByName(
  { name, type }: BackendSettings,
  model: string,
  prices: PriceBook,
  atMs: number,
): boolean {
  const vendor = vendorOf(model);
  const isProvider = type === 'openai' || type === 'anthropic' || type === 'google';
  if (vendor === type || (vendor === null && !isProvider)) return true;
  const source = prices.priceOf(name, model, atMs)?.source;
  // Of type `openai` are also the addresses of others, whose price list names models of many makers.
  return source === 'config' || (source === 'list' && (vendor === null || type === 'openai'));
}

export class AskedModels {
  readonly #backends: readonly BackendSettings[];
  /** Warns nobody: most backends have no price for most models, which is nothing to tell. */
  readonly #prices: PriceBook;
  /** Each with a copy of its own: a name out of a file would keep a piece of that in memory. */
  readonly #names = new Map<string, string>();
  /** The names of the traffic after aliases, and their fallbacks. */
  readonly #askable = new Set<string>();

  constructor(backends: readonly BackendSettings[]) {
    this.#backends = backends;
    const log = new WarningLog();
    this.#prices = createPriceBook({ backends, unknownPrice: 'conservative', log });
  }

  has(model: string): boolean {
    return this.#names.has(model);
  }

  nameOf(model: string): string {
    return this.#names.get(model) ?? model;
  }

  /**
   * Remembers a name and what may answer for it. True when backends have to be asked about it. Throws `TrafficError`
   * when there are too many.
   */
  add(model: string, answering: readonly string[]): boolean {
    if (this.#names.size >= MOST_MODELS) {
      throw new TrafficError(
        `the traffic names more than ${MOST_MODELS} models; is "model" the right column?`,
      );
    }
    const copy = Buffer.from(model).toString();
    this.#names.set(copy, copy);
    const before = this.#askable.size;
    for (const name of answering) this.#askable.add(Buffer.from(name).toString());
    return this.#askable.size > before && this.#backends.some(({ models }) => models.length === 0);
  }

  /** What a backend would answer that is asked for its models. */
  of(backend: string, atMs: number): readonly BackendModel[] {
    const settings = this.#backends.find(({ name }) => name === backend);
    assert(settings !== undefined, `a backend named ${backend} is configured`);
    return [...this.#askable]
      .filter((model) => servesByName(settings, model, this.#prices, atMs))
      .map((id) => ({ id, contextLength: null, vision: null, tools: null }));
  }
}
