/**
 * The one module that knows how money is represented.
 *
 * Amounts are whole nano-dollars (1e-9 USD), rates are whole pico-dollars per token (1e-12 USD per token, which is
 * the same as micro-dollars per million tokens, the unit in which every list price is exact).
 *
 * Amounts are safe integers (`number`), not `bigint`: charts, JSON and the SQLite driver take them as they are, the
 * hot path compares them in nanoseconds, and the ceiling of 2^53 nano-dollars (9.007 million USD) is asserted at
 * every sum. Products of tokens and rates can pass that ceiling, so they are computed in `bigint` and rounded up to a
 * nano-dollar once per request.
 */
import { assert } from './assert.ts';

/** Whole nano-dollars. Always a safe integer. */
export type NanoUsd = number;
/** Whole pico-dollars per token. Always a safe, non-negative integer. */
export type PicoUsdPerToken = number;
/** Whole pico-dollars: an exact cost before it is rounded up to nano-dollars. */
export type PicoUsd = bigint;

/** The largest amount that the ledger accepts: 9 million USD, just under 2^53 nano-dollars. */
export const MAX_NANO_USD: NanoUsd = 9_000_000_000_000_000;
const NANO_DIGITS = 9;
const PICO_DIGITS = 12;
const RATE_DIGITS = 6;
const PICO_PER_NANO = 1000n;
/** Longer than the plain text of every double. */
const MAX_TEXT_LENGTH = 400;

/** Text or a number that is not an amount of money. The message says what is wrong; the caller adds where. */
export class MoneyError extends Error {
  override readonly name = 'MoneyError';
}

/** Returns `value` when it is a whole number of nano-dollars within the ceiling, otherwise throws. */
export function nanoUsd(value: number): NanoUsd {
  // An integer within the ceiling is a safe one. The text is made for a fault alone: it costs more than all sums.
  if (!(Number.isInteger(value) && Math.abs(value) <= MAX_NANO_USD)) {
    assert(
      false,
      Number.isInteger(value)
        ? `amount beyond the ceiling of 9 million USD: ${value} nano-dollars`
        : `not a whole number of nano-dollars: ${value}`,
    );
  }
  // Adding 0 turns -0, which equals 0 but is told apart by tests and by formatters, into 0.
  return value + 0;
}

/**
 * Sums amounts and asserts the ceiling, at every step: a sum that passes 2^53 on its way loses its last digit, also
 * when it comes back below.
 */
export function addNano(...amounts: readonly NanoUsd[]): NanoUsd {
  let sum = 0;
  for (const amount of amounts) sum = nanoUsd(sum + amount);
  return sum;
}

/**
 * Reads a decimal such as `"12.5"` or `12.5` as a whole number of units of 10^-digits, without ever multiplying a
 * float: a number is taken by its shortest decimal text. Throws `MoneyError` when the text is no plain non-negative
 * decimal, or has more decimals than can be kept exactly.
 */
function parseDecimal(input: string | number, digits: number, what: string): number {
  const text = typeof input === 'number' ? plainDecimal(input) : input.trim();
  // Also a provider's answer is read here, so the work for a text must not grow with its length.
  if (text.length > MAX_TEXT_LENGTH) throw new MoneyError(`a ${what} of ${text.length} digits`);
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) throw new MoneyError(`"${text}" is not a ${what}; write a decimal such as "12.50"`);
  const [, whole = '', decimals = ''] = match;
  const fraction = decimals.replace(/0+$/, '');
  if (fraction.length > digits) {
    throw new MoneyError(
      `${text} has more than ${digits} decimals, which a ${what} can not keep exactly`,
    );
  }
  const units = BigInt(whole + fraction.padEnd(digits, '0'));
  if (units > BigInt(MAX_NANO_USD)) throw new MoneyError(`${text} is too large for a ${what}`);
  return Number(units);
}

