import { listFacts, PriceDesk } from '../../prices.ts';
import { command, type Session } from '../command.ts';
import type { Flags } from '../flags.ts';
import { loadSettings } from '../load-settings.ts';
import { findingJson, findingOf, tomlOf, type Finding, type ListAge } from '../prices/findings.ts';
import { ageInDays } from '../prices/list-age.ts';
import { findModelsInUse, USE_FLAGS, type ModelsInUse } from '../prices/models-in-use.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { tableLines, type Column } from '../table.ts';

type CheckFlags = Flags<keyof typeof USE_FLAGS | 'max-age-days' | 'json'>;

/** Half a year: no provider has left its prices alone for longer. */
const MOST_DAYS = 180;

const COLUMNS: readonly Column[] = [
  { title: 'BACKEND' },
  { title: 'MODEL' },
  { title: 'SEEN IN' },
  { title: 'PROBLEM' },
];

interface Checked {
  readonly inUse: ModelsInUse;
  readonly findings: readonly Finding[];
}

async function lookUp(flags: CheckFlags, session: Session): Promise<Checked> {
  const mostDays = flags.whole('max-age-days', 0, 100_000) ?? MOST_DAYS;
  const { settings } = await loadSettings(flags.text('config'), session);
  const inUse = await findModelsInUse(settings, flags, session);
  const nowMs = Date.now();
  const age: ListAge = { days: ageInDays((await listFacts()).date, nowMs), mostDays };
  const desk = new PriceDesk(settings);
  const findings = inUse.models.flatMap((model) => {
    const quote = desk.quote(model.backend, model.model, nowMs);
    return (quote && findingOf(model, quote, age)) ?? [];
  });
  return { inUse, findings };
}

/** One block for each backend, as it would stand below its `[[backends]]`. */
function advice(findings: readonly Finding[]): readonly string[] {
  const byBackend = Map.groupBy(findings, ({ model }) => model.backend);
  return [...byBackend].flatMap(([backend, own]) => [
    '',
    `# below [[backends]] name = ${JSON.stringify(backend)}`,
    ...own.flatMap(tomlOf),
  ]);
}

function lines({ inUse, findings }: Checked): readonly string[] {
  const count = inUse.models.length;
  if (findings.length === 0) {
    return [
      count === 0 ? 'No model is in use.' : `All ${count} models in use have a price to rely on.`,
    ];
  }
  const rows = findings.map(({ model, words }) => [
    model.backend,
    model.model,
    model.seenIn.join(', '),
    words,
  ]);
  return [
    ...tableLines(COLUMNS, rows),
    '',
    `${findings.length} of ${count} models in use need a price. Put this into the config, with the figures of the`,
    "provider's price page in USD per million tokens; the ones below are what is held and charged now.",
    ...advice(findings),
  ];
}

export const pricesCheck = command({
  synopsis: '[options]',
  about:
    'Looks for models in use that have no price (they are refused, or charged at the dearest rate of their provider times 1.15), and for prices of the packaged list that are deprecated or too old to rely on. In use are the models that the config names, that a running gateway has found (--url) and that a ledger has seen (--ledger). Ends with 1 when there are any, and prints what to put into the config.',
  flags: {
    ...USE_FLAGS,
    'max-age-days': {
      value: 'N',
      help: `Age from which on the packaged list is not relied on; ${MOST_DAYS} by default.`,
    },
    ...JSON_FLAG,
  },
  examples: [
    'nexus prices check --config nexus.toml',
    'nexus prices check --url http://127.0.0.1:8000 --ledger data/nexus-ledger.db',
  ],
  async run(flags, session) {
    const checked = await lookUp(flags, session);
    const { inUse, findings } = checked;
    const isGood = findings.length === 0;
    if (flags.isSet('json')) {
      await session.out.json({
        ok: isGood,
        checked: inUse.models.length,
        problems: findings.map(findingJson),
        not_checked: { models_unknown: inUse.unknown, no_longer_configured: inUse.gone },
      });
      return isGood ? 0 : 1;
    }
    await session.out.line(lines(checked).join('\n'));
    for (const name of inUse.unknown)
      await session.err.line(
        `nexus: the models of ${name} are known to a running gateway only; ask it with --url`,
      );
    if (inUse.gone.length > 0)
      await session.err.line(
        `nexus: the config no longer has ${inUse.gone.join(', ')} of the ledger`,
      );
    return isGood ? 0 : 1;
  },
});
