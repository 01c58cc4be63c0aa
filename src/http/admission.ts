/**
 * Who may go, where to, and for how much: the decision, the plan and the hold of a request, in one synchronous step.
 *
 * It is a port, because a gateway with several workers has one place that decides: a worker asks the process that owns
 * the ledger, and gets the answer that this file gives there. Policy, headroom and hold are then of one instant for all
 * workers, without a copy of the headroom that could be old.
 */
import type { Clock } from '../core/clock.ts';
import type { ControlPlane } from '../core/control.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { PriceBook } from '../core/prices.ts';
import type { Candidate, RequestHead } from '../core/request.ts';
import type { Settings } from '../core/settings.ts';
import type { TokenCalibration } from '../core/tokens.ts';
import type { TokenCount } from '../core/usage.ts';
import type { Router } from '../routing/router.ts';
import type { StartedAttempt } from './call-context.ts';
import {
  chooseAttempt,
  showsThatNothingFits,
  somethingFits,
  type Choice,
} from './choose-attempt.ts';
import { refusalFor, withBudgetContext, type CandidateRefusal } from './refusal.ts';

/** A request as far as its admission goes. */
interface Call {
  readonly request: RequestHead;
  /** Token counts by model name, for every model that may serve. */
  readonly counts: ReadonlyMap<string, TokenCount>;
}

/** A hold that was taken for an attempt, and the way to the next one. */
export interface Admitted {
  readonly started: StartedAttempt;
  /**
   * Resolves when the hold is durable; rejects with `LedgerUnavailable` when it can not be, and must then not be sent.
   * Null where nothing is to be waited for: the hold is durable already, or the attempt is free.
   */
  readonly durable: Promise<void> | null;
  /** The next candidate whose hold fits, held, once `attempts` of the request were sent; null when there is none. */
  next(attempts: number): Admitted | null | Promise<Admitted | null>;
}

/** Admits a request to its first attempt. Throws, or rejects with, `GatewayError` when nothing can be tried. */
export type Admission = (call: Call) => Admitted | Promise<Admitted>;

/** The same where the ledger is in this process: all of it is synchronous. */
export interface AdmittedHere extends Admitted {
  next(attempts: number): AdmittedHere | null;
}

export type AdmissionHere = (call: Call) => AdmittedHere;

export interface AdmissionServices {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly control: ControlPlane;
  readonly ledger: LedgerAdmin;
  readonly prices: PriceBook;
  readonly calibration: Pick<TokenCalibration, 'calibrated'>;
  readonly router: Router;
  readonly load: {
    /** Requests that are in the gateway, the asking one included. */
    readonly active: number;
    pending(backend: string): number;
    nextTurn(): number;
  };
  readonly random: () => number;
}

/** Admits by the ledger and the policy of this process. */
export function admitHere(services: AdmissionServices): AdmissionHere {
  return (call) => {
    const candidates = decide(services, call);
    const choice = choose(services, call, candidates, { from: 0, attempts: 0 });
    if (choice.kind === 'none') throw refuse(services, call, choice.refusals);
    return admitted(services, call, candidates, choice);
  };
}

/** The candidates in order. Throws `GatewayError` when there are none. */
function decide(services: AdmissionServices, call: Call): readonly Candidate[] {
  const { control, router, clock, load, random } = services;
  const { request } = call;
  control.noticeTime(clock.now());
  const decision = router.decide({
    request,
    tokens: countOf(call, router.resolve(request.model).model).tokens,
    policy: control.policy(),
    pending: (backend) => load.pending(backend),
    turn: load.nextTurn(),
    random,
  });
  if (decision.kind === 'refuse') throw withBudgetContext(decision.error, services);
  return decision.candidates;
}

function countOf({ counts }: Call, model: string): TokenCount {
  const count = counts.get(model);
  if (count === undefined) throw new Error(`no token count was made for ${model}`);
  return count;
}

interface Place {
  readonly from: number;
  readonly attempts: number;
}

function choose(
  { ledger, prices, load, calibration }: AdmissionServices,
  call: Call,
  candidates: readonly Candidate[],
  { from, attempts }: Place,
): Choice {
  const { request } = call;
  const countFor = ({ backend, model }: Candidate): TokenCount =>
    calibration.calibrated(backend, model, countOf(call, model));
  const input = { ledger, prices, load, request, countOf: countFor, attempts };
  return chooseAttempt(input, candidates, from);
}

function admitted(
  services: AdmissionServices,
  call: Call,
  candidates: readonly Candidate[],
  { started, next: from }: Extract<Choice, { kind: 'start' }>,
): AdmittedHere {
  const { control, clock, ledger } = services;
  return {
    started,
    // A free attempt has nothing to lose and does not wait.
    durable: started.hold.amount > 0 ? ledger.committed() : null,
    next(attempts) {
      control.noticeTime(clock.now());
      const choice = choose(services, call, candidates, { from, attempts });
      return choice.kind === 'none' ? null : admitted(services, call, candidates, choice);
    },
  };
}

function refuse(
  services: AdmissionServices,
  { request }: Call,
  refusals: readonly CandidateRefusal[],
): Error {
  const { control, ledger, prices } = services;
  const isOtherAffordable = (): boolean =>
    somethingFits(control.policy(), prices, ledger.headroom() ?? 0, request.receivedAtMs);
  if (showsThatNothingFits(ledger, refusals, isOtherAffordable)) control.nothingFits();
  return withBudgetContext(refusalFor(refusals, request.model), services);
}
