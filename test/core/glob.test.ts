import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { GlobError, parseGlob } from '../../src/core/glob.ts';

describe('a pattern over model names', () => {
  it.each([
    ['gpt-4', 'gpt-4', true],
    ['gpt-4', 'gpt-4o', false],
    ['gpt-4', 'GPT-4', false],
    ['gpt-4', 'xgpt-4', false],
    ['*', '', true],
    ['*', 'meta/llama-3', true],
    ['gpt-4*', 'gpt-4', true],
    ['gpt-4*', 'gpt-4-turbo', true],
    ['*-turbo', 'gpt-4-turbo', true],
    ['*-turbo', 'gpt-4-turbo-x', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a**c', 'abc', true],
    ['gpt-?', 'gpt-4', true],
    ['gpt-?', 'gpt-', false],
    ['gpt-?', 'gpt-44', false],
    ['?', '🙂', true],
    ['gpt-[34]', 'gpt-3', true],
    ['gpt-[34]', 'gpt-5', false],
    ['gpt-[0-9a-c]', 'gpt-b', true],
    ['gpt-[0-9a-c]', 'gpt-d', false],
    ['gpt-[!0-9]', 'gpt-x', true],
    ['gpt-[!0-9]', 'gpt-4', false],
    ['gpt-[^0-9]', 'gpt-4', false],
    ['[]]', ']', true],
    ['[a-]', '-', true],
    ['[a-]', 'b', false],
    ['{gpt,claude}-*', 'claude-3', true],
    ['{gpt,claude}-*', 'gemini-3', false],
    ['gpt-4{,-turbo}', 'gpt-4', true],
    ['gpt-4{,-turbo}', 'gpt-4-turbo', true],
    ['{a,b{c,d}}e', 'bde', true],
    ['{a,b{c,d}}e', 'be', false],
    ['{only}', 'only', true],
    ['a,b}', 'a,b}', true],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['', '', true],
    ['', 'x', false],
  ])('%s and %s: %s', (pattern, text, expected) => {
    expect(parseGlob(pattern).matches(text)).toBe(expected);
  });

  it.each([
    ['gpt-[', 'has a [ without its ]'],
    ['gpt-[]', 'has a [ without its ]'],
    ['gpt-[!', 'has a [ without its ]'],
    ['gpt-[a-', 'has a [ without its ]'],
    ['gpt-[z-a]', 'has the range z-a, whose end comes before its start'],
    ['{gpt,claude', 'has a { without its }'],
    ['{gpt', 'has a { without its }'],
    ['gpt\\', 'ends with a \\ that escapes nothing'],
  ])('%s is refused', (pattern, problem) => {
    expect(() => parseGlob(pattern)).toThrow(
      new GlobError(`the pattern ${JSON.stringify(pattern)} ${problem}`),
    );
  });

  it('is refused beyond 512 characters', () => {
    expect(() => parseGlob('a'.repeat(513))).toThrow('the pattern is longer than 512 characters');
    expect(parseGlob('a'.repeat(512)).matches('a'.repeat(512))).toBe(true);
  });

  it('keeps its text', () => {
    expect(parseGlob('gpt-*').pattern).toBe('gpt-*');
  });

  // Backtracking matchers take longer than the age of the universe for this one.
  it('is answered quickly whatever the pattern and the name', () => {
    const glob = parseGlob(`${'*a'.repeat(100)}b`);
    const startedAtMs = performance.now();

    expect(glob.matches('a'.repeat(5000))).toBe(false);
    expect(performance.now() - startedAtMs).toBeLessThan(5000);
  });

  it('matches as a regular expression of the same meaning does', () => {
    const piece = fc.constantFrom('*', '?', 'a', 'b', '[ab]', '[!a]', '{a,bb}', '{,b}');
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    const translations: Readonly<Record<string, string>> = {
      '*': '.*',
      '?': '.',
      '[ab]': '[ab]',
      '[!a]': '[^a]',
      '{a,bb}': '(?:a|bb)',
      '{,b}': '(?:|b)',
    };
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), name, (pieces, text) => {
        const expression = new RegExp(
          `^${pieces.map((part) => translations[part] ?? part).join('')}$`,
        );
        expect(parseGlob(pieces.join('')).matches(text)).toBe(expression.test(text));
      }),
      { numRuns: 500 },
    );
  });
});
