/** What goes wrong beside the traffic, each by its share of the steps. */
import type { Charge } from '../../src/core/ledger.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import type { HoldRecord } from './books.ts';
import { nanoOf, usdText } from './price.ts';
import type { Disturbances } from './profile.ts';
import { changeLimits } from './time.ts';
import type { World } from './world.ts';

const DAY_MS = 86_400_000;
const STEPS_TO_DRAIN = 200;

type Disturbance = (world: World) => void | Promise<void>;

const TABLE: Readonly<Record<Exclude<keyof Disturbances, 'slowCount'>, Disturbance>> = {
  clientLeaves: ({ life, chance }) => life.responses[chance.below(life.responses.length)]?.leave(),
  clientSlow({ life, chance }) {
    const response = life.responses[chance.below(life.responses.length)];
    if (response !== undefined) response.isSlow = true;
  },
  crash: (world) => world.crashed(),
  crashInStore({ disk, chance }) {
    disk.death = chance.happens(0.5) ? 'before it is stored' : 'after it is stored';
  },
  stop,
  diskFault,
  clockBack: (world) => jump(world, -world.chance.acrossScales(1, 60 * DAY_MS)),
  clockAhead: (world) => jump(world, world.chance.acrossScales(1, 3 * DAY_MS)),
  idleHours: ({ life, chance }) => life.clock.advance(chance.acrossScales(1000, DAY_MS / 2)),
  limitChange: changeLimits,
  repeatedEnd,
  lateTruth,
  conflictingTruth,
  reconcile: ({ life }) => life.control.reconcile(),
  rest: (world) => world.rest(),
};

/** Chooses the disturbance of a step, or none. */
export function disturbanceTable(shares: Disturbances): (world: World) => Disturbance | null {
  const names = Object.keys(TABLE) as (keyof typeof TABLE)[];
  const active = names.filter((name) => shares[name] > 0);
  const all = active.reduce((sum, name) => sum + shares[name], 0);
  return (world) => {
    const { chance, verdict } = world;
    let dice = chance.next();
    if (dice >= all) return null;
    const name = active.find((candidate) => (dice -= shares[candidate]) < 0);
    if (name === undefined) return null;
    if (world.isStopping && (name === 'stop' || name === 'rest')) return null;
    verdict.note('disturbance', name);
    return TABLE[name];
  };
}

function jump({ life, counts, verdict }: World, byMs: number): void {
  counts.clock_jumps += 1;
  life.clock.setWall(life.clock.now() + byMs);
  verdict.note('clock', new Date(life.clock.now()).toISOString());
}

function diskFault(world: World): void {
  const { disk, chance, verdict } = world;
  if (disk.fault !== 'none' || disk.isUnreadable) {
    disk.mend();
    return;
  }
  disk.isUnreadable = chance.happens(0.3);
  disk.fault = chance.pick(['refuses', 'loses replies', 'none']);
  if (disk.fault === 'none') disk.isUnreadable = true;
  disk.failuresLeft = chance.pick([1, 1, 2, 5, Number.POSITIVE_INFINITY]);
  if (disk.fault === 'none') disk.failuresLeft = Number.POSITIVE_INFINITY;
  verdict.note('disk', [disk.fault, disk.isUnreadable, disk.failuresLeft]);
  if (disk.isUnreadable) tellForgotten(world);
}

/** A stop in good order: no new requests, those in flight may end, then they are given up, and the books are closed. */
async function stop(world: World): Promise<void> {
  const { life, counts, verdict } = world;
  counts.stops += 1;
  life.isOpen = false;
  world.isStopping = true;
  const isDone = (): boolean =>
    world.isBroken || world.life !== life || life.responses.length === 0;
  const most = world.chance.below(STEPS_TO_DRAIN);
  for (let steps = 0; steps < most && !isDone(); steps += 1) await world.step();
  if (world.isBroken || world.life !== life) return;
  life.openCalls.giveUp();
  for (let steps = 0; steps < STEPS_TO_DRAIN && !isDone(); steps += 1) await world.step();
  if (world.isBroken || world.life !== life) return;
  verdict.note('stop');
  await life.control.stop();
  const closed = life.ledger.close();
  // What the doors of the gateway still hold by now reaches nobody.
  life.die();
  await closed.catch((error: unknown) => verdict.note('stop', String(error)));
  world.restart(world.chance.acrossScales(1, DAY_MS));
}

