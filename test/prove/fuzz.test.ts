/** The short form of `npm run fuzz`. */
import { expect, it } from '@jest/globals';
import { runFuzz } from '../../scripts/fuzz/run-fuzz.ts';

/** The same cases each time: a landing is judged by its own change, and the command takes a new seed each time. */
const SEED = 1;

it('answers nonsense on every route, and hostile backends, with errors in the words of the route', async () => {
  // Twice the processor time of the command itself: the suite is measured, and shares its machine.
  const report = await runFuzz({ seed: SEED, requests: 400, only: null, loopWorkMs: 1000 });

  expect(report.violations).toEqual([]);
  expect(report.answers).toBeGreaterThan(350);
  expect(report.hostileCalls).toBeGreaterThan(20);
}, 240_000);
