/** Figures and times in words. */
import { formatUsd, type NanoUsd } from '../../core/money.ts';

/** `12.50 USD`; below a dollar with the decimals that it has: `0.30 USD`, `0.000125 USD`. */
export function usd(amount: NanoUsd): string {
  const digits =
    amount < 1_000_000_000
      ? formatUsd(amount, 6).replace(/(\.\d\d\d*?)0+$/, '$1')
      : formatUsd(amount, 2);
  return `${grouped(digits)} USD`;
}

/** `1234567.50` as `1,234,567.50`. */
export function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');
}

export function count(value: number): string {
  return grouped(String(value));
}

/** `1500000` as `1.5M`: for ticks. */
export function short(value: number): string {
  const [size, unit] = value >= 1e6 ? [1e6, 'M'] : value >= 1e4 ? [1e3, 'k'] : [1, ''];
  return `${Math.round((value / size) * 100) / 100}${unit}`;
}

/** To the minute. */
export function minute(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
