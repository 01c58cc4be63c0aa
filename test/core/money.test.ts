import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  addNano,
  costOfTokens,
  formatPicoUsd,
  formatRate,
  formatUsd,
  formatUsdExact,
  MAX_NANO_USD,
  MoneyError,
  nanoUsd,
  parseRate,
  parseUsd,
  percentOf,
  roundUpToNano,
  toPico,
  toUsdNumber,
} from '../../src/core/money.ts';

const amounts = fc.integer({ min: 0, max: MAX_NANO_USD });
const signedAmounts = fc.integer({ min: -MAX_NANO_USD, max: MAX_NANO_USD });

describe('an amount', () => {
  it('is a whole number of nano-dollars up to the ceiling, either way', () => {
    expect(nanoUsd(MAX_NANO_USD)).toBe(MAX_NANO_USD);
    expect(nanoUsd(-MAX_NANO_USD)).toBe(-MAX_NANO_USD);
    expect(nanoUsd(-0)).toBe(0);
  });

  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('is not %p', (value) => {
    expect(() => nanoUsd(value)).toThrow(expect.objectContaining({ name: 'AssertionFailure' }));
  });

  it('is not beyond the ceiling, which lies below the last safe integer', () => {
    expect(() => nanoUsd(MAX_NANO_USD + 1)).toThrow('beyond the ceiling');
    expect(() => nanoUsd(-MAX_NANO_USD - 1)).toThrow('beyond the ceiling');
  });
});

describe('a sum', () => {
  it('adds any number of amounts', () => {
    expect(addNano()).toBe(0);
    expect(addNano(1, 2, -4)).toBe(-1);
  });

  it('may not pass the ceiling on its way either, where its last digit would be lost', () => {
    expect(MAX_NANO_USD + (MAX_NANO_USD - 1) - MAX_NANO_USD).not.toBe(MAX_NANO_USD - 1);
    expect(() => addNano(MAX_NANO_USD, MAX_NANO_USD - 1, -MAX_NANO_USD)).toThrow(
      expect.objectContaining({ name: 'AssertionFailure' }),
    );
  });

  it('is the same as in bigint', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e12, max: 1e12 }), { maxLength: 50 }), (list) => {
        expect(BigInt(addNano(...list))).toBe(
          list.reduce((sum, amount) => sum + BigInt(amount), 0n),
        );
      }),
    );
  });
});

describe('reading USD', () => {
  it.each([
    ['0', 0],
    ['12.50', 12_500_000_000],
    [' 100 ', 100_000_000_000],
    ['0.000000001', 1],
    ['0.100000000000', 100_000_000],
    ['0007', 7_000_000_000],
    ['9000000', MAX_NANO_USD],
    [12.5, 12_500_000_000],
    [0.1, 100_000_000],
    [1e-9, 1],
    [1.5e-8, 15],
    [100, 100_000_000_000],
  ])('takes %p as %p nano-dollars', (input, nano) => {
    expect(parseUsd(input)).toBe(nano);
  });

  it.each([
    ['', '"" is not a USD amount; write a decimal such as "12.50"'],
    ['$5', '"$5" is not a USD amount'],
    ['1,5', '"1,5" is not'],
    ['1e3', '"1e3" is not'],
    ['-1', '"-1" is not'],
    ['.5', '".5" is not'],
    ['5.', '"5." is not'],
    [-1, '"-1" is not'],
    [Number.NaN, '"NaN" is not'],
    [Number.POSITIVE_INFINITY, '"Infinity" is not'],
    ['0.0000000001', '0.0000000001 has more than 9 decimals, which a USD amount can not keep'],
    [5e-324, 'has more than 9 decimals'],
    [0.30000000000000004, '0.30000000000000004 has more than 9 decimals'],
    ['9000000.000000001', 'is too large for a USD amount'],
    [1e21, '1000000000000000000000 is too large'],
    [1.5e300, 'is too large'],
  ])('refuses %p', (input, message) => {
    expect(() => parseUsd(input)).toThrow(MoneyError);
    expect(() => parseUsd(input)).toThrow(message);
  });

  it('does no work that grows with the length of a text', () => {
    expect(() => parseUsd(`0.${'0'.repeat(1_000_000)}1`)).toThrow('a USD amount of 1000003 digits');
  });

  it('takes back every amount that was written', () => {
    fc.assert(
      fc.property(amounts, (nano) => {
        expect(parseUsd(formatUsdExact(nano))).toBe(nano);
      }),
    );
  });

  it('takes a number as its shortest decimal says, never as a product of floats', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 * 10 ** 12 }), (micro) => {
        expect(parseUsd(micro / 1_000_000)).toBe(parseUsd((micro / 1_000_000).toFixed(6)));
      }),
    );
  });
});

