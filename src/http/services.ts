/** Everything the HTTP face works with. Each arrives through a port; only `main.ts` knows what is behind it. */
import type { Clock } from '../core/clock.ts';
import type { ControlPlane } from '../core/control.ts';
import type { Facts } from '../core/facts.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { PriceBook } from '../core/prices.ts';
import type { Settings } from '../core/settings.ts';
import type { TokenCalibration, TokenCounter } from '../core/tokens.ts';
import type { Upstream } from '../core/upstream.ts';
import type { Router } from '../routing/router.ts';
import type { LoadBook } from './load-book.ts';

/** A clock that can be moved from outside. Present only with `[control] clock = "injected"`. */
interface MovableClock {
  /** Steps forward through every due timer. Throws when the instant lies in the past. */
  advanceTo(atMs: number): void;
}

/** Read-only JSON views, made elsewhere from the same numbers that the metrics show. */
interface Views {
  /** The body of `GET /v1/stats`. */
  stats(): object;
  /** The body of `GET /v1/budget`; null without a budget. */
  budget(): object | null;
  /** Prometheus text format 0.0.4. */
  metrics(): Promise<string>;
}

export interface Services {
  readonly settings: Settings;
  readonly version: string;
  /** The clock of months and of the ledger; injected in rehearsals and tests. */
  readonly clock: Clock;
  /**
   * Real time, for deadlines of sockets. Kept apart from `clock`: a rehearsal that jumps a month ahead must not time
   * out every request in flight.
   */
  readonly ioClock: Clock;
  readonly movableClock: MovableClock | null;
  readonly log: Log;
  readonly control: ControlPlane;
  readonly ledger: LedgerAdmin;
  readonly prices: PriceBook;
  readonly tokens: TokenCounter;
  readonly calibration: TokenCalibration;
  readonly upstream: Upstream;
  readonly router: Router;
  readonly facts: Facts;
  readonly views: Views;
  readonly load: LoadBook;
  /** True while new requests are taken; false once a shutdown has begun. */
  readonly isOpen: () => boolean;
  /** True when the ledger can store entries. */
  readonly isLedgerHealthy: () => boolean;
  /** Aborted when the drain time of a shutdown is over. */
  readonly giveUp: AbortSignal;
  readonly newRequestId: () => string;
  readonly random: () => number;
}
