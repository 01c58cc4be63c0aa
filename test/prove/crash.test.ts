/** The short form of `npm run prove:crash`. */
import { expect, it, jest } from '@jest/globals';
import { runCrashes } from '../../scripts/crash/run-crashes.ts';

it('loses no entry and no cent when it is killed in the middle of its work, again and again', async () => {
  const seed = jest.getSeed() >>> 0;
  const report = await runCrashes({ seed, kills: 8, readyWithinMs: 30_000 });
  // Seen only when something is wrong; the seed is part of it.
  expect(report).toMatchObject({ seed, violations: [], entriesLost: 0 });
  expect(report.entries).toBeGreaterThan(0);
  expect(report.settled + report.suspense).toBeGreaterThanOrEqual(report.billed);
}, 240_000);
