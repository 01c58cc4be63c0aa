/**
 * One worker as the books see it: its questions are answered, its facts are told on, and what it leaves behind when it
 * dies is put in order. Everything is decided here, in the process that owns the ledger, by the same lines that decide
 * in a gateway of one process.
 */
import { unreachable } from '../core/assert.ts';
import type { Clock } from '../core/clock.ts';
import type { AttemptBegan, Facts, RequestEnded } from '../core/facts.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { RequestHead } from '../core/request.ts';
import type { TokenCalibration } from '../core/tokens.ts';
import type { AdmissionHere, AdmittedHere } from '../http/admission.ts';
import type { LoadBook } from '../http/load-book.ts';
import { tooManyRequests } from '../http/refusal.ts';
import { asGatewayError } from '../http/write-error.ts';
import type { Answer, AskItem, EndItem, Item } from './messages.ts';
import { fieldsOf, packError } from './packed-error.ts';

export interface DeskOptions {
  readonly worker: number;
  readonly clock: Clock;
  readonly admission: AdmissionHere;
  readonly ledger: Pick<LedgerAdmin, 'settle' | 'release' | 'suspend'>;
  /** Of the whole fleet: what every worker has in flight. */
  readonly load: LoadBook;
  /** Requests to models that may be in flight in the whole fleet. */
  readonly maxConcurrentRequests: number;
  readonly facts: Facts;
  readonly calibration: Pick<TokenCalibration, 'learn'>;
  readonly log: Log;
  readonly answer: (answer: Answer) => void;
}

interface OpenCall {
  readonly request: RequestHead;
  readonly leave: () => void;
  admitted: AdmittedHere | null;
  /** The last attempt that was sent. */
  began: AttemptBegan | null;
}

interface OpenHold {
  readonly leave: () => void;
  /** The worker was told that it may send the attempt. */
  mayBeSent: boolean;
}