/** The shortest decimal text of a number, without an exponent. */
function plainDecimal(value: number): string {
  const text = String(value);
  const match = /^(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, whole = '', fraction = '', exponent = ''] = match;
  const all = whole + fraction;
  const point = 1 + Number(exponent);
  // A positive exponent is written from 1e21 on, and a double has at most 17 digits: the point lies behind them all.
  return point > 0 ? all.padEnd(point, '0') : `0.${'0'.repeat(-point)}${all}`;
}

/** USD as decimal text or number to nano-dollars, exactly. Throws `MoneyError`. */
export function parseUsd(input: string | number): NanoUsd {
  return parseDecimal(input, NANO_DIGITS, 'USD amount');
}

/** USD per million tokens as decimal text or number to pico-dollars per token, exactly. Throws `MoneyError`. */
export function parseRate(usdPerMillionTokens: string | number): PicoUsdPerToken {
  return parseDecimal(usdPerMillionTokens, RATE_DIGITS, 'price in USD per million tokens');
}

/** A rate as USD per million tokens, exactly: `2.5`. */
export function formatRate(rate: PicoUsdPerToken): string {
  const digits = String(rate).padStart(RATE_DIGITS + 1, '0');
  return `${digits.slice(0, -RATE_DIGITS)}.${digits.slice(-RATE_DIGITS)}`.replace(/\.?0+$/, '');
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** tokens x rate, exactly. */
export function costOfTokens(tokens: number, rate: PicoUsdPerToken): PicoUsd {
  if (!isCount(tokens)) assert(false, `not a token count: ${tokens}`);
  if (!isCount(rate)) assert(false, `not a rate in pico-dollars: ${rate}`);
  return BigInt(tokens) * BigInt(rate);
}

/** Rounds an exact cost up to a whole nano-dollar: once per request, never per token. */
export function roundUpToNano(exact: PicoUsd): NanoUsd {
  assert(exact >= 0n, 'a cost is never negative');
  return nanoUsd(Number((exact + PICO_PER_NANO - 1n) / PICO_PER_NANO));
}

/** An amount as an exact cost, for money of which nothing but the amount is known. */
export function toPico(amount: NanoUsd): PicoUsd {
  return BigInt(amount) * PICO_PER_NANO;
}

/** The number of USD nearest to an amount, for JSON fields that the quickstart shows as numbers. */
export function toUsdNumber(amount: NanoUsd): number {
  return Number(formatUsdExact(amount));
}

/** USD with all nine decimals that matter, trailing zeros cut: `1.5`, `0.000003`. Exact. */
export function formatUsdExact(amount: NanoUsd): string {
  return formatUsd(amount, NANO_DIGITS).replace(/\.?0+$/, '');
}

/** An exact cost in USD, trailing zeros cut: up to twelve decimals. */
export function formatPicoUsd(exact: PicoUsd): string {
  const digits = exact.toString().padStart(PICO_DIGITS + 1, '0');
  const point = digits.length - PICO_DIGITS;
  return `${digits.slice(0, point)}.${digits.slice(point)}`.replace(/\.?0+$/, '');
}

/** USD rounded half away from zero to `decimals` (0 to 9), without a currency sign: `formatUsd(1_500_000_000, 2)` is `1.50`. */
export function formatUsd(amount: NanoUsd, decimals: number): string {
  const unit = 10 ** (NANO_DIGITS - decimals);
  // All of it stays below 2^53: the ceiling leaves room for half a dollar.
  const raised = Math.abs(amount) + Math.floor(unit / 2);
  const rounded = (raised - (raised % unit)) / unit;
  const digits = String(rounded).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const sign = amount < 0 && rounded > 0 ? '-' : '';
  return decimals === 0 ? `${sign}${digits}` : `${sign}${whole}.${digits.slice(-decimals)}`;
}

/** Utilisation of a limit in percent, as a float for display only. Decisions compare integers. */
export function percentOf(amount: NanoUsd, limit: NanoUsd): number {
  return (amount / limit) * 100;
}
