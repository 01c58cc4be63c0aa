/** What must be true of a gateway at rest: nothing held, nothing lost, and what fits is served. */
import { nextTurn } from './next-turn.ts';
import { worstNano } from './price.ts';
import type { Question } from './question.ts';
import type { World } from './world.ts';

const ROT = 7;

const SMALLEST: Question = {
  model: 'small',
  stream: false,
  strict: true,
  maxTokens: 1,
  choices: 1,
  tokens: 1,
  bound: 1,
  isCountSlow: false,
};

export async function checkAtRest(world: World, isThorough: boolean): Promise<void> {
  checkBooks(world);
  if (isThorough) checkEntries(world);
  checkAudit(world, isThorough);
  if (!world.isBroken) await checkRoom(world);
}

function checkBooks({ life, verdict }: World): void {
  const { ledger, checks, load } = life;
  verdict.check(load.active === 0, () => `${load.active} requests are counted in`);
  checks.comparePast();
  for (const name of ledger.months()) {
    const { held, openHolds, suspense } = ledger.totalsOf(name);
    verdict.check(held === 0 && openHolds === 0, () => `${name} holds ${held} at rest`);
    verdict.check(
      name === checks.month || suspense === 0,
      () => `${name} is over and has ${suspense} in suspense`,
    );
  }
}

/** Hold by hold, what is stored is what happened. */
function checkEntries({ money, disk, verdict }: World): void {
  for (const { id, amount, fate, charged, excess } of money.books.all) {
    const stored = disk.holds.get(id);
    // One that was taken back leaves nothing, or a hold and its end.
    if (stored === undefined && fate === 'void') continue;
    const isAssumed =
      fate === 'suspended' && stored?.fate === 'charged' && stored.charged === amount;
    verdict.check(
      isAssumed ||
        (stored?.fate === fate && stored.charged === charged && stored.excess === excess),
      () => `${id} is ${fate} with ${charged}, and stored as ${JSON.stringify(stored)}`,
    );
  }
}

/** The audit finds nothing, and would find something. */
function checkAudit({ life, disk, verdict }: World, isThorough: boolean): void {
  const { ledger } = life;
  const { drift } = ledger.audit();
  verdict.check(drift === 0, () => `an audit found a drift of ${drift}`);
  disk.rot = ROT;
  const found = ledger.audit().drift;
  verdict.check(found === ROT, () => `an audit found ${found} where ${ROT} were wrong`);
  const rotten = isThorough ? ledger.verify() : [];
  disk.rot = 0;
  verdict.check(
    rotten.every((report) => report.drift === ROT),
    () => 'verify does not find a wrong balance',
  );
  if (!isThorough) return;
  for (const report of ledger.verify()) {
    verdict.check(
      report.drift === 0 &&
        (report.problems ?? []).length === 0 &&
        report.recomputation?.mismatches.length === 0 &&
        report.recomputation.notRecomputable === 0,
      () => `verify: ${JSON.stringify(report)}`,
    );
  }
}

/** The limit is such that the smallest request of a backend just fits, or just does not. */
function limitToTheNano(world: World): void {
  const { chance, profile, money, life, limits } = world;
  const prices = [...profile.prices.values()].map((own) => own.get('small') ?? null);
  const price = prices[chance.below(prices.length)] ?? null;
  const committed = money.books.committedIn(life.checks.month);
  const limit = committed + worstNano(price, 1, 1) - chance.below(2);
  world.limits = { ...limits, limit: Math.max(1, limit) };
  life.changeLimits(world.limits);
}

/** A request that must fit is served, and one that can not fit is refused. */
async function checkRoom(world: World): Promise<void> {
  const { life, profile, verdict } = world;
  // Backends that failed too often become healthy again by two good probes.
  await life.control.probeAll();
  await life.control.probeAll();
  life.control.noticeTime(life.clock.now());
  const { limits } = world;
  if (world.chance.happens(0.5)) limitToTheNano(world);
  const { posture, free } = life.checks;
  const fits = profile.settings.backends.some(({ name, kind }) => {
    if (posture === 'closed' || (posture === 'localOnly' && kind === 'cloud')) return false;
    const price = profile.prices.get(name)?.get('small') ?? null;
    return price === null || worstNano(price, 1, 1) <= (free ?? Number.POSITIVE_INFINITY);
  });
  world.isProbing = true;
  const response = world.ask(SMALLEST);
  await nextTurn();
  await world.comeToRest();
  world.isProbing = false;
  world.limits = limits;
  if (!world.isBroken) life.changeLimits(limits);
  const isServed = response.statusCode === 200;
  verdict.check(
    isServed === fits,
    () =>
      `at rest with ${free} free and everything ${posture}, the smallest request got ${response.statusCode}: ${String(response.last)}`,
  );
}
