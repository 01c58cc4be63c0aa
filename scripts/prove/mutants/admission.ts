/** Faults in what is held and who is let in. */
import { mutant, type Mutant } from './mutant.ts';

export const ADMISSION_MUTANTS: readonly Mutant[] = [
  mutant('no hold', 'src/http/choose-attempt.ts', 'amount: plan.hold,', 'amount: 0,'),
  mutant(
    'a retry without a hold of its own',
    'src/http/choose-attempt.ts',
    'amount: plan.hold,',
    'amount: attempts > 0 ? 0 : plan.hold,',
  ),
  mutant(
    'admission with < where <= is meant',
    'src/ledger/ledger.ts',
    'if (amount > free) {',
    'if (amount >= free) {',
  ),
  mutant(
    'admission ignores what is held',
    'src/ledger/ledger.ts',
    '- settled - suspense - held;',
    '- settled - suspense - 0 * held;',
  ),
  mutant(
    'admission ignores what is in suspense',
    'src/ledger/ledger.ts',
    '- settled - suspense - held;',
    '- settled - 0 * suspense - held;',
  ),
  mutant(
    'admission ignores what is settled',
    'src/ledger/ledger.ts',
    '- settled - suspense - held;',
    '- 0 * settled - suspense - held;',
  ),
  mutant(
    'paid requests are admitted while nothing can be stored',
    'src/ledger/ledger.ts',
    "if (!this.#queue.isHealthy) return { kind: 'unavailable' };",
    '',
  ),
  mutant(
    'a changed limit is ignored by the ledger',
    'src/ledger/ledger.ts',
    'this.#budget = budget;',
    'this.#budget ??= budget;',
  ),
  mutant(
    'the hold pays for one token less than is allowed',
    'src/http/plan-attempt.ts',
    'book.worstCase(price, count.bound, outputEach * request.choices, count.premiums)',
    'book.worstCase(price, count.bound, Math.max(0, outputEach * request.choices - 1), count.premiums)',
  ),
  mutant(
    'the hold covers one answer of several',
    'src/http/plan-attempt.ts',
    'book.worstCase(price, count.bound, outputEach * request.choices, count.premiums)',
    'book.worstCase(price, count.bound, outputEach, count.premiums)',
  ),
  mutant(
    'the hold takes the estimate for the bound',
    'src/http/plan-attempt.ts',
    'book.worstCase(price, count.bound, outputEach * request.choices, count.premiums)',
    'book.worstCase(price, count.tokens, outputEach * request.choices, count.premiums)',
  ),
  mutant(
    'the lowered maximum is not sent',
    'src/http/attempt.ts',
    '        maxOutputTokens,\n        inputTokens',
    '        maxOutputTokens: null,\n        inputTokens',
  ),
  mutant(
    'the cap of a routing policy is ignored',
    'src/http/plan-attempt.ts',
    'cap ?? Number.POSITIVE_INFINITY,',
    'Number.POSITIVE_INFINITY,',
  ),
  mutant(
    'requests are refused that could be lowered to fit',
    'src/http/plan-attempt.ts',
    'if (natural.tokens > 0 && lowered >= floor)',
    'if (natural.tokens > 0 && lowered >= 2 * floor)',
  ),
  mutant(
    'the worst case is rounded down',
    'src/metering/cost.ts',
    'const nano = (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;',
    'const nano = pico / PICO_PER_NANO;',
  ),
  mutant(
    'what can be paid for is one token more',
    'src/metering/cost.ts',
    'const tokens = left / perOutput;',
    'const tokens = left / perOutput + 1n;',
  ),
];
