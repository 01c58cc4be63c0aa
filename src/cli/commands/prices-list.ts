import { GlobError } from '../../core/glob.ts';
import { parseInstant } from '../../core/instants.ts';
import type { Settings } from '../../core/settings.ts';
import { listedPrices, listFacts, PriceDesk, type ListFacts } from '../../prices.ts';
import { command, type Session } from '../command.ts';
import { CommandFailure, UsageFailure } from '../failure.ts';
import { guess, type Flags } from '../flags.ts';
import { loadSettings } from '../load-settings.ts';
import { findModelsInUse, USE_FLAGS } from '../prices/models-in-use.ts';
import { listWords, priceJson, priceTable, UNIT, type PlacedPrice } from '../prices/price-view.ts';
import { JSON_FLAG } from '../shared-flags.ts';

type ListFlags = Flags<keyof typeof USE_FLAGS | 'model' | 'provider' | 'at' | 'json'>;

const LIST_FLAGS = {
  ...USE_FLAGS,
  provider: { value: 'ID', help: 'Prices of the packaged list: those of a provider.' },
  model: {
    value: 'NAME',
    help: 'Prices of the packaged list: those of a model, or of all that a pattern such as gpt-4* matches.',
  },
  at: { value: 'TIME', help: 'Prices in force at a time: 2026-12-01, or RFC 3339.' },
} as const;

function timeOf(flags: ListFlags): number {
  const text = flags.text('at');
  if (text === undefined) return Date.now();
  const atMs = parseInstant(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (atMs !== null) return atMs;
  throw new UsageFailure(
    `--at must be a date such as 2026-12-01 or a time such as 2026-12-01T00:00:00Z, not '${text}'`,
  );
}

/** Prices of the packaged list. Throws where it has none that was asked for. */
async function fromPackage(
  flags: ListFlags,
  { providers }: ListFacts,
): Promise<readonly PlacedPrice[]> {
  const [provider, model] = [flags.text('provider'), flags.text('model')];
  if (provider !== undefined && !providers.includes(provider)) {
    throw new CommandFailure(
      `the price list has no provider '${provider}'${guess(provider, providers)}; it has ${providers.join(', ')}`,
    );
  }
  const found = await searchPackage({ provider, model }, timeOf(flags));
  if (found.length > 0) return found;
  const where = provider === undefined ? '' : ` of ${provider}`;
  throw new CommandFailure(
    `the price list has no model '${model}'${where}; a pattern such as '*${model}*' finds more`,
  );
}

async function searchPackage(
  query: Parameters<typeof listedPrices>[0],
  atMs: number,
): Promise<readonly PlacedPrice[]> {
  try {
    const entries = await listedPrices(query, atMs);
    return entries.map(({ provider, model, price, fees, isDeprecated }) => ({
      place: provider,
      model,
      price,
      fees,
      note: price === null ? 'not per token' : isDeprecated ? 'list, deprecated' : 'list',
    }));
  } catch (thrown) {
    if (thrown instanceof GlobError) throw new UsageFailure(`--model: ${thrown.message}`);
    throw thrown;
  }
}

/** Prices in force for the models in use. */
async function inForce(
  settings: Settings,
  flags: ListFlags,
  session: Session,
): Promise<readonly PlacedPrice[]> {
  const { models, unknown, gone } = await findModelsInUse(settings, flags, session);
  const desk = new PriceDesk(settings);
  const atMs = timeOf(flags);
  if (unknown.length > 0) {
    await session.err.line(
      `nexus: the models of ${unknown.join(', ')} are known to a running gateway only; ask it with --url`,
    );
  }
  if (gone.length > 0)
    await session.err.line(`nexus: the config no longer has ${gone.join(', ')} of the ledger`);
  return models.flatMap(({ backend, model }) => {
    const quote = desk.quote(backend, model, atMs);
    return quote === null ? [] : [{ place: backend, model, price: quote.price, fees: quote.fees }];
  });
}

function asJson(placeKey: string, list: ListFacts, prices: readonly PlacedPrice[]): object {
  return {
    list: { version: list.version, date: list.date },
    data: prices.map((placed) => ({
      [placeKey]: placed.place,
      model: placed.model,
      price: priceJson(placed),
    })),
  };
}

export const pricesList = command({
  synopsis: '[options]',
  about:
    'Shows what a request to each model in use would be charged by: the models that the config names, that a running gateway has found (--url) and that a ledger has seen (--ledger). With --provider or --model it shows the packaged list itself. Rates are USD per million tokens, fees USD a call; of several rows for a model the one counts whose ABOVE the whole input passes.',
  flags: { ...LIST_FLAGS, ...JSON_FLAG },
  examples: [
    'nexus prices list --config nexus.toml',
    'nexus prices list --provider anthropic',
    "nexus prices list --model 'gpt-4*' --at 2026-12-01 --json",
  ],
  async run(flags, session) {
    const list = await listFacts();
    const isOfPackage = flags.isSet('provider') || flags.isSet('model');
    const prices = isOfPackage
      ? await fromPackage(flags, list)
      : await inForce((await loadSettings(flags.text('config'), session)).settings, flags, session);
    const placeTitle = isOfPackage ? 'provider' : 'backend';
    if (flags.isSet('json')) await session.out.json(asJson(placeTitle, list, prices));
    else if (prices.length === 0) await session.out.line('No model is in use.');
    else {
      await session.out.line(`${UNIT}; the list is ${listWords(list)}.\n`);
      await session.out.line(priceTable(placeTitle.toUpperCase(), prices).join('\n'));
    }
    return 0;
  },
});
