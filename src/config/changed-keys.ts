/** Which keys differ between two readings of a configuration, in the spelling of the file. */
import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../core/settings.ts';
import { dottedKey, type KeyPath } from './config-error.ts';
import { describeSettings } from './describe-settings.ts';
import type { LoadedConfig } from './load-config.ts';
import { isTable, type Table } from './read-toml.ts';

/** Lists as tables by name, so that a backend that was moved is not taken for another one. */
function byName(items: readonly object[]): Table {
  return Object.fromEntries(items.map((item) => [String((item as Table)['name']), item]));
}

/** What needs a restart: everything but prices. */
function documentOf({ settings, discovery }: LoadedConfig): Table {
  const described = describeSettings(withoutPrices(settings)) as Table;
  return {
    ...described,
    backends: byName(described['backends'] as readonly object[]),
    discovery: { enabled: discovery },
    // Of the URL of a webhook only the origin is ever shown, but the rest of it counts too.
    alerts: {
      webhooks: Object.fromEntries(
        settings.alerts.webhooks.map((webhook) => [webhook.name, JSON.stringify(webhook)]),
      ),
    },
  };
}

function withoutPrices(settings: Settings): Settings {
  return { ...settings, backends: settings.backends.map((one) => ({ ...one, prices: {} })) };
}

function differences(before: unknown, after: unknown, path: KeyPath): readonly string[] {
  if (isTable(before) && isTable(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differences(before[key], after[key], [...path, key]));
  }
  return isDeepStrictEqual(before, after) ? [] : [dottedKey(path)];
}

/** Keys other than prices, such as `server.port` and `backends.openai.url`. No values: some are secret. */
export function changedKeys(before: LoadedConfig, after: LoadedConfig): readonly string[] {
  return differences(documentOf(before), documentOf(after), []);
}
