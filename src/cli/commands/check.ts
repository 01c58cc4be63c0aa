import { ConfigError } from '../../config/config-error.ts';
import { describeSettings } from '../../config/describe-settings.ts';
import { formatUsdExact } from '../../core/money.ts';
import type { BackendSettings, BudgetSettings } from '../../core/settings.ts';
import { command, type Session } from '../command.ts';
import { loadSettings, type LoadedSettings } from '../load-settings.ts';
import { CONFIG_FLAG, JSON_FLAG } from '../shared-flags.ts';
import { factLines, tableLines, type Column } from '../table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'BACKEND' },
  { title: 'TYPE' },
  { title: 'KIND' },
  { title: 'PRIORITY', align: 'right' },
  { title: 'KEY' },
  { title: 'URL' },
  { title: 'MODELS' },
];

const ACTION_WORDS = {
  warn: 'then a warning',
  block_cloud: 'then no cloud',
  block_all: 'then nothing',
} as const;

function budgetWords(budget: BudgetSettings | null): string {
  if (budget === null) return 'none: nothing is enforced';
  const { monthlyLimit, softLimitPercent, hardLimitAction, billingCycleDay, timezone } = budget;
  return `${formatUsdExact(monthlyLimit)} USD a month, local first from ${softLimitPercent} % on, ${ACTION_WORDS[hardLimitAction]}; turns on day ${billingCycleDay}, ${timezone}`;
}

function row(backend: BackendSettings, found: readonly string[]): readonly string[] {
  const { name, type, kind, priority, apiKeyEnv, url, models } = backend;
  return [
    found.includes(name) ? `${name} (found)` : name,
    type,
    kind,
    String(priority),
    apiKeyEnv ?? '-',
    url || '-',
    models.length === 0 ? 'asked at the start' : models.join(', '),
  ];
}

function lines({ settings, file, found, leftOut }: LoadedSettings): readonly string[] {
  const { server, metrics, routing, ledger, control, backends } = settings;
  const facts = factLines([
    ['listens on', `${server.host}, port ${server.port === 0 ? 'that is free' : server.port}`],
    ['key of clients', server.apiKey === null ? 'none asked' : 'asked'],
    ['metrics', metrics.port === null ? '/metrics' : `/metrics, and port ${metrics.port}`],
    ['budget', budgetWords(routing.budget)],
    ['strategy', routing.strategy],
    ['ledger', ledger.path],
    ['clock', control.clock],
  ]);
  return [
    file === null ? 'No config file: defaults.' : `${file} is valid.`,
    '',
    ...facts,
    '',
    ...(backends.length === 0
      ? ['No backend: every request to a model would be refused.']
      : tableLines(
          COLUMNS,
          backends.map((backend) => row(backend, found)),
        )),
    ...leftOut.map(({ name, reason }) => `Not run: ${name}, because ${reason}.`),
  ];
}

function loadedJson({ settings, file, found, leftOut, warnings }: LoadedSettings): object {
  const settingsJson = describeSettings(settings);
  return { ok: true, file, warnings, found, left_out: leftOut, settings: settingsJson };
}

async function tellError(error: ConfigError, isJson: boolean, session: Session): Promise<void> {
  if (isJson) await session.out.json({ ok: false, error: error.message });
  else await session.err.line(`nexus: ${error.message}`);
}

export const check = command({
  synopsis: '[--config FILE] [--json]',
  about:
    'Validates a config and shows what would run: every value in force, the backends that would be found, and warnings. Keys are never shown. Ends with 1 when the config can not be used.',
  flags: { ...CONFIG_FLAG, ...JSON_FLAG },
  examples: ['nexus check --config nexus.toml', 'nexus check --json | jq .settings.routing'],
  async run(flags, session) {
    const isJson = flags.isSet('json');
    let loaded: LoadedSettings;
    try {
      loaded = await loadSettings(flags.text('config'), session);
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      await tellError(thrown, isJson, session);
      return 1;
    }
    if (isJson) {
      await session.out.json(loadedJson(loaded));
      return 0;
    }
    await session.out.line(lines(loaded).join('\n'));
    for (const warning of loaded.warnings) await session.err.line(`warning: ${warning}`);
    return 0;
  },
});
