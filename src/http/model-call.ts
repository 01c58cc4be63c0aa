/**
 * One request from its admission to its end: attempts in order, each held before it is sent, until one answers. The
 * loop never goes back to the router.
 */
import { Attempt } from './attempt.ts';
import type { Admitted } from './admission.ts';
import { errorOfFailures, type AttemptFailure } from './attempt-failure.ts';
import type { CallContext } from './call-context.ts';
import { ledgerUnavailable } from './refusal.ts';
import { isClientGone } from './relay.ts';

/** Serves the request. Throws `GatewayError` when nothing was sent to the client and nothing can be. */
export async function runModelCall(context: CallContext): Promise<void> {
  const { services, request, counts, response, trace } = context;
  const { admission, settings } = services;
  const failures: AttemptFailure[] = [];
  let admitted: Admitted | null = await admission({ request, counts });
  while (admitted !== null) {
    const failure = await heldAttempt(context, admitted);
    if (failure === null) return;
    failures.push(failure);
    if (trace.attempts > settings.routing.maxRetries || isClientGone(response)) break;
    admitted = await admitted.next(trace.attempts);
  }
  finishWithFailures(context, failures);
}

/** Waits until the hold is durable, then runs the attempt. Null when the client has its answer. */
async function heldAttempt(
  context: CallContext,
  { started, durable }: Admitted,
): Promise<AttemptFailure | null> {
  const { ledger } = context.services;
  const { plan, hold } = started;
  // Durable before the first byte leaves: a crash from here on finds the hold in the file.
  try {
    await durable;
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
  const result = await new Attempt(context, started).run();
  return result.kind === 'answered' ? null : result.failure;
}

function finishWithFailures(context: CallContext, failures: readonly AttemptFailure[]): void {
  if (isClientGone(context.response)) return;
  const kept = failures.at(-1)?.kept;
  if (!kept) throw errorOfFailures(failures);
  new Attempt(context, kept.started).passThrough(kept);
}
