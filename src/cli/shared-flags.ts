/** Flags that mean the same wherever they stand. */
import type { FlagSpec } from './flags.ts';

export const JSON_FLAG = {
  json: { help: 'Print JSON.' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

export const CONFIG_FLAG = {
  config: {
    value: 'FILE',
    help: 'TOML config; without it, the defaults and the backends that are found.',
  },
} as const satisfies Readonly<Record<string, FlagSpec>>;
