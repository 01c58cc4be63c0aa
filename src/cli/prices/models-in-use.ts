/** Which models prices are needed for: those that the config names, that a gateway serves, that a ledger has seen. */
import { existsSync } from 'node:fs';
import type { Settings } from '../../core/settings.ts';
import { modelsInLedger } from '../../prices.ts';
import type { Session } from '../command.ts';
import { CommandFailure } from '../failure.ts';
import type { Flags, FlagSpec } from '../flags.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { CONFIG_FLAG } from '../shared-flags.ts';

/** Where models are looked for. */
export const USE_FLAGS = {
  ...CONFIG_FLAG,
  ...GATEWAY_FLAGS,
  url: {
    value: 'URL',
    help: 'Address of a running gateway, to ask it for the models that it has found.',
  },
  ledger: { value: 'PATH', help: 'SQLite file of a ledger, for the models that it has seen.' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

type Seen = 'config' | 'gateway' | 'ledger';

export interface ModelInUse {
  readonly backend: string;
  readonly model: string;
  readonly seenIn: readonly Seen[];
}

export interface ModelsInUse {
  readonly models: readonly ModelInUse[];
  /** Backends whose models nobody has named: only a running gateway knows them. */
  readonly unknown: readonly string[];
  /** Backends of the ledger that the config no longer has. */
  readonly gone: readonly string[];
}

interface Sighting {
  readonly backend: string;
  readonly model: string;
  readonly seen: Seen;
}

/** Models of the file; where a backend names none, those that have a price of their own there. */
function inConfig({ backends }: Settings): readonly Sighting[] {
  return backends.flatMap(({ name, models, prices }) => {
    const priced = Object.keys(prices).filter((key) => !/[*?[{]/.test(key));
    return [...new Set([...models, ...priced])].map((model) => ({
      backend: name,
      model,
      seen: 'config' as const,
    }));
  });
}

async function inGateway(
  flags: Flags<'url' | 'api-key-env'>,
  session: Session,
): Promise<readonly Sighting[]> {
  const answer = await connect(flags, session).get('/v1/models');
  return answer.list('data').flatMap((model) =>
    model.texts('backends').map((backend) => ({
      backend,
      model: model.text('id'),
      seen: 'gateway' as const,
    })),
  );
}

function inLedger(path: string): readonly Sighting[] {
  if (!existsSync(path)) throw new CommandFailure(`there is no ledger at ${path}`);
  return modelsInLedger(path).map((pair) => ({ ...pair, seen: 'ledger' as const }));
}

function merged(sightings: readonly Sighting[]): readonly ModelInUse[] {
  const byPair = Map.groupBy(sightings, ({ backend, model }) => `${backend}\n${model}`);
  return [...byPair.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined
      ? []
      : [{ backend: first.backend, model: first.model, seenIn: same.map(({ seen }) => seen) }];
  });
}

/** Throws `CommandFailure` when the gateway or the ledger can not be read, or the gateway runs on another config. */
export async function findModelsInUse(
  settings: Settings,
  flags: Flags<keyof typeof USE_FLAGS>,
  session: Session,
): Promise<ModelsInUse> {
  const names = new Set(settings.backends.map(({ name }) => name));
  const isAsked = flags.isSet('url');
  const served = isAsked ? await inGateway(flags, session) : [];
  const stranger = served.find(({ backend }) => !names.has(backend));
  if (stranger !== undefined) {
    throw new CommandFailure(
      `the gateway serves ${stranger.model} at ${stranger.backend}, a backend that this config does not have; name the gateway's own with --config FILE`,
    );
  }
  const ledger = flags.text('ledger');
  const charged = ledger === undefined ? [] : inLedger(ledger);
  const gone = charged.filter(({ backend }) => !names.has(backend));
  const known = charged.filter(({ backend }) => names.has(backend));
  const models = merged([...inConfig(settings), ...served, ...known]);
  const unnamed = settings.backends.filter(({ models: own }) => !isAsked && own.length === 0);
  return {
    models,
    unknown: unnamed.map(({ name }) => name),
    gone: [...new Set(gone.map(({ backend }) => backend))],
  };
}