export class Desk {
  readonly #options: DeskOptions;
  /** By the id of the request. */
  readonly #calls = new Map<string, OpenCall>();
  readonly #holds = new Map<string, OpenHold>();
  #isAbandoned = false;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  take(items: readonly Item[]): void {
    for (const item of items) this.#take(item);
  }

  /** What is in flight, for the log. */
  get open(): { readonly requests: number; readonly holds: number } {
    return { requests: this.#calls.size, holds: this.#holds.size };
  }

  /**
   * The worker is gone. An attempt that it was told to send may be at the provider, and billed, so its hold is in
   * suspense from now on; the other holds were for nothing. Its requests have ended: their clients saw a cut connection.
   */
  abandon(): void {
    const { ledger, facts } = this.#options;
    this.#isAbandoned = true;
    for (const [holdId, { mayBeSent, leave }] of this.#holds) {
      leave();
      if (mayBeSent) ledger.suspend(holdId, 'its worker died');
      else ledger.release(holdId, 'never sent: its worker died');
    }
    this.#holds.clear();
    for (const call of this.#calls.values()) {
      call.leave();
      facts.requestEnded(lostRequest(call, this.#options.clock.now()));
    }
    this.#calls.clear();
  }

  #take(item: Item): void {
    const { facts, calibration, log, worker } = this.#options;
    switch (item.is) {
      case 'ask':
      case 'askAgain':
        return this.#ask(item);
      case 'settle':
      case 'release':
      case 'suspend':
        return this.#end(item);
      case 'tokensCounted':
        return facts.tokensCounted(item.fact);
      case 'inputMeasured':
        return facts.inputMeasured?.(item.fact);
      case 'learned':
        return calibration.learn(item.sample);
      case 'attemptBegan':
        return this.#attemptBegan(item.fact);
      case 'attemptEnded':
        return facts.attemptEnded(item.fact);
      case 'requestEnded':
        this.#calls.get(item.fact.id)?.leave();
        this.#calls.delete(item.fact.id);
        return facts.requestEnded(item.fact);
      case 'logged': {
        const { level, message } = item.line;
        return log[level](message, { ...fieldsOf(item.line), worker });
      }
      default:
        return unreachable(item);
    }
  }

  #attemptBegan(fact: AttemptBegan): void {
    const call = this.#calls.get(fact.requestId);
    if (call !== undefined) call.began = fact;
    this.#options.facts.attemptBegan?.(fact);
  }

  /** A refusal is an answer; so is a fault of this process, which the worker reports like its own. */
  #ask(item: AskItem): void {
    const requestId = item.is === 'ask' ? item.request.id : item.requestId;
    try {
      const admitted = item.is === 'ask' ? this.#admit(item) : this.#admitAgain(item);
      if (admitted === null) this.#options.answer({ id: requestId, kind: 'none' });
      else this.#hold(requestId, admitted);
    } catch (thrown) {
      const error = asGatewayError(thrown);
      const { code, message, param, context, retryAfterSeconds, status } = error;
      this.#options.answer(
        code === 'internal_error'
          ? { id: requestId, kind: 'fault', error: packError(errorOf(thrown)) }
          : {
              id: requestId,
              kind: 'refused',
              refusal: { code, message, param, context, retryAfterSeconds, status },
            },
      );
    }
  }

  #admit({ request, counts }: Extract<AskItem, { is: 'ask' }>): AdmittedHere {
    const { load, maxConcurrentRequests, admission } = this.#options;
    if (load.active >= maxConcurrentRequests) throw tooManyRequests(maxConcurrentRequests);
    const call: OpenCall = { request, leave: load.enter(), admitted: null, began: null };
    this.#calls.set(request.id, call);
    call.admitted = admission({ request, counts: new Map(counts) });
    return call.admitted;
  }

  #admitAgain({ requestId, attempts }: Extract<AskItem, { is: 'askAgain' }>): AdmittedHere | null {
    const call = this.#calls.get(requestId);
    if (!call?.admitted) throw new Error(`a worker asks again for ${requestId}, which is unknown`);
    const admitted = call.admitted.next(attempts);
    call.admitted = admitted ?? call.admitted;
    return admitted;
  }

  /** Answers when the hold is durable: before that, not a byte may leave. */
  #hold(requestId: string, { started, durable }: AdmittedHere): void {
    const { load, answer } = this.#options;
    const { id } = started.hold;
    const hold: OpenHold = { leave: load.begin(started.plan.candidate.backend), mayBeSent: false };
    this.#holds.set(id, hold);
    const send = (): void => {
      if (this.#isAbandoned) return;
      hold.mayBeSent = true;
      answer({ id: requestId, kind: 'held', started });
    };
    if (durable === null) return send();
    durable.then(send, (error: unknown) => {
      if (this.#isAbandoned) return;
      // The ledger has taken it back.
      this.#holds.delete(id);
      hold.leave();
      answer({ id: requestId, kind: 'unstored', started, reason: errorOf(error).message });
    });
  }

  #end(item: EndItem): void {
    const { ledger, log, worker, answer } = this.#options;
    const { holdId } = item;
    this.#holds.get(holdId)?.leave();
    this.#holds.delete(holdId);
    try {
      if (item.is === 'settle') ledger.settle(holdId, item.charge, item.note);
      else ledger[item.is](holdId, item.note);
    } catch (thrown) {
      log.error('the end of a hold can not be booked', { worker, holdId, error: errorOf(thrown) });
      ledger.suspend(holdId, 'its end could not be booked');
    }
    answer({ id: holdId, kind: 'booked' });
  }
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The report of a request whose worker died, from what is known of it. */
function lostRequest({ request, began }: OpenCall, atMs: number): RequestEnded {
  return {
    id: request.id,
    atMs,
    route: request.route,
    stream: request.stream,
    modelRequested: request.model,
    modelServed: null,
    backend: null,
    backendKind: null,
    routeReason: null,
    attempts: began?.attempt ?? 0,
    status: 500,
    errorCode: 'internal_error',
    clientGone: false,
    usage: null,
    basis: null,
    cost: 0,
    estimate: null,
    excess: 0,
    priceSource: null,
    durationMs: Math.max(0, atMs - request.receivedAtMs),
    firstByteMs: null,
    overheadMs: 0,
    budgetStatus: null,
  };
}
