/** The short form of `npm run soak`. */
import { expect, it, jest } from '@jest/globals';
import { runSoak } from '../../scripts/soak/run-soak.ts';

it('ends a load of leaving clients and failing providers with nothing held, drifted or lost', async () => {
  const seed = jest.getSeed() >>> 0 || 1;
  const report = await runSoak({ seed, minutes: 0.1, perSecond: 40, onProgress: () => undefined });
  // Seen only when something is wrong; the seed is part of it.
  expect(report).toMatchObject({ seed, violations: [], held_usd_at_end: '0' });
  expect(report.requests).toBeGreaterThan(20);
}, 120_000);
