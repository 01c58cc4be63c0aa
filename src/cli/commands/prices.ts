import type { BackendSettings } from '../../core/settings.ts';
import { listFacts, type ListFacts } from '../../prices.ts';
import { command } from '../command.ts';
import { loadSettings, type LoadedSettings } from '../load-settings.ts';
import { ageInDays } from '../prices/list-age.ts';
import { listWords } from '../prices/price-view.ts';
import { CONFIG_FLAG, JSON_FLAG } from '../shared-flags.ts';
import { factLines } from '../table.ts';

interface Overrides {
  readonly count: number;
  /** Prices that come into force later, the next first. */
  readonly later: readonly {
    readonly backend: string;
    readonly model: string;
    readonly from: string;
  }[];
}

function overridesOf(backends: readonly BackendSettings[], nowMs: number): Overrides {
  const all = backends.flatMap(({ name, prices }) =>
    Object.entries(prices).map(([model, { versions = [] }]) => ({ name, model, versions })),
  );
  const later = all
    .flatMap(({ name, model, versions }) =>
      versions.map(({ fromMs }) => ({ backend: name, model, fromMs })),
    )
    .filter(({ fromMs }) => fromMs > nowMs)
    .toSorted((a, b) => a.fromMs - b.fromMs)
    .map(({ fromMs, ...place }) => ({ ...place, from: new Date(fromMs).toISOString() }));
  return { count: all.length, later };
}

const UNKNOWN_WORDS = {
  conservative: 'charged at the dearest rate of its provider times 1.15',
  deny: 'refused',
} as const;

function overrideWords({ count, later }: Overrides, file: string | null): string {
  if (count === 0) return file === null ? 'none: no config file' : `none in ${file}`;
  const [next] = later;
  const words = `${count} in ${file}`;
  return next === undefined
    ? words
    : `${words}; next change on ${next.from}, ${next.model} at ${next.backend}`;
}

interface Overview {
  readonly list: ListFacts;
  readonly ageDays: number;
  readonly overrides: Overrides;
  readonly unknownPrice: keyof typeof UNKNOWN_WORDS;
}

function lines(overview: Overview, { file }: LoadedSettings): readonly string[] {
  const { list, ageDays, overrides, unknownPrice } = overview;
  return factLines([
    ['price list', `${listWords(list)}, ${ageDays} days old`],
    ['knows', `${list.models} models of ${list.providers.length} providers`],
    ['overrides', overrideWords(overrides, file)],
    ['no price', UNKNOWN_WORDS[unknownPrice]],
  ]);
}

function json(overview: Overview, { file }: LoadedSettings): object {
  const { list, ageDays, overrides, unknownPrice } = overview;
  const { version, date, models, providers } = list;
  return {
    list: { version, date, age_days: ageDays, models, providers },
    config: file,
    overrides: overrides.count,
    changes_ahead: overrides.later,
    unknown_price: unknownPrice,
  };
}

export const prices = command({
  synopsis: '[--config FILE] [--json]',
  about:
    'Shows the version, the date and the age of the packaged price list, and how many prices the config puts before it. The list comes with the program and is never fetched: a newer one comes with a newer version.',
  flags: { ...CONFIG_FLAG, ...JSON_FLAG },
  examples: ['nexus prices', 'nexus prices list --provider openai', 'nexus prices check'],
  async run(flags, session) {
    const loaded = await loadSettings(flags.text('config'), session);
    const { backends, routing } = loaded.settings;
    const nowMs = Date.now();
    const list = await listFacts();
    const overview: Overview = {
      list,
      ageDays: ageInDays(list.date, nowMs),
      overrides: overridesOf(backends, nowMs),
      unknownPrice: routing.budget?.unknownPrice ?? 'conservative',
    };
    if (flags.isSet('json')) await session.out.json(json(overview, loaded));
    else await session.out.line(lines(overview, loaded).join('\n'));
    return 0;
  },
});
