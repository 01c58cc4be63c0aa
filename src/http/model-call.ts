/**
 * One request from its decision to its end: candidates in order, each held before it is sent, until one answers. The
 * loop never goes back to the router.
 */
import type { Candidate } from '../core/request.ts';
import type { TokenCount } from '../core/usage.ts';
import { Attempt } from './attempt.ts';
import { errorOfFailures, type AttemptFailure } from './attempt-failure.ts';
import type { CallContext, StartedAttempt } from './call-context.ts';
import {
  chooseAttempt,
  showsThatNothingFits,
  somethingFits,
  type Choice,
} from './choose-attempt.ts';
import {
  ledgerUnavailable,
  refusalFor,
  withBudgetContext,
  type CandidateRefusal,
} from './refusal.ts';
import { isClientGone } from './relay.ts';

/** Serves the request. Throws `GatewayError` when nothing was sent to the client and nothing can be. */
export async function runModelCall(context: CallContext): Promise<void> {
  const { services, request, response, trace } = context;
  const { control, router, clock, load, random, settings } = services;
  // From here to the first hold there is no `await`: policy, headroom and hold belong to one instant.
  control.noticeTime(clock.now());
  const decision = router.decide({
    request,
    tokens: countOf(context, router.resolve(request.model).model).tokens,
    policy: control.policy(),
    pending: (backend) => load.pending(backend),
    turn: load.nextTurn(),
    random,
  });
  if (decision.kind === 'refuse') throw withBudgetContext(decision.error, services);
  const { candidates } = decision;
  const failures: AttemptFailure[] = [];
  let choice = choose(context, candidates, 0);
  while (choice.kind === 'start') {
    const { started, next } = choice;
    const failure = await heldAttempt(context, started);
    if (failure === null) return;
    failures.push(failure);
    if (trace.attempts > settings.routing.maxRetries || isClientGone(response)) break;
    control.noticeTime(clock.now());
    choice = choose(context, candidates, next);
  }
  if (failures.length === 0 && choice.kind === 'none') throw refuse(context, choice.refusals);
  finishWithFailures(context, failures);
}

function countOf({ counts }: CallContext, model: string): TokenCount {
  const count = counts.get(model);
  if (count === undefined) throw new Error(`no token count was made for ${model}`);
  return count;
}

function choose(context: CallContext, candidates: readonly Candidate[], from: number): Choice {
  const { services, request, trace } = context;
  const { ledger, prices, load, calibration } = services;
  const countFor = ({ backend, model }: Candidate): TokenCount =>
    calibration.calibrated(backend, model, countOf(context, model));
  const input = { ledger, prices, load, request, countOf: countFor, attempts: trace.attempts };
  return chooseAttempt(input, candidates, from);
}

/** Makes the hold durable, then runs the attempt. Null when the client has its answer. */
async function heldAttempt(
  context: CallContext,
  started: StartedAttempt,
): Promise<AttemptFailure | null> {
  const { ledger } = context.services;
  const { plan, hold } = started;
  // Durable before the first byte leaves: a crash from here on finds the hold in the file. A free attempt has nothing
  // to lose and does not wait.
  if (hold.amount > 0) {
    try {
      await ledger.committed();
    } catch (cause) {
      return {
        backend: plan.candidate.backend,
        code: 'ledger_unavailable',
        reason: ledgerUnavailable().message,
        kept: null,
        cause,
      };
    }
    if (isClientGone(context.response)) {
      ledger.release(hold.id, 'never sent: the client left first');
      return null;
    }
  }
  const result = await new Attempt(context, started).run();
  return result.kind === 'answered' ? null : result.failure;
}

function refuse({ services, request }: CallContext, refusals: readonly CandidateRefusal[]): Error {
  const { control, ledger, prices } = services;
  const isOtherAffordable = (): boolean =>
    somethingFits(control.policy(), prices, ledger.headroom() ?? 0, request.receivedAtMs);
  if (showsThatNothingFits(ledger, refusals, isOtherAffordable)) control.nothingFits();
  return withBudgetContext(refusalFor(refusals, request.model), services);
}

function finishWithFailures(context: CallContext, failures: readonly AttemptFailure[]): void {
  if (isClientGone(context.response)) return;
  const kept = failures.at(-1)?.kept;
  if (!kept) throw errorOfFailures(failures);
  new Attempt(context, kept.started).passThrough(kept);
}
