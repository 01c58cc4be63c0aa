/**
 * The two sides of an admission: what does not fit is never let in, and what fits is never turned away. Decided from the
 * checker's own books at the instant of the router's decision.
 */
import type { Candidate, Decision } from '../../src/core/request.ts';
import type { HardLimitAction } from '../../src/core/settings.ts';
import { worstNano, type ModelPrice } from './price.ts';
import type { Profile } from './profile.ts';
import type { Question } from './question.ts';
import type { ControlCheck } from './control-check.ts';
import type { Verdict } from './verdict.ts';

/** Answers with fewer tokens than this are not worth sending. */
const LEAST_OUTPUT = 16;

export interface Expectation {
  readonly question: Question;
  /** Null until the router has decided. */
  isAdmitted: boolean | null;
  wasHeld: boolean;
}

export function priceOf(profile: Profile, backend: string, model: string): ModelPrice | null {
  return profile.prices.get(backend)?.get(model) ?? null;
}

/** The most tokens that one answer of a model can have. */
export function mostEach(price: ModelPrice | null, question: Question): number {
  const most = price?.maxOutput ?? Number.POSITIVE_INFINITY;
  return Math.min(question.maxTokens ?? most, most);
}

export class AdmissionCheck {
  readonly #verdict: Verdict;
  readonly #profile: Profile;
  readonly #expectations = new Map<string, Expectation>();

  constructor(verdict: Verdict, profile: Profile) {
    this.#verdict = verdict;
    this.#profile = profile;
  }

  asked(requestId: string, question: Question): void {
    this.#expectations.set(requestId, { question, isAdmitted: null, wasHeld: false });
  }

  questionOf(requestId: string): Question | undefined {
    return this.#expectations.get(requestId)?.question;
  }

  decided(requestId: string, decision: Decision, control: ControlCheck, canStore: boolean): void {
    const expectation = this.#expectations.get(requestId);
    if (expectation === undefined) return;
    this.#checkPosture(requestId, decision, control);
    expectation.isAdmitted =
      decision.kind === 'route' &&
      decision.candidates.some((candidate) =>
        this.#fits(expectation.question, candidate, control, canStore),
      );
  }

  /** True for the first hold of a request. */
  held(requestId: string): boolean {
    const expectation = this.#expectations.get(requestId);
    if (expectation === undefined || expectation.wasHeld) return false;
    expectation.wasHeld = true;
    this.#verdict.check(
      expectation.isAdmitted === true,
      () => `${requestId} is admitted, but nothing of it fits`,
    );
    return true;
  }

  /** The request has its answer. */
  ended(requestId: string): void {
    const expectation = this.#expectations.get(requestId);
    if (expectation === undefined) return;
    this.#expectations.delete(requestId);
    this.#verdict.check(
      expectation.wasHeld || expectation.isAdmitted !== true,
      () => `${requestId} is turned away, but it fits: ${JSON.stringify(expectation.question)}`,
    );
  }

  forget(): void {
    this.#expectations.clear();
  }

  #checkPosture(requestId: string, decision: Decision, { posture, limits }: ControlCheck): void {
    if (decision.kind === 'refuse') {
      const { code } = decision.error;
      this.#verdict.check(
        code !== 'budget_exhausted' || isBlocking(posture, limits.action),
        () => `${requestId} is turned away for the budget while everything is ${posture}`,
      );
      return;
    }
    this.#verdict.check(posture !== 'closed', () => `${requestId} is routed while all is closed`);
    this.#verdict.check(
      posture !== 'localOnly' || decision.candidates.every(({ kind }) => kind === 'local'),
      () => `${requestId} is routed to a cloud backend while those are blocked`,
    );
  }

  #fits(
    question: Question,
    { backend, model, maxCostPerRequest }: Candidate,
    { free }: ControlCheck,
    canStore: boolean,
  ): boolean {
    const price = priceOf(this.#profile, backend, model);
    if (price === null) return true;
    if (!canStore) return false;
    const each = Math.min(LEAST_OUTPUT, mostEach(price, question));
    const least = worstNano(price, question.bound, each * question.choices);
    const infinite = Number.POSITIVE_INFINITY;
    return least <= Math.min(free ?? infinite, maxCostPerRequest ?? infinite);
  }
}

function isBlocking(posture: ControlCheck['posture'], action: HardLimitAction): boolean {
  return action !== 'warn' && (posture === 'closed' || posture === 'localOnly');
}
