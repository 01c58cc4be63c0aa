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
  const input = plan.count.tokens;
  return { ...NO_USAGE, input, output: passed };
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
  const started = reader.startedUsage?.() ?? null;
  const metered = meteredUsage(plan, reader, tokens, started);
  const charge = chargeFor(book, plan, metered, 'metered');
  if (charge.amount <= plan.hold) return charge;
  const said = started === null ? null : chargeFor(book, plan, started, 'metered');
  return said !== null && said.amount > plan.hold ? said : { ...charge, ...inFull(plan) };
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
