/**
 * What the processes of a fleet say to each other, as JSON over the channel that comes with a child process. The channel
 * keeps order and loses nothing while both ends live, and both ends are this program: no field is doubted.
 *
 * Up go questions and facts, down come answers and how the budget stands. What nobody waits for travels with the rest,
 * or a few milliseconds later.
 */
import type { ErrorCode, ErrorContext } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import type { Charge, MonthTotals } from '../core/ledger.ts';
import type { BudgetView } from '../core/policy.ts';
import type { RequestHead } from '../core/request.ts';
import type { Settings } from '../core/settings.ts';
import type { InputSample } from '../core/tokens.ts';
import type { TokenCount } from '../core/usage.ts';
import type { StartedAttempt } from '../http/call-context.ts';

/** The budget as the headers of an answer say it. */
export interface Standing {
  readonly budget: BudgetView | null;
  readonly totals: MonthTotals;
}

export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
  readonly code: string | null;
  readonly cause: PackedError | null;
}

export interface PackedLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
  /** Fields that hold errors. */
  readonly errors: Readonly<Record<string, PackedError>>;
}

/** One fact, under the name of the function that it is told to. */
type FactItem = {
  readonly [Name in keyof Facts]-?: {
    readonly is: Name;
    readonly fact: Parameters<NonNullable<Facts[Name]>>[0];
  };
}[keyof Facts];

/** The end of a hold, under the name of the ledger's function. */
export type EndItem =
  | {
      readonly is: 'settle';
      readonly holdId: string;
      readonly charge: Charge;
      readonly note?: string | undefined;
    }
  | { readonly is: 'release' | 'suspend'; readonly holdId: string; readonly note: string };

export type AskItem =
  | {
      readonly is: 'ask';
      readonly request: RequestHead;
      /** Token counts by model name. */
      readonly counts: readonly (readonly [string, TokenCount])[];
    }
  /** The same request, after `attempts` of it were sent. */
  | { readonly is: 'askAgain'; readonly requestId: string; readonly attempts: number };

export type Item =
  | FactItem
  | EndItem
  | AskItem
  | { readonly is: 'logged'; readonly line: PackedLine }
  /** What a provider counted, for the estimates of the whole fleet. */
  | { readonly is: 'learned'; readonly sample: InputSample };

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param: string | null;
  readonly context: ErrorContext | null;
  readonly retryAfterSeconds: number | null;
  readonly status: number;
}

/** To an ask by the id of its request, to the end of a hold by the id of the hold. */
export type Answer = { readonly id: string } & (
  | { readonly kind: 'held'; readonly started: StartedAttempt }
  /** No other candidate. */
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Held, but the ledger could not store it: the hold is taken back, and the attempt must not be sent. */
  | { readonly kind: 'unstored'; readonly started: StartedAttempt; readonly reason: string }
  /** The end of a hold counts: the standing that comes with this takes it in. */
  | { readonly kind: 'booked' }
  /** The primary's own fault. */
  | { readonly kind: 'fault'; readonly error: PackedError }
);

/** What a worker starts from. Keys are in it: it goes to a child process, and nowhere else. */
export interface Beginning {
  readonly settings: Settings;
  /** The port that was found. */
  readonly port: number;
  /** Time on an injected clock; null on the system clock. */
  readonly nowMs: number | null;
  /** The socket at which the primary answers everything but requests to models. */
  readonly operations: string;
  readonly standing: Standing;
}

export type Up =
  | { readonly kind: 'here' }
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** Nothing is in flight any more, and all of it is told. */
  | { readonly kind: 'drained' }
  | { readonly kind: 'items'; readonly items: readonly Item[] };

export type Down =
  | ({ readonly kind: 'begin' } & Beginning)
  | {
      readonly kind: 'answers';
      readonly answers: readonly Answer[];
      readonly standing: Standing;
    }
  | { readonly kind: 'standing'; readonly standing: Standing }
  | { readonly kind: 'clock'; readonly nowMs: number }
  /** Take no new requests, and let those in flight end. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'end' };
