/** What an attempt is charged. The provider's usage wins, also when it is zero; without it what passed is counted. */
import type { Charge } from '../core/ledger.ts';
import { roundUpToNano, toPico } from '../core/money.ts';
import type { PriceBook } from '../core/prices.ts';
import type { TokenCounter } from '../core/tokens.ts';
import type { AnswerReader } from '../core/upstream.ts';
import { NO_USAGE, type ChargeBasis, type TokenCount, type TokenUsage } from '../core/usage.ts';
import type { AttemptPlan } from './plan-attempt.ts';

/** The charge for a usage at the price that was frozen at the hold. */
export function chargeFor(
  book: PriceBook,
  plan: AttemptPlan,
  usage: TokenUsage,
  basis: ChargeBasis,
): Charge {
  const exact = book.costOf(plan.price, usage);
  return { amount: roundUpToNano(exact), exactPico: exact.toString(), basis, usage };
}

/** The estimate that a charge can correct: of a request of text only, whose usage comes from the provider. */
export function estimateToLearnFrom(
  { count }: AttemptPlan,
  { basis, usage }: Charge,
): number | undefined {
  const { scalable } = count;
  const isShown = basis === 'provider' && usage.input > 0 && scalable?.isTextOnly === true;
  return isShown ? scalable.tokens : undefined;
}

/** What only the provider knows of is charged at its bound: less could be a part of the bill. */
function inputOf({ hasStoredInput = false, bound, tokens }: TokenCount): number {
  return hasStoredInput ? bound : tokens;
}

/**
 * Tokens of an answer for which the provider gave no usage: the input as it said it at the start of a stream, or else as
 * it was counted, and the output that passed.
 */
function meteredUsage(
  plan: AttemptPlan,
  reader: AnswerReader,
  tokens: TokenCounter,
  started: TokenUsage | null,
): TokenUsage {
  const passed = tokens.countText(reader.outputText(), plan.candidate.model);
  // Some servers of the API write zeros until the end.
  if (started !== null && started.input > 0)
    return { ...started, output: Math.max(started.output, passed) };
  const input = inputOf(plan.count);
  return { ...NO_USAGE, input, output: passed };
}

/**
 * The charge of an attempt that was answered, whole or in part. Only a provider's own figures can be more than the hold:
 * a count of ours that comes out above it has counted wrong, is cut to it, and must not pass the limit.
 */
export function chargeOfAnswer(
  book: PriceBook,
  plan: AttemptPlan,
  reader: AnswerReader,
  tokens: TokenCounter,
): { readonly charge: Charge; readonly isCut: boolean } {
  const usage = reader.usage();
  if (usage !== null) return { charge: chargeFor(book, plan, usage, 'provider'), isCut: false };
  const started = reader.startedUsage?.() ?? null;
  const metered = meteredUsage(plan, reader, tokens, started);
  const charge = chargeFor(book, plan, metered, 'metered');
  if (charge.amount <= plan.hold) return { charge, isCut: false };
  const said = started === null ? null : chargeFor(book, plan, started, 'metered');
  return said !== null && said.amount > plan.hold
    ? { charge: said, isCut: false }
    : { charge: { ...charge, ...inFull(plan) }, isCut: true };
}

/** The whole hold, as the money of a charge. */
function inFull({ hold }: AttemptPlan): Pick<Charge, 'amount' | 'exactPico'> {
  return { amount: hold, exactPico: toPico(hold).toString() };
}

/** The charge of an attempt of which nothing is known and nothing more will be: its hold. */
export function chargeOfHold(plan: AttemptPlan): Charge {
  return {
    ...inFull(plan),
    basis: 'assumed',
    usage: { ...NO_USAGE, input: plan.count.tokens },
  };
}
