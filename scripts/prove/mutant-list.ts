import { ADMISSION_MUTANTS } from './mutants/admission.ts';
import { CHARGE_MUTANTS } from './mutants/charges.ts';
import { DURABILITY_MUTANTS } from './mutants/durability.ts';
import { MONTH_MUTANTS } from './mutants/months.ts';
import type { Mutant } from './mutants/mutant.ts';

export const MUTANTS: readonly Mutant[] = [
  ...ADMISSION_MUTANTS,
  ...CHARGE_MUTANTS,
  ...DURABILITY_MUTANTS,
  ...MONTH_MUTANTS,
];
