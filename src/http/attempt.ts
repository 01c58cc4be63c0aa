/**
 * One attempt, from its hold to the end of its answer. Whatever happens in between, the hold ends exactly once:
 * settled with what the call cost, released where nothing was sent or billed, or in suspense where nobody knows.
 */
import { CUT_AT_HOLD, type Charge } from '../core/ledger.ts';
import { UpstreamFailure, type UpstreamAnswer } from '../core/upstream.ts';
import { failureOf, isRetriable, type AttemptFailure, type KeptAnswer } from './attempt-failure.ts';
import type { CallContext, StartedAttempt } from './call-context.ts';
import {
  addCostTrailers,
  announceCost,
  asksForCostEvent,
  costComment,
  lessCertain,
  setCostHeaders,
} from './cost-actual.ts';
import {
  ClientWatch,
  isClientGone,
  readBounded,
  relayAnswer,
  sendLast,
  WHOLE_ANSWER_BYTES,
  type Client,
  type Relayed,
} from './relay.ts';
import { setBudgetHeaders, setRouteHeaders } from './response-headers.ts';
import { chargeOfAnswer, chargeOfHold, estimateToLearnFrom } from './settlement.ts';

const ERROR_BODY_BYTES = 1024 * 1024;
/** A reverse proxy's own time-outs (504, and 524 at Cloudflare): the backend behind it may have answered, and billed. */
const UNKNOWN_OUTCOMES: ReadonlySet<number> = new Set([504, 524]);

/** `answered`: the client has its answer, or has left; nothing more is to be tried. */
export type AttemptResult =
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed'; readonly failure: AttemptFailure };

const ANSWERED: AttemptResult = { kind: 'answered' };

export class Attempt {
  readonly #context: CallContext;
  readonly #started: StartedAttempt;
  readonly #controller = new AbortController();
  #isHoldOpen = true;

  constructor(context: CallContext, started: StartedAttempt) {
    this.#context = context;
    this.#started = started;
  }

  /** Sends the attempt and carries its answer. The hold must be durable. */
  async run(): Promise<AttemptResult> {
    const { services, response, trace } = this.#context;
    const { load, ioClock, settings, calls } = services;
    const { plan, reason } = this.#started;
    trace.attempts += 1;
    trace.plan = plan;
    trace.reason = reason;
    this.#reportBegin();
    const leave = load.begin(plan.candidate.backend);
    const abort = (): void => this.#controller.abort();
    const place = calls.add(this.#controller);
    const watch = new ClientWatch(
      response,
      ioClock,
      settings.server.clientGoneDrainSeconds * 1000,
      abort,
    );
    const startedAtMs = ioClock.monotonicMs();
    try {
      const answer = await this.#open(startedAtMs);
      if (answer instanceof UpstreamFailure) return this.#failUnanswered(answer);
      return await (answer.status >= 300 ? this.#takeError(answer) : this.#takeAnswer(answer));
    } finally {
      // A fault of ours in between: nothing is known of the call, so its hold goes on counting as spending.
      this.#endHold(() => this.#suspend('the attempt ended without an outcome'));
      watch.stop();
      calls.remove(place);
      leave();
      trace.upstreamMs += ioClock.monotonicMs() - startedAtMs;
    }
  }

  #reportBegin(): void {
    const { services, request } = this.#context;
    const { plan, hold, reason } = this.#started;
    const { backend, kind, model } = plan.candidate;
    services.facts.attemptBegan?.({
      requestId: request.id,
      atMs: services.clock.now(),
      stream: request.stream,
      modelRequested: request.model,
      model,
      backend,
      backendKind: kind,
      routeReason: reason,
      attempt: hold.attempt,
      held: hold.amount,
    });
  }

  #endHold(end: () => void): void {
    if (!this.#isHoldOpen) return;
    this.#isHoldOpen = false;
    end();
  }

  /** Waits for status and headers, and tells the control plane how that went. */
  async #open(startedAtMs: number): Promise<UpstreamAnswer | UpstreamFailure> {
    const { services, request, clientRequest, response } = this.#context;
    const { upstream, facts, ioClock, settings } = services;
    const { candidate, maxOutputTokens, count } = this.#started.plan;
    const { backend, model } = candidate;
    try {
      const answer = await upstream.open({
        request,
        backend,
        model,
        maxOutputTokens,
        inputTokens: count.tokens,
        signal: this.#controller.signal,
        firstByteTimeoutMs: settings.server.requestTimeoutSeconds * 1000,
        clientRequest,
        clientResponse: response,
      });
      const latencyMs = ioClock.monotonicMs() - startedAtMs;
      if (answer.status < 300)
        facts.attemptEnded({ backend, outcome: 'ok', reason: null, latencyMs });
      else {
        // Also a 429: a limit of one model or key must not take the whole backend out of use.
        const outcome = answer.status >= 400 && answer.status < 500 ? 'refused' : 'failed';
        facts.attemptEnded({ backend, outcome, reason: `answered ${answer.status}`, latencyMs });
      }
      return answer;
    } catch (thrown) {
      if (!(thrown instanceof UpstreamFailure)) throw thrown;
      if (thrown.kind !== 'aborted' && thrown.kind !== 'untranslatable') {
        facts.attemptEnded({ backend, outcome: 'failed', reason: thrown.message, latencyMs: null });
      }
      return thrown;
    }
  }

