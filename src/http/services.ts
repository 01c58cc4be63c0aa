/**
 * Everything the HTTP face works with. Each arrives through a port; only a composition root (`src/main.ts`, and
 * `src/fleet` for a worker) knows what is behind it.
 */
import type { Clock } from '../core/clock.ts';
import type { ControlPlane } from '../core/control.ts';
import type { Facts } from '../core/facts.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { OpenCalls } from '../core/open-calls.ts';
import type { PriceBook } from '../core/prices.ts';
import type { Settings } from '../core/settings.ts';
import type { TokenCalibration, TokenCounter } from '../core/tokens.ts';
import type { Upstream } from '../core/upstream.ts';
import type { RoutingPolicy } from '../core/policy.ts';
import type { Router } from '../routing/router.ts';
import type { Admission } from './admission.ts';
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

/**
 * What a request to a model needs from its first byte to its report. A worker has just this: the ledger, the control
 * plane and the views are in another process.
 */
export interface CallServices {
  readonly settings: Settings;
  /** The clock of months and of the ledger; injected in rehearsals and tests. */
  readonly clock: Clock;
  /**
   * Real time, for deadlines of sockets. Kept apart from `clock`: a rehearsal that jumps a month ahead must not time
   * out every request in flight.
   */
  readonly ioClock: Clock;
  readonly log: Log;
  readonly admission: Admission;
  /** The budget as clients are told of it. */
  readonly control: { policy(): Pick<RoutingPolicy, 'budget'> };
  /** Ends holds; admission begins them. */
  readonly ledger: Pick<LedgerAdmin, 'settle' | 'release' | 'suspend' | 'totals'> & {
    /** Resolves when totals and budget take in every hold that was ended so far. Left out where they always do. */
    caughtUp?(): Promise<void>;
  };
  readonly prices: PriceBook;
  readonly tokens: TokenCounter;
  /** Hears what providers counted; admission makes use of it. */
  readonly calibration: Pick<TokenCalibration, 'learn'>;
  readonly upstream: Upstream;
  readonly router: Router;
  readonly facts: Facts;
  readonly load: LoadBook;
  /** True while new requests are taken; false once a shutdown has begun. */
  readonly isOpen: () => boolean;
  /** Given up when the drain time of a shutdown is over. */
  readonly calls: OpenCalls;
  readonly newRequestId: () => string;
}

export interface Services extends CallServices {
  readonly version: string;
  readonly movableClock: MovableClock | null;
  readonly control: ControlPlane;
  readonly ledger: LedgerAdmin;
  readonly calibration: TokenCalibration;
  readonly views: Views;
  /** True when the ledger can store entries. */
  readonly isLedgerHealthy: () => boolean;
  readonly random: () => number;
}
