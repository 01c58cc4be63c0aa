/**
 * Decimal text to whole units, rounded up. The packaged list and providers state money as JSON numbers; their shortest
 * decimal text is what was written down, and no arithmetic is ever done on the float itself.
 */

const DECIMAL = /^(\d{1,40})(?:\.(\d{1,400}))?(?:[eE]([+-]?\d{1,3}))?$/;

export interface WholeUnits {
  readonly units: bigint;
  /** False when digits below one unit were rounded up: the noise of a float such as 0.18000000000000002. */
  readonly isExact: boolean;
}

/** Reads a non-negative decimal as units of 10^-digits, rounded up; null when it is not one. */
export function decimalToUnits(input: string | number, digits: number): WholeUnits | null {
  const match = DECIMAL.exec(typeof input === 'number' ? String(input) : input.trim());
  if (match === null) return null;
  const fraction = match[2] ?? '';
  const mantissa = BigInt((match[1] ?? '') + fraction);
  const shift = Number(match[3] ?? '0') + digits - fraction.length;
  if (shift >= 0) return { units: mantissa * 10n ** BigInt(shift), isExact: true };
  const divisor = 10n ** BigInt(-shift);
  const isExact = mantissa % divisor === 0n;
  return { units: mantissa / divisor + (isExact ? 0n : 1n), isExact };
}
