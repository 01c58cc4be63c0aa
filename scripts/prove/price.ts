/** What a call costs, as the simulated provider and the checker compute it. It shares no line with `src/metering`. */
import type { TokenUsage } from '../../src/core/usage.ts';

/** Rates in pico-dollars per token. Null stands for a backend that is free. */
export interface ModelPrice {
  readonly input: number;
  readonly cachedInput: number;
  readonly output: number;
  readonly reasoning: number;
  /** Nano-dollars for each call. */
  readonly perRequest: number;
  /** The longest answer that the model gives. */
  readonly maxOutput: number;
}

const PICO_PER_NANO = 1000;

/** Simulated costs stay far below 2^53 pico-dollars, so plain numbers are exact. */
export function nanoOf(pico: number): number {
  return Math.ceil(pico / PICO_PER_NANO);
}

/** The exact cost of a usage in pico-dollars. */
export function picoOf(price: ModelPrice | null, usage: TokenUsage): number {
  if (usage.reportedCostUsd !== undefined) return Number(usage.reportedCostUsd.replace('.', ''));
  if (price === null) return 0;
  const { input, cachedInput, output, reasoning } = usage;
  return (
    (input - cachedInput) * price.input +
    cachedInput * price.cachedInput +
    (output - reasoning) * price.output +
    reasoning * price.reasoning +
    price.perRequest * PICO_PER_NANO
  );
}

/** The most that a call may cost in nano-dollars. `output`: tokens over all of its answers. */
export function worstNano(price: ModelPrice | null, inputBound: number, output: number): number {
  if (price === null) return 0;
  const input = Math.max(price.input, price.cachedInput) * inputBound;
  return nanoOf(input + Math.max(price.output, price.reasoning) * output) + price.perRequest;
}

/** A cost as a provider writes it: USD with all twelve decimals. */
export function usdText(pico: number): string {
  const digits = String(pico).padStart(13, '0');
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`;
}
