/** Figures that a backend reports are checked before they are money. */
import type { TokenUsage } from '../core/usage.ts';

/** Far above any context window: a figure beyond it is a fault of the backend, not a bill. */
const MAX_TOKENS = 1_000_000_000;
const MAX_REPORTED_USD = 10_000;
const NANO_DIGITS = 9;

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

/**
 * A reported cost as plain decimal USD with at most 9 decimals, rounded up, because the ledger counts whole
 * nano-dollars. Null for what is no plausible cost.
 */
export function reportedUsd(value: unknown): string | null {
  const cost = typeof value === 'string' ? Number(value) : value;
  if (typeof cost !== 'number' || !(cost >= 0 && cost <= MAX_REPORTED_USD)) return null;
  const plain = /e/i.test(String(cost)) ? cost.toFixed(20) : String(cost);
  const [whole = '0', fraction = ''] = plain.split('.');
  const kept = BigInt(whole + fraction.slice(0, NANO_DIGITS).padEnd(NANO_DIGITS, '0'));
  const nano = /[1-9]/.test(fraction.slice(NANO_DIGITS)) ? kept + 1n : kept;
  const digits = nano.toString().padStart(NANO_DIGITS + 1, '0');
  return `${digits.slice(0, -NANO_DIGITS)}.${digits.slice(-NANO_DIGITS)}`;
}
