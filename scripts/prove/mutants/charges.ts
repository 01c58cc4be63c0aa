/** Faults in what a call is charged and how its hold ends. */
import { mutant, type Mutant } from './mutant.ts';

export const CHARGE_MUTANTS: readonly Mutant[] = [
  mutant(
    'a missing usage counts as zero',
    'src/http/settlement.ts',
    'return { ...NO_USAGE, input, output: passed };',
    'return { ...NO_USAGE, input: 0, output: 0 };',
  ),
  mutant(
    'without a usage the input is free',
    'src/http/settlement.ts',
    'return { ...NO_USAGE, input, output: passed };',
    'return { ...NO_USAGE, input: 0, output: passed };',
  ),
  mutant(
    'a usage of zero is not believed',
    'src/http/settlement.ts',
    'if (usage !== null) return',
    'if (usage !== null && usage.output > 0) return',
  ),
  mutant(
    'a call that was given up costs nothing',
    'src/http/settlement.ts',
    '    ...inFull(plan),\n    basis',
    "    amount: 0,\n    exactPico: '0',\n    basis",
  ),
  mutant(
    'charges are rounded down',
    'src/core/money.ts',
    'return nanoUsd(Number((exact + PICO_PER_NANO - 1n) / PICO_PER_NANO));',
    'return nanoUsd(Number(exact / PICO_PER_NANO));',
  ),
  mutant(
    'cached input is free',
    'src/metering/cost.ts',
    '{ tokens: cached, rate: tier.cachedInput },',
    '{ tokens: cached, rate: 0 },',
  ),
  mutant(
    'the fee for each request is forgotten',
    'src/metering/cost.ts',
    'const cost = tokens + BigInt(perRequest) * PICO_PER_NANO;',
    'const cost = tokens + 0n * BigInt(perRequest);',
  ),
  mutant(
    'an excess is not declared',
    'src/ledger/entries.ts',
    'excess: Math.max(0, charge.amount - hold.amount),',
    'excess: 0,',
  ),
  mutant(
    'a charge is cut at its hold',
    'src/ledger/entries.ts',
    '    settled: charge.amount,\n    excess: Math.max',
    '    settled: Math.min(charge.amount, hold.amount),\n    excess: Math.max',
  ),
  mutant(
    'a hold is given back twice',
    'src/ledger/holds.ts',
    'if (hold !== undefined) this.#end(hold, voidEntry(hold, this.#options.now(), note));',
    'if (hold === undefined) return;\n    this.#options.apply(voidEntry(hold, this.#options.now(), note));\n    this.#end(hold, voidEntry(hold, this.#options.now(), note));',
  ),
  mutant(
    'a second settle charges a second time',
    'src/ledger/entries.ts',
    'const settled = charge.amount - ended.charged;',
    'const settled = charge.amount;',
  ),
  mutant(
    'the same settle twice is an adjustment of everything',
    'src/ledger/holds.ts',
    '} else if (ended.exactPico !== charge.exactPico) {',
    '} else {',
  ),
  mutant(
    'a late charge is ignored',
    'src/ledger/holds.ts',
    "this.#end(ended.hold, chargeEntry('resolve', ended.hold, now(), charge, note));",
    'now();',
  ),
  mutant(
    'late charges that had to wait are lost',
    'src/ledger/holds.ts',
    'for (const charge of late) this.#settleEnded(charge);',
    'late.length = 0;',
  ),
  mutant(
    'suspense counts as given back',
    'src/ledger/holds.ts',
    'if (hold !== undefined) this.#end(hold, suspendEntry(hold, this.#options.now(), note));',
    'if (hold !== undefined) this.#end(hold, voidEntry(hold, this.#options.now(), note));',
  ),
  mutant(
    'a call that timed out is taken for unbilled',
    'src/http/attempt.ts',
    'else this.#suspend(failure.kind);',
    'else ledger.release(hold.id, failure.kind);',
  ),
  mutant(
    'an answer that broke off before a word is taken for unbilled',
    'src/http/attempt.ts',
    'return this.#suspend(`no answer: ${end}`);',
    'return this.#context.services.ledger.release(this.#started.hold.id, `no answer: ${end}`);',
  ),
  mutant(
    'a refusal by the provider keeps its hold',
    'src/http/attempt.ts',
    'UNKNOWN_OUTCOMES.has(answer.status) ? this.#suspend(note) : ledger.release(id, note),',
    'UNKNOWN_OUTCOMES.has(answer.status) ? this.#suspend(note) : undefined,',
  ),
  mutant(
    'a client that leaves before the call is sent keeps its hold',
    'src/http/model-call.ts',
    "ledger.release(hold.id, 'never sent: the client left first');",
    '',
  ),
  mutant(
    'the price behind a charge is not kept',
    'src/http/choose-attempt.ts',
    '      price: plan.price,\n',
    '',
  ),
  mutant(
    'the usage that is kept is not the one that was charged',
    'src/http/settlement.ts',
    'exactPico: exact.toString(), basis, usage };',
    'exactPico: exact.toString(), basis, usage: { ...usage, cachedInput: 0 } };',
  ),
];
