import type { Clock } from '../core/clock.ts';
import type { Settings } from '../core/settings.ts';
import { createSystemClock } from './system-clock.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface Clocks {
  /** The clock of months and of the ledger. */
  readonly clock: Clock;
  /** Real time. */
  readonly ioClock: Clock;
  /** `clock`, where it is moved by hand; else null. */
  readonly movable: VirtualClock | null;
}

/** @param startAtMs first instant of an injected clock; now, when it is left out */
export function createClocks(settings: Settings, startAtMs: number | undefined): Clocks {
  const ioClock = createSystemClock();
  if (settings.control.clock === 'system') return { clock: ioClock, ioClock, movable: null };
  const movable = new VirtualClock(startAtMs ?? ioClock.now());
  return { clock: movable, ioClock, movable };
}