describe('reading a rate', () => {
  it.each([
    ['2.50', 2_500_000],
    ['0.0375', 37_500],
    [0.003625, 3_625],
    ['0.000001', 1],
  ])('takes %p USD per million tokens as %p pico-dollars per token', (input, pico) => {
    expect(parseRate(input)).toBe(pico);
  });

  it('refuses what it can not keep exactly', () => {
    expect(() => parseRate('0.0000001')).toThrow(
      '0.0000001 has more than 6 decimals, which a price in USD per million tokens can not keep exactly',
    );
    expect(() => parseRate(0.18000000000000002)).toThrow(MoneyError);
  });
});

describe('a cost', () => {
  it('is exact before it is rounded, and is rounded up once', () => {
    // 3 tokens at $0.0375 per million: 112.5 nano-dollars.
    expect(costOfTokens(3, 37_500)).toBe(112_500n);
    expect(roundUpToNano(112_500n)).toBe(113);
    expect(roundUpToNano(112_000n)).toBe(112);
    expect(roundUpToNano(1n)).toBe(1);
    expect(roundUpToNano(0n)).toBe(0);
  });

  it('is exact beyond the integers that a float can hold', () => {
    expect(costOfTokens(123_456_789, 987_654_321)).toBe(121_932_631_112_635_269n);
  });

  it.each([
    [-1, 1],
    [0.5, 1],
    [1, -1],
    [1, 0.5],
  ])('is not made from %p tokens at %p', (tokens, rate) => {
    expect(() => costOfTokens(tokens, rate)).toThrow(
      expect.objectContaining({ name: 'AssertionFailure' }),
    );
  });

  it('is never negative, nor beyond the ceiling', () => {
    expect(() => roundUpToNano(-1n)).toThrow('never negative');
    expect(() => roundUpToNano(10n ** 30n)).toThrow(
      expect.objectContaining({ name: 'AssertionFailure' }),
    );
  });

  it('over-counts by less than a nano-dollar', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: toPico(MAX_NANO_USD) }), (pico) => {
        const excess = toPico(roundUpToNano(pico)) - pico;
        expect(excess >= 0n && excess < 1000n).toBe(true);
      }),
    );
  });

  it('can be made from an amount', () => {
    expect(toPico(113)).toBe(113_000n);
  });
});

describe('writing USD', () => {
  it.each([
    [1_500_000_000, 2, '1.50'],
    [1_005_000_000, 2, '1.01'],
    [1_004_999_999, 2, '1.00'],
    [999_999_999, 0, '1'],
    [499_999_999, 0, '0'],
    [123, 9, '0.000000123'],
    [-1_500_000_000, 2, '-1.50'],
    [-5_000_000, 2, '-0.01'],
    [-4_999_999, 2, '0.00'],
    [-1_500_000_000, 0, '-2'],
    [0, 4, '0.0000'],
  ])('rounds %p nano-dollars to %p decimals as %p', (nano, decimals, text) => {
    expect(formatUsd(nano, decimals)).toBe(text);
  });

  it.each([
    [0, '0'],
    [10_000_000_000, '10'],
    [1_500_000_000, '1.5'],
    [3_000, '0.000003'],
    [-1, '-0.000000001'],
  ])('writes %p nano-dollars exactly as %p', (nano, text) => {
    expect(formatUsdExact(nano)).toBe(text);
  });

  it('gives the nearest number for JSON', () => {
    fc.assert(
      fc.property(signedAmounts, (nano) => {
        expect(toUsdNumber(nano)).toBe(Number(formatUsdExact(nano)));
        expect(Math.abs(toUsdNumber(nano) - nano / 1e9)).toBeLessThan(1e-8);
      }),
    );
    expect(toUsdNumber(100_000_000)).toBe(0.1);
  });

  it('shows a share of a limit in percent', () => {
    expect(percentOf(75, 300)).toBe(25);
  });
});

describe('an exact cost', () => {
  it.each([
    [0n, '0'],
    [1n, '0.000000000001'],
    [37_500n, '0.0000000375'],
    [1_000_000_000_000n, '1'],
    [120_500_000_000_000n, '120.5'],
    [9_000_000_000_000_000_001n, '9000000.000000000001'],
  ])('of %p pico-dollars is %s USD', (pico, text) => {
    expect(formatPicoUsd(pico)).toBe(text);
  });
});

describe('a rate as text', () => {
  it.each([
    [0, '0'],
    [1, '0.000001'],
    [2_500_000, '2.5'],
    [10_000_000, '10'],
    [172_500_001, '172.500001'],
  ])('%p is %s USD per million tokens', (rate, text) => {
    expect(formatRate(rate)).toBe(text);
  });

  it('is read back as it was', () => {
    fc.assert(
      fc.property(amounts, (rate) => {
        expect(parseRate(formatRate(rate))).toBe(rate);
      }),
    );
  });
});
