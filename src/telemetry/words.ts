/** Words of the contract for values that the code spells differently. */
import type { HardLimitAction } from '../core/settings.ts';

/** `hard_limit_action` as statistics and log lines spell it. */
export const ACTION_WORDS = {
  warn: 'Warn',
  block_cloud: 'BlockCloud',
  block_all: 'BlockAll',
} as const satisfies Record<HardLimitAction, string>;

/** Stands for a model or backend where there is none. */
export const NONE = 'none';
