/** The short form of `npm run fuzz`. */
import { expect, it, jest } from '@jest/globals';
import { runFuzz } from '../../scripts/fuzz/run-fuzz.ts';

it('answers nonsense on every route, and hostile backends, with errors in the words of the route', async () => {
  const seed = jest.getSeed() >>> 0;
  // Twice the processor time of the command itself: the suite is measured, and shares its machine.
  const report = await runFuzz({ seed, requests: 400, only: null, loopWorkMs: 1000 });
  // Seen only when something is wrong; the seed is part of it.
  expect(report).toMatchObject({ seed, violations: [] });
  expect(report.answers).toBeGreaterThan(350);
  expect(report.hostileCalls).toBeGreaterThan(20);
}, 240_000);