  #failUnanswered(failure: UpstreamFailure): AttemptResult {
    const { ledger } = this.#context.services;
    const { plan, hold } = this.#started;
    this.#endHold(() => {
      if (!failure.wasSent) ledger.release(hold.id, `never sent: ${failure.kind}`);
      // We gave it up ourselves and will learn nothing more: the hold is the charge. After a time-out or a reset the
      // provider's records may still tell, so it stays in suspense.
      else if (failure.kind === 'aborted')
        this.#settle(chargeOfHold(plan), 'given up before an answer');
      else this.#suspend(failure.kind);
    });
    return this.#failed(failureOf(plan.candidate.backend, failure));
  }

  #failed(failure: AttemptFailure): AttemptResult {
    const { services, request, response } = this.#context;
    services.log.debug('attempt failed', {
      requestId: request.id,
      backend: failure.backend,
      reason: failure.reason,
    });
    return isClientGone(response) ? ANSWERED : { kind: 'failed', failure };
  }

  #settle(charge: Charge, note?: string): void {
    const { services, request, trace } = this.#context;
    const { plan, hold } = this.#started;
    const estimatedInput = estimateToLearnFrom(plan, charge);
    const evidence = estimatedInput === undefined ? charge : { ...charge, estimatedInput };
    services.ledger.settle(hold.id, evidence, note);
    this.#reportInput(charge, estimatedInput);
    trace.charge = charge;
    trace.cost += charge.amount;
    trace.costBasis = lessCertain(trace.costBasis, charge.basis);
    const excess = charge.amount - hold.amount;
    if (excess <= 0) return;
    trace.excess += excess;
    const { backend, model } = plan.candidate;
    services.log.warn('the provider billed more than was held', {
      requestId: request.id,
      backend,
      model,
      excessNanoUsd: excess,
    });
  }

  /** The hold goes on counting as spending: nobody knows what the attempt cost. */
  #suspend(note: string): void {
    const { services, trace } = this.#context;
    services.ledger.suspend(this.#started.hold.id, note);
    trace.costBasis = 'unsettled';
  }

  /** What the provider counted teaches the next estimates, and shows how good this one was. */
  #reportInput({ basis, usage }: Charge, estimatedInput: number | undefined): void {
    const { calibration, facts } = this.#context.services;
    const { candidate, count } = this.#started.plan;
    const { backend, model } = candidate;
    const actual = usage.input;
    if (estimatedInput !== undefined)
      calibration.learn({ backend, model, estimated: estimatedInput, actual });
    if (basis === 'provider' && actual > 0 && count.tokens > 0)
      facts.inputMeasured?.({ model, tier: count.tier, estimated: count.tokens, actual });
  }

  async #takeAnswer(answer: UpstreamAnswer): Promise<AttemptResult> {
    const { services, response, trace } = this.#context;
    const { ioClock, settings } = services;
    const writeHead = (): void => {
      trace.firstByteAtMs = ioClock.monotonicMs();
      // A whole answer is settled by now, and says what it cost in its head.
      this.#writeHead(answer, !this.#isHoldOpen);
    };
    const client: Client = {
      response,
      clock: ioClock,
      idleTimeoutMs: settings.server.requestTimeoutSeconds * 1000,
    };
    const relayed = await relayAnswer(
      { ...client, answer, abort: () => this.#controller.abort(), writeHead },
      answer.isStream ? 0 : WHOLE_ANSWER_BYTES,
    );
    this.#endHold(() => this.#settleRelayed(answer, relayed));
    if (relayed.end !== 'complete' && !relayed.headSent) {
      const reason = relayed.end === 'idle' ? 'the answer stopped coming' : 'the answer broke off';
      const code = relayed.end === 'idle' ? 'backend_timeout' : 'backend_error';
      return this.#failed({
        backend: this.#started.plan.candidate.backend,
        code,
        reason,
        kept: null,
        cause: undefined,
      });
    }
    // The headers tell of the budget as it is after this charge.
    if (!relayed.headSent) await services.ledger.caughtUp?.();
    if (!relayed.headSent && !isClientGone(response)) {
      response.setHeader('Content-Length', String(relayed.unsent.length));
      writeHead();
      await sendLast(client, relayed.unsent);
    } else this.#endStarted(answer, relayed);
    return ANSWERED;
  }

  #settleRelayed({ reader, isStream }: UpstreamAnswer, { end }: Relayed): void {
    const { prices, tokens } = this.#context.services;
    const { plan } = this.#started;
    // A stream is made as it passes. A JSON answer was made, and billed, whole before its first byte came: a piece of
    // it says nothing.
    const isKnown =
      end === 'complete' || reader.usage() !== null || (isStream && reader.outputText() !== '');
    if (isKnown) {
      const { charge, isCut } = chargeOfAnswer(prices, plan, reader, tokens);
      const notes = [
        ...(end === 'complete' ? [] : [`answer ${end}`]),
        ...(isCut ? [CUT_AT_HOLD] : []),
      ];
      return this.#settle(charge, notes.length > 0 ? notes.join(', ') : undefined);
    }
    // The provider may have generated and billed anything up to the hold.
    if (this.#controller.signal.aborted && end !== 'idle')
      return this.#settle(chargeOfHold(plan), 'given up before an answer');
    return this.#suspend(`no answer: ${end}`);
  }

  /** Ends an answer that has begun, and says so where it is not whole. */
  #endStarted(answer: UpstreamAnswer, { end }: Relayed): void {
    const { services, clientRequest, response, trace } = this.#context;
    if (isClientGone(response)) return;
    addCostTrailers(response, trace, services.control.policy().budget !== null);
    const isAsked = answer.isStream && asksForCostEvent(clientRequest.headers);
    const comment = isAsked ? costComment(trace) : undefined;
    if (end === 'complete') {
      response.end(comment);
    } else if (answer.isStream) {
      // A stream that merely ends is taken for complete by the SDKs, so it has to be said in its own words.
      const error = answer.reader.streamError(
        'The backend broke off in the middle of its answer.',
        'backend_error',
      );
      response.end(comment === undefined ? error : Buffer.concat([error, comment]));
    } else {
      // A JSON answer that was cut can only be told apart by a connection that ends badly.
      response.destroy();
    }
  }

  #writeHead(answer: UpstreamAnswer, isSettled: boolean): void {
    const { services, response, trace } = this.#context;
    if (response.headersSent) return;
    response.statusCode = answer.status;
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
    const policy = services.control.policy();
    setRouteHeaders(response, this.#started, policy.budget !== null);
    setBudgetHeaders(response, policy, services.ledger.totals());
    if (isSettled) setCostHeaders(response, trace, policy.budget !== null);
    else announceCost(response);
    if (answer.isStream) {
      response.setHeader('Cache-Control', 'no-cache');
      // Otherwise a reverse proxy in front may collect the stream before it passes it on.
      response.setHeader('X-Accel-Buffering', 'no');
      response.flushHeaders();
    }
  }

  /**
   * An error status is not billed, unless it only says that somebody in front of the backend gave up waiting for it.
   * The client's own mistakes are passed through at once, the rest is kept.
   */
  async #takeError(answer: UpstreamAnswer): Promise<AttemptResult> {
    const { services } = this.#context;
    const { ledger, ioClock, settings } = services;
    const { id } = this.#started.hold;
    const note = `backend answered ${answer.status}`;
    this.#endHold(() =>
      UNKNOWN_OUTCOMES.has(answer.status) ? this.#suspend(note) : ledger.release(id, note),
    );
    const timer = ioClock.setTimeout(
      () => this.#controller.abort(),
      settings.server.requestTimeoutSeconds * 1000,
    );
    const body = await readBounded(answer, ERROR_BODY_BYTES);
    ioClock.clearTimeout(timer);
    const isProviderError = answer.status >= 400 && answer.status < 500;
    const kept: KeptAnswer | null = isProviderError
      ? { started: this.#started, answer, body }
      : null;
    if (kept !== null && !isRetriable(answer.status)) {
      this.passThrough(kept);
      return ANSWERED;
    }
    const reason = `answered ${answer.status}`;
    return this.#failed({
      backend: this.#started.plan.candidate.backend,
      code: 'backend_error',
      reason,
      kept,
      cause: undefined,
    });
  }

  /** Sends a provider's error answer with its status and body. */
  passThrough({ answer, body }: KeptAnswer): void {
    const { response } = this.#context;
    if (isClientGone(response)) return;
    response.setHeader('Content-Length', String(body.length));
    this.#writeHead(answer, true);
    response.end(body);
  }
}
