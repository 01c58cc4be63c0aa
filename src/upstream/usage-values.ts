/** Figures that a backend reports are checked before they are money. */
import type { TokenUsage } from '../core/usage.ts';

/** Far above any context window: a figure beyond it is a fault of the backend, not a bill. */
const MAX_TOKENS = 1_000_000_000;
const MAX_REPORTED_USD = 10_000;
const NANO_DIGITS = 9;
const NANO_PER_USD = 1_000_000_000n;
const TICKS_PER_NANO = 10n;

/** A whole, non-negative, plausible number of tokens; null for anything else. */
export function tokenFigure(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return null;
  return value >= 0 && value <= MAX_TOKENS ? value : null;
}

/** A part of a total: a figure that is no count, or more than its total, is taken as absent. */
export function partFigure(value: unknown, total: number): number {
  const figure = tokenFigure(value);
  return figure === null || figure > total ? 0 : figure;
}

/** Parts of the input that the price book subtracts from it must never be more than it together. */
export function withConsistentParts(usage: TokenUsage): TokenUsage {
  const parts = usage.cachedInput + usage.cacheWrite + usage.cacheWrite1h;
  if (parts <= usage.input) return usage;
  return { ...usage, cachedInput: 0, cacheWrite: 0, cacheWrite1h: 0 };
}

/** Nano-dollars as plain decimal USD. */
function usdText(nano: bigint): string {
  const digits = nano.toString().padStart(NANO_DIGITS + 1, '0');
  return `${digits.slice(0, -NANO_DIGITS)}.${digits.slice(-NANO_DIGITS)}`;
}

/**
 * A reported cost as plain decimal USD with at most 9 decimals, rounded up, because the ledger counts whole
 * nano-dollars. Null for what is no plausible cost.
 */
export function reportedUsd(value: unknown): string | null {
  const cost = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof cost !== 'number' || !(cost >= 0 && cost <= MAX_REPORTED_USD)) return null;
  const plain = /e/i.test(String(cost)) ? cost.toFixed(20) : String(cost);
  const [whole = '0', fraction = ''] = plain.split('.');
  const kept = BigInt(whole + fraction.slice(0, NANO_DIGITS).padEnd(NANO_DIGITS, '0'));
  return usdText(/[1-9]/.test(fraction.slice(NANO_DIGITS)) ? kept + 1n : kept);
}

/** A cost in ticks of 10^-10 USD as plain decimal USD, rounded up to a nano-dollar; null for what is no plausible cost. */
export function ticksToUsd(value: unknown): string | null {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return null;
  const nano = (BigInt(value) + TICKS_PER_NANO - 1n) / TICKS_PER_NANO;
  return nano > BigInt(MAX_REPORTED_USD) * NANO_PER_USD ? null : usdText(nano);
}

/** The sum of two costs as `reportedUsd` writes them. */
export function addUsd(a: string, b: string): string {
  return usdText(BigInt(a.replace('.', '')) + BigInt(b.replace('.', '')));
}
