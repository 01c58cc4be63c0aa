import { describe, expect, it } from '@jest/globals';
import { createSystemClock } from '../../src/control/system-clock.ts';

describe('the system clock', () => {
  it('tells wall time and a time that never goes back', () => {
    const clock = createSystemClock();
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1000);
    const before = clock.monotonicMs();
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(before);
  });

  it('waits for a long delay in hops', async () => {
    const clock = createSystemClock(4);
    const startedMs = clock.monotonicMs();
    await new Promise<void>((resolve) => {
      // The clock's own timers do not keep a process alive, so this test must.
      const alive = setTimeout(() => {}, 10_000);
      clock.setTimeout(() => {
        clearTimeout(alive);
        resolve();
      }, 30);
    });
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(29);
  });

  it('does not fire a delay above 24.8 days at once, as a bare timer would', async () => {
    const clock = createSystemClock();
    let isFired = false;
    const handle = clock.setTimeout(
      () => {
        isFired = true;
      },
      31 * 24 * 60 * 60 * 1000,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.clearTimeout(handle);
    expect(isFired).toBe(false);
  });

  it('does not fire a timer that was cleared between two hops', async () => {
    const clock = createSystemClock(2);
    let isFired = false;
    const handle = clock.setTimeout(() => {
      isFired = true;
    }, 12);
    await new Promise<void>((resolve) => {
      setTimeout(() => {
        clock.clearTimeout(handle);
        clock.clearTimeout(undefined);
        setTimeout(resolve, 30);
      }, 6);
    });
    expect(isFired).toBe(false);
  });
});
