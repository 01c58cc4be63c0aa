import { describe, expect, it } from '@jest/globals';
import { hash } from 'node:crypto';
import { TextCountCache } from '../../src/metering/text-count-cache.ts';

describe('the memory of counted texts', () => {
  it('finds a text again, and not one that differs in a single character', () => {
    const cache = new TextCountCache(1_000_000);
    const text = 'some words of a message '.repeat(20);
    cache.set(text, 81);
    expect(cache.get(['some words of a message '.repeat(20)].join(''))).toBe(81);
    for (let at = 0; at < text.length; at += 7) {
      expect(cache.get(`${text.slice(0, at)}#${text.slice(at + 1)}`)).toBeUndefined();
    }
    expect(cache.get(`${text} `)).toBeUndefined();
  });

  it('keeps long texts as a digest that a short text can not stand for', () => {
    const cache = new TextCountCache(10_000);
    const long = 'x'.repeat(100_000);
    cache.set(hash('sha256', long, 'base64'), 30);
    expect(cache.get(long)).toBeUndefined();
    cache.set(long, 12_500);
    expect(cache.get('x'.repeat(100_000))).toBe(12_500);
    expect(cache.get('x'.repeat(100_001))).toBeUndefined();
  });

  it('forgets the oldest texts when its memory is full, and keeps those in use', () => {
    const cache = new TextCountCache(20_000);
    cache.set('kept', 1);
    for (let at = 0; at < 2000; at += 1) {
      cache.set(`text number ${at}`, at);
      expect(cache.get('kept')).toBe(1);
    }
    expect(cache.get('text number 0')).toBeUndefined();
    expect(cache.get('text number 1999')).toBe(1999);
  });

  it('bounds what texts with the same samples can cost', () => {
    const cache = new TextCountCache(10_000_000);
    // Every 32nd character of 1,024 is sampled; these texts differ only between them.
    const colliding = (at: number): string => `a${String(at).padStart(8, '0')}${'b'.repeat(1015)}`;
    for (let at = 0; at < 100; at += 1) cache.set(colliding(at), at);
    expect(cache.get(colliding(99))).toBe(99);
    expect(cache.get(colliding(0))).toBeUndefined();
  });
});
