/** The providers of a process: its way out, as the conductor sees it. */
import type { Clock } from '../../src/core/clock.ts';
import type { ModelRoute } from '../../src/core/policy.ts';
import type {
  ProbeResult,
  Upstream,
  UpstreamAnswer,
  UpstreamAttempt,
} from '../../src/core/upstream.ts';
import { mostEach, priceOf, type AdmissionCheck } from './admission-check.ts';
import { FAULTLESS, planCall } from './call-plan.ts';
import type { Ground } from './life.ts';
import { worstNano } from './price.ts';
import { SimulatedCall } from './simulated-call.ts';

/** One that is free and has no maximum may answer at any length; here at this. */
const LONGEST_ANSWER = 100_000;

/** What reaches nobody. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

export interface Sender {
  readonly isAlive: boolean;
  /** Providers do what they should. */
  readonly isCalm: boolean;
  readonly clock: Clock;
}

export class Providers implements Upstream {
  /** Calls of which something may still come. */
  readonly calls: SimulatedCall[] = [];
  readonly #ground: Ground;
  readonly #admission: AdmissionCheck;
  readonly #sender: Sender;

  constructor(ground: Ground, admission: AdmissionCheck, sender: Sender) {
    this.#ground = ground;
    this.#admission = admission;
    this.#sender = sender;
  }

  open(attempt: UpstreamAttempt): Promise<UpstreamAnswer> {
    // What a dead process does reaches nobody.
    if (!this.#sender.isAlive) return never();
    const { profile, verdict, money } = this.#ground;
    const { request, backend, model, maxOutputTokens } = attempt;
    const question = this.#admission.questionOf(request.id);
    const hold = money.tallies.get(request.id)?.latest;
    if (question === undefined || hold?.backend !== backend || hold.model !== model) {
      verdict.fail(`${request.id} is sent to ${backend} without a hold`);
      return never();
    }
    const price = priceOf(profile, backend, model);
    const each = Math.min(maxOutputTokens ?? Number.POSITIVE_INFINITY, mostEach(price, question));
    const { tokens, bound, stream: isStream, choices } = question;
    const mostOutput = Math.min(each * choices, LONGEST_ANSWER);
    const size = { hold: hold.amount, price, tokens, bound, mostOutput, isStream };
    const faults = this.#sender.isCalm ? FAULTLESS : profile.provider;
    const call = new SimulatedCall({
      ...size,
      hold,
      plan: planCall(this.#ground.chance, faults, size),
    });
    verdict.note('send', [hold.id, backend, call.facts.plan]);
    money.dispatched(hold, call, worstNano(price, bound, mostOutput));
    this.calls.push(call);
    const { firstByteTimeoutMs: timeoutMs, signal } = attempt;
    return call.open({ clock: this.#sender.clock, timeoutMs, signal });
  }

  routesOf(): readonly ModelRoute[] {
    return ['chat'];
  }

  probe(): Promise<ProbeResult> {
    const { chance } = this.#ground;
    return this.#sender.isCalm || chance.happens(0.9)
      ? Promise.resolve({ latencyMs: chance.below(500), models: null })
      : Promise.reject(new Error('simulated: no answer'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
