/** Where the traffic of a simulation comes from: a file, standard input, or a profile. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { BillingCycle } from '../../core/billing-period.ts';
import { billingMonth } from '../../simulation/profile/billing-month.ts';
import { PROFILES } from '../../simulation/profile/shapes.ts';
import { syntheticTraffic } from '../../simulation/profile/synthetic-traffic.ts';
import { readTraffic, type Traffic } from '../../simulation/traffic/read-traffic.ts';
import { CommandFailure, UsageFailure } from '../failure.ts';
import type { Flags, FlagSpec } from '../flags.ts';
import type { Policy } from './load-policy.ts';

export interface Source extends Traffic {
  /** In words, for a heading. */
  readonly name: string;
  /** False when it has nothing but time, model, input and output. */
  readonly hasParts: boolean;
  /** How much of it was read, 0 to 1, after so many requests; null when its length is not known. */
  readonly progress: (requests: number) => number | null;
}

export const SOURCE_FLAGS = {
  traffic: { value: 'FILE', help: "Traffic to replay; '-' reads standard input." },
  profile: {
    value: 'NAME',
    help: `Traffic that nobody sent, in a shape: ${PROFILES.join(', ')}.`,
  },
  requests: { value: 'N', help: 'Requests of a profile; 10000 by default.' },
  seed: {
    value: 'N',
    help: 'Another number gives another month of the same profile; 1 by default.',
  },
  month: { value: 'YYYY-MM', help: 'Billing month of a profile; the current one by default.' },
  models: {
    value: 'LIST',
    help: 'Models of a profile with their weights, such as gpt-4o=1,gpt-4o-mini=3; by default those that the config names.',
  },
} as const satisfies Readonly<Record<string, FlagSpec>>;

type SourceFlags = Flags<keyof typeof SOURCE_FLAGS>;

const PROFILE_ONLY = ['requests', 'seed', 'month', 'models'] as const;
const DEFAULT_REQUESTS = 10_000;
const MOST_REQUESTS = 1_000_000_000;
const CALENDAR_MONTH: BillingCycle = { billingCycleDay: 1, timezone: 'UTC' };
/** Large pieces: a million rows are some forty megabytes. */
const READ_BYTES = 1024 * 1024;

type Weighted = readonly { readonly model: string; readonly weight: number }[];

function parseModels(text: string): Weighted {
  return text.split(',').map((part) => {
    const match = /^([^=]+?)(?:=(\d+(?:\.\d+)?))?$/.exec(part.trim());
    const weight = Number(match?.[2] ?? 1);
    const model = match?.[1];
    if (model === undefined || !(weight > 0)) {
      throw new UsageFailure(
        `--models must be names with weights above 0, such as gpt-4o=1,gpt-4o-mini=3, not '${text}'`,
      );
    }
    return { model, weight };
  });
}

/** Each model that a backend of the config names, once, equally often. */
function modelsOf({ name, settings }: Policy): Weighted {
  const names = new Set(settings.backends.flatMap(({ models }) => models));
  if (names.size === 0)
    throw new UsageFailure(`${name} names no models, so name those of the profile: --models LIST`);
  return [...names].map((model) => ({ model, weight: 1 }));
}

function fromProfile(flags: SourceFlags, policy: Policy): Source {
  const profile = flags.oneOf('profile', PROFILES) ?? 'steady';
  const requests = flags.whole('requests', 1, MOST_REQUESTS) ?? DEFAULT_REQUESTS;
  const seed = flags.whole('seed', 0, 2 ** 30) ?? 1;
  const cycle = policy.settings.routing.budget ?? CALENDAR_MONTH;
  const month = flags.text('month') ?? new Date().toISOString().slice(0, 7);
  const period = billingMonth(month, cycle);
  if (period === null)
    throw new UsageFailure(`--month must be a month such as 2026-11, not '${month}'`);
  const list = flags.text('models');
  const models = list === undefined ? modelsOf(policy) : parseModels(list);
  const { timezone } = cycle;
  return {
    name: `Profile ${profile}, ${requests} requests in ${month}, seed ${seed}`,
    pieces: syntheticTraffic({ profile, requests, seed, period, timezone, models }),
    leftOut: new Map(),
    hasParts: false,
    progress: (played) => played / requests,
  };
}

async function fromFile(file: string): Promise<Source> {
  if (file === '-') {
    const name = 'standard input';
    return { name, ...readTraffic(process.stdin, name), hasParts: true, progress: () => null };
  }
  const { size } = await stat(file).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : String(error);
    throw new CommandFailure(
      code === 'ENOENT' ? `there is no file ${file}` : `cannot read ${file} (${String(code)})`,
    );
  });
  const stream = createReadStream(file, { highWaterMark: READ_BYTES });
  return {
    name: file,
    ...readTraffic(stream, file),
    hasParts: true,
    progress: () => (size === 0 ? null : stream.bytesRead / size),
  };
}

/** Throws `UsageFailure` when the flags name no source, or two. */
export async function openSource(flags: SourceFlags, policy: Policy): Promise<Source> {
  const file = flags.text('traffic');
  if (flags.isSet('profile') === (file !== undefined))
    throw new UsageFailure('give either --traffic FILE or --profile NAME');
  if (file === undefined) return fromProfile(flags, policy);
  const lone = PROFILE_ONLY.find((name) => flags.isSet(name));
  if (lone !== undefined) throw new UsageFailure(`--${lone} goes with --profile only`);
  return fromFile(file);
}
