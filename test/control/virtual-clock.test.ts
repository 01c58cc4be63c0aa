import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../src/control/virtual-clock.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('a virtual clock', () => {
  it('stands still until it is moved', () => {
    const clock = new VirtualClock(5000);
    expect([clock.now(), clock.monotonicMs()]).toEqual([5000, 0]);
    clock.advance(10);
    expect([clock.now(), clock.monotonicMs()]).toEqual([5010, 10]);
    clock.advanceTo(6000);
    expect([clock.now(), clock.monotonicMs()]).toEqual([6000, 1000]);
  });

  it('fires timers in the order in which they are due, each at its own instant', () => {
    const clock = new VirtualClock(0);
    const fired: string[] = [];
    const arm = (name: string, delayMs: number): void => {
      clock.setTimeout(() => fired.push(`${name}@${clock.now()}`), delayMs);
    };
    arm('late', 30);
    arm('first', 10);
    arm('second', 10);
    arm('never', 41);
    clock.advance(40);
    expect(fired).toEqual(['first@10', 'second@10', 'late@30']);
    expect(clock.now()).toBe(40);
  });

  it('steps through timers that arm timers, over delays longer than 24.8 days', () => {
    const clock = new VirtualClock(0);
    const firedAt: number[] = [];
    const rearm = (): void => {
      firedAt.push(clock.now() / DAY_MS);
      clock.setTimeout(rearm, 31 * DAY_MS);
    };
    clock.setTimeout(rearm, 31 * DAY_MS);
    clock.advance(100 * DAY_MS);
    expect(firedAt).toEqual([31, 62, 93]);
  });

  it('does not fire a timer that was cleared, not even by an earlier one', () => {
    const clock = new VirtualClock(0);
    const fired: string[] = [];
    const cleared = clock.setTimeout(() => fired.push('cleared'), 5);
    clock.setTimeout(() => clock.clearTimeout(cleared), 4);
    clock.clearTimeout(undefined);
    clock.advance(10);
    expect(fired).toEqual([]);
  });

  it('lets a timer without a delay wait for a millisecond, as Node does', () => {
    const clock = new VirtualClock(0);
    let count = 0;
    const rearm = (): void => {
      count += 1;
      clock.setTimeout(rearm, 0);
    };
    clock.setTimeout(rearm, -5);
    clock.advance(0);
    expect(count).toBe(0);
    clock.advance(3);
    expect(count).toBe(3);
  });

  it('may be moved from within a timer', () => {
    const clock = new VirtualClock(0);
    const fired: number[] = [];
    clock.setTimeout(() => clock.advance(20), 10);
    clock.setTimeout(() => fired.push(clock.now()), 15);
    clock.advance(12);
    expect(fired).toEqual([15]);
    expect(clock.now()).toBe(30);
  });

  it('refuses to go back, and says where it stands', () => {
    const clock = new VirtualClock(Date.parse('2026-11-23T12:00:00Z'));
    expect(() => clock.advanceTo(Date.parse('2026-11-23T11:59:59Z'))).toThrow(
      'the clock stands at 2026-11-23T12:00:00.000Z and can not go back to 2026-11-23T11:59:59.000Z: name a later instant',
    );
    expect(() => clock.advanceTo(Number.NaN)).toThrow('can not go back to NaN');
    expect(() => clock.advance(-1)).toThrow('time moves ahead only');
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError);
    expect(clock.now()).toBe(Date.parse('2026-11-23T12:00:00Z'));
  });

  it('can have its wall set back, which fires nothing and delays nothing', () => {
    const clock = new VirtualClock(100_000);
    const fired: number[] = [];
    clock.setTimeout(() => fired.push(clock.now()), 50);
    clock.setWall(10_000);
    expect(clock.now()).toBe(10_000);
    expect(clock.monotonicMs()).toBe(0);
    clock.advance(60);
    expect(fired).toEqual([10_050]);
    expect(clock.monotonicMs()).toBe(60);
  });
});
