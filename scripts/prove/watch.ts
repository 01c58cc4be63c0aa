/**
 * Eyes on the engine of one process. Methods of the production objects are called as ever; the checks are told what was
 * called and what came of it. Nothing that the engine does is changed by being watched.
 */
import type { ControlPlane } from '../../src/core/control.ts';
import type { Facts } from '../../src/core/facts.ts';
import type { Charge } from '../../src/core/ledger.ts';
import type { OpenLedger } from '../../src/ledger/ledger.ts';
import type { Router } from '../../src/routing/router.ts';
import type { AdmissionCheck } from './admission-check.ts';
import type { ControlCheck } from './control-check.ts';
import type { Ground } from './life.ts';

export interface Watched {
  readonly isAlive: boolean;
  /** The ledger is told something by the world, not by the request path. */
  readonly isToldFromOutside: boolean;
  readonly ledger: OpenLedger;
  readonly control: ControlPlane;
  readonly checks: ControlCheck;
  readonly admission: AdmissionCheck;
  readonly clock: { now(): number };
}

export function watchControl(life: Watched): void {
  const { control, checks } = life;
  const nothingFits = control.nothingFits.bind(control);
  control.nothingFits = () => {
    if (life.isAlive) checks.nothingFits();
    nothingFits();
  };
}

export function watchLedger(life: Watched, ground: Ground): void {
  const { ledger, checks, admission, clock } = life;
  const { money, verdict } = ground;
  const reserve = ledger.reserve.bind(ledger);
  ledger.reserve = (request) => {
    const result = reserve(request);
    if (!life.isAlive || result.kind !== 'held') return result;
    const { hold } = result;
    verdict.note('hold', [hold.id, hold.requestId, hold.amount, hold.month]);
    checks.lookedAtClock(clock.now());
    verdict.check(
      hold.month === checks.month,
      () => `${hold.id} belongs to ${hold.month}, not ${checks.month}`,
    );
    money.reserved(hold, checks.limits);
    if (admission.held(hold.requestId)) ground.onAdmitted();
    return result;
  };
  watchEnds(life, ground);
}

/** The checks hear of an end before the ledger does: its listeners then find them up to date. */
function watchEnds(life: Watched, { money, verdict }: Ground): void {
  const { ledger, checks } = life;
  const ending = (how: 'settle' | 'release' | 'suspend', holdId: string, charge?: Charge): void => {
    if (!life.isAlive || life.isToldFromOutside) return;
    verdict.note(how, [holdId, charge?.amount ?? 0]);
    const record = money.books.holds.get(holdId);
    if (record === undefined) verdict.fail(`${how} of ${holdId}, which was never held`);
    else if (charge !== undefined) money.settled(record, charge);
    else if (how === 'release') money.released(record);
    else money.suspended(record);
    checks.spendingChanged();
  };
  const settle = ledger.settle.bind(ledger);
  ledger.settle = (holdId, charge, note) => {
    ending('settle', holdId, charge);
    settle(holdId, charge, note);
  };
  const release = ledger.release.bind(ledger);
  ledger.release = (holdId, note) => {
    ending('release', holdId);
    release(holdId, note);
  };
  const suspend = ledger.suspend.bind(ledger);
  ledger.suspend = (holdId, note) => {
    ending('suspend', holdId);
    suspend(holdId, note);
  };
}

export function watchedRouter(router: Router, life: Watched): Router {
  return {
    resolve: (model) => router.resolve(model),
    decide(input) {
      const decision = router.decide(input);
      const { isAlive, checks, admission, clock, ledger } = life;
      if (!isAlive) return decision;
      checks.lookedAtClock(clock.now());
      const id = 'id' in input.request ? String(input.request.id) : '';
      admission.decided(id, decision, checks, ledger.isHealthy());
      return decision;
    },
  };
}

/** Facts go where `src/main.ts` sends them, as far as they can change a decision, and to the checks. */
export function watchedFacts(life: Watched, { money, verdict, onEnded }: Ground): Facts {
  return {
    tokensCounted: () => undefined,
    attemptEnded(fact) {
      if (life.isAlive) life.control.attemptEnded(fact);
    },
    requestEnded(fact) {
      if (!life.isAlive) return;
      const { id, cost, excess, attempts } = fact;
      const tally = money.tallies.get(id) ?? { cost: 0, excess: 0, attempts: 0 };
      money.tallies.delete(id);
      verdict.check(
        cost === tally.cost && excess === tally.excess && attempts === tally.attempts,
        () =>
          `${id} is reported with ${cost}, ${excess}, ${attempts}, not ${JSON.stringify(tally)}`,
      );
      onEnded(fact);
    },
  };
}
