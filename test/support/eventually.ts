/** Waiting for what must come soon, with a bound that fails the test with the last reason. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 5;

/** Resolves with the first result of `look` that does not throw. Rejects with what it threw last. */
export async function eventually<Result>(
  look: () => Result | Promise<Result>,
  mostMs = 5000,
): Promise<Result> {
  const endMs = performance.now() + mostMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() >= endMs) throw error;
      await delay(POLL_MS);
    }
  }
}