/** A hold that was begun some time ago: mostly a young one. */
function pick({ chance, money }: World): HoldRecord | undefined {
  const { all } = money.books;
  const from = Math.max(0, all.length - (chance.happens(0.9) ? 50 : 3000));
  return all[from + chance.below(all.length - from)];
}

function chargeOf(pico: number | string): Charge {
  return {
    amount: nanoOf(Number(pico)),
    exactPico: String(pico),
    basis: 'provider',
    // So that the charge can be made again from its evidence.
    usage: { ...NO_USAGE, reportedCostUsd: usdText(Number(pico)) },
  };
}

/** Charges a hold that has ended, where it is certain when the ledger will book it. */
function tellAgain(world: World, record: HoldRecord, charge: Charge): void {
  const { life, disk, money, counts, verdict } = world;
  const isRemembered = record.endedInLife === money.books.life;
  const mustAsk = !isRemembered && disk.isUnreadable;
  // Whether a month was closed meanwhile, and its suspense spent and remembered, is not followed here.
  if (mustAsk && record.month !== life.checks.month) return;
  if (!isRemembered && !mustAsk && !life.ledger.isHealthy()) return;
  counts.told_again += 1;
  // One that was deferred may be booked at any later time; suspense of an ended month is spent already.
  const isSame = record.fate === 'charged' && record.exactPico === charge.exactPico;
  life.mayConflict ||= mustAsk || !isSame;
  verdict.note('told again', [record.id, record.fate, charge.exactPico]);
  life.fromOutside((ledger) => ledger.settle(record.id, charge));
  money.chargedAgain(record, charge, mustAsk);
  life.checks.spendingChanged();
}

function repeatedEnd(world: World): void {
  const record = pick(world);
  if (record === undefined || record.fate === 'open') return;
  const { chance, life } = world;
  if (record.fate === 'charged' && chance.happens(0.6))
    tellAgain(world, record, chargeOf(record.exactPico));
  else if (chance.happens(0.5)) life.fromOutside((ledger) => ledger.release(record.id, 'again'));
  else life.fromOutside((ledger) => ledger.suspend(record.id, 'again'));
}

/** The provider's records tell what became of a call whose outcome was unknown. */
function lateTruth(world: World): void {
  const { all } = world.money.books;
  const record = all.findLast(({ fate }) => fate === 'suspended') ?? pick(world);
  if (record?.fate === 'suspended')
    tellAgain(world, record, chargeOf(record.call?.billedPico ?? 0));
}

/** A bill is corrected for which the ledger would have to ask its store, which can not be read. */
function tellForgotten(world: World): void {
  const { money, life, chance } = world;
  const record = money.books.all.findLast(
    ({ fate, endedInLife, month, amount }) =>
      fate === 'charged' &&
      endedInLife !== money.books.life &&
      month === life.checks.month &&
      amount > 0,
  );
  if (record === undefined || record.call === null) return;
  const pico = Math.floor(chance.next() * record.amount * 1000);
  money.corrected(record, pico);
  tellAgain(world, record, chargeOf(pico));
}

/** The provider corrects a bill, sometimes to the very nano-dollar at which the status changes. */
function conflictingTruth(world: World): void {
  const record = pick(world);
  if (record?.fate !== 'charged' || record.call === null || record.amount === 0) return;
  const { chance, life, limits, money } = world;
  let pico = Math.floor(chance.next() * record.amount * 1500);
  if (record.month === life.checks.month && chance.happens(0.5)) {
    const soft = Math.ceil((limits.limit * Math.round(limits.softPercent * 10)) / 1000);
    const target = chance.pick([soft, soft - 1, limits.limit, limits.limit - 1]);
    const nano = record.charged + target - money.books.spendingIn(record.month);
    if (nano >= 0) pico = nano * 1000;
  }
  money.corrected(record, pico);
  tellAgain(world, record, chargeOf(pico));
}
