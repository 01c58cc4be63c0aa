/** How time passes in a world: mostly in milliseconds, sometimes by a timeout, and to the end of a month. */
import type { World } from './world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** `isIdle`: nothing but time can bring the world on. */
export function passTime(world: World, isIdle: boolean): void {
  const { chance, life } = world;
  const dice = chance.next();
  let ms = chance.between(1, 20);
  // A probe at rest must not be lost by a timeout.
  if (world.isProbing && life.ledger.isHealthy()) ms = 1;
  else if (isIdle || dice < 0.02) ms = chance.between(1000, 90_000);
  else if (dice < 0.1 || !life.ledger.isHealthy()) ms = chance.between(100, 3000);
  world.verdict.note('time', ms);
  life.clock.advance(ms);
  if (world.disk.failuresLeft === Number.POSITIVE_INFINITY && chance.happens(0.1))
    world.disk.mend();
}

/** Every backend is down: until one has been asked how it is, there is nothing to see. */
export function waitForProbe(world: World): void {
  world.unreachableInARow = 0;
  const { intervalSeconds } = world.profile.settings.healthCheck;
  world.verdict.note('wait for a probe');
  world.life.clock.advance(intervalSeconds * 1000);
}

/** The month is used up, or has seen enough: it ends, or the limit is another one. */
export function moveOn(world: World): void {
  const { chance, life } = world;
  const isRefusing = world.refusalsInARow > 0;
  world.refusalsInARow = 0;
  if (isRefusing && chance.happens(0.3)) {
    changeLimits(world);
    return;
  }
  world.holdsInMonth = 0;
  world.counts.clock_jumps += 1;
  const { endsAtMs } = life.control.period();
  const dice = chance.next();
  const { clock } = life;
  if (dice < 0.1) clock.setWall(endsAtMs);
  else if (dice < 0.7) clock.setWall(endsAtMs - 1 - chance.below(60));
  else if (dice < 0.85) clock.setWall(endsAtMs + chance.below(3 * DAY_MS));
  else if (dice < 0.95) clock.setWall(endsAtMs + chance.below(100 * DAY_MS));
  else if (dice < 0.96) clock.setWall(endsAtMs + chance.below(1500 * DAY_MS));
  else {
    clock.setWall(endsAtMs - HOUR_MS);
    clock.advance(HOUR_MS + chance.below(1000));
  }
  world.verdict.note('clock', new Date(clock.now()).toISOString());
}

export function changeLimits(world: World): void {
  const { chance, profile, limits } = world;
  const isNear = chance.happens(0.5);
  const limit = isNear
    ? Math.ceil(limits.limit * (0.3 + chance.next() * 1.5))
    : Math.ceil(profile.ordinaryHold * chance.acrossScales(2, 3000));
  world.limits = {
    limit: Math.min(Math.max(1, limit), profile.ordinaryHold * 5000),
    softPercent: chance.happens(0.3) ? chance.pick([50, 75, 82.5, 100]) : limits.softPercent,
    action: chance.happens(0.1) ? chance.pick(['block_cloud', 'block_all', 'warn']) : limits.action,
  };
  world.counts.limit_changes += 1;
  world.verdict.note('limits', world.limits);
  world.life.changeLimits(world.limits);
}
