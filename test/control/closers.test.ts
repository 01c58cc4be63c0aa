import { describe, expect, it } from '@jest/globals';
import { Closers } from '../../src/control/closers.ts';

describe('what was opened', () => {
  it('is closed in the opposite order, once', async () => {
    const closed: string[] = [];
    const closers = new Closers();
    closers.add(() => void closed.push('first'));
    closers.add(async () => void closed.push('second'));

    await closers.run();
    await closers.run();

    expect(closed).toEqual(['second', 'first']);
  });

  it('is closed to the end also where one fails, and then says so', async () => {
    const closed: string[] = [];
    const closers = new Closers();
    closers.add(() => void closed.push('first'));
    closers.add(() => Promise.reject(new Error('does not close')));

    await expect(closers.run()).rejects.toThrow('does not close');
    expect(closed).toEqual(['first']);
  });
});
