/** What an attempt is charged. The provider's usage wins, also when it is zero; without it what passed is counted. */
import type { Charge } from '../core/ledger.ts';
import { roundUpToNano, toPico } from '../core/money.ts';
import type { PriceBook } from '../core/prices.ts';
import type { TokenCounter } from '../core/tokens.ts';
import type { AnswerReader } from '../core/upstream.ts';
import { NO_USAGE, type ChargeBasis, type TokenUsage } from '../core/usage.ts';
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

/** Tokens of an answer for which the provider gave no usage: the counted input and the output that passed. */
function meteredUsage(plan: AttemptPlan, reader: AnswerReader, tokens: TokenCounter): TokenUsage {
  return {
    ...NO_USAGE,
    // What only the provider knows of is charged at its bound: less could be a part of the bill.
    input: plan.count.hasStoredInput ? plan.count.bound : plan.count.tokens,
    output: tokens.countText(reader.outputText(), plan.candidate.model),
  };
}

/**
 * The charge of an attempt that was answered, whole or in part. Only a provider's own figures can be more than the hold:
 * a count of ours that comes out above it has counted wrong, and must not pass the limit.
 */
export function chargeOfAnswer(
  book: PriceBook,
  plan: AttemptPlan,
  reader: AnswerReader,
  tokens: TokenCounter,
): Charge {
  const usage = reader.usage();
  if (usage !== null) return chargeFor(book, plan, usage, 'provider');
  const charge = chargeFor(book, plan, meteredUsage(plan, reader, tokens), 'metered');
  return charge.amount > plan.hold ? { ...charge, ...inFull(plan) } : charge;
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
