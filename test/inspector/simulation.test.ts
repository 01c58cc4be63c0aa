import { describe, expect, it } from '@jest/globals';
import { pageModule } from '../support/inspector-page.ts';
import type { Json } from '../support/test-gateway.ts';

const { Scenario, describeAction, setupFrom } = await pageModule('scenario');
const { DEFAULT_SETUP } = await pageModule('scenario-link');

async function play(...actions: readonly (readonly string[])[]): Promise<Json> {
  return await Scenario.start(DEFAULT_SETUP, actions);
}

function stateOf(view: Json, id: string): unknown {
  return view.actors.find((actor: Json) => actor.id === id).state;
}

/** What was recorded as being of note in the step that is shown. */
function newsOf(scenario: Json): readonly string[] {
  const before = Math.max(0, ...(scenario.viewBefore?.records ?? []).map(({ seq }: Json) => seq));
  return scenario.view.records
    .filter(({ seq, isOfNote }: Json) => seq > before && isOfNote)
    .map(({ actor, event, to }: Json) => `${actor} ${event.type} ${JSON.stringify(to)}`);
}

describe('a simulation', () => {
  it('begins with every actor of production, at rest', async () => {
    const scenario = await play();
    const { view } = scenario;
    expect(view.actors.map(({ id }: Json) => id)).toEqual([
      'nexus',
      'month-clock',
      'scheduler-reconciler',
      'budget-reconciler',
      'health.local',
      'health.cloud',
    ]);
    expect(stateOf(view, 'budget-reconciler')).toBe('normal');
    expect(stateOf(view, 'health.cloud')).toBe('healthy');
    expect(view).toMatchObject({ posture: 'open', totals: { settled: 0 }, answers: [] });
  });

  it('goes through Normal, SoftLimit and HardLimit and into the next month', async () => {
    const scenario = await play(['spend', '74.999999999']);
    expect(stateOf(scenario.view, 'budget-reconciler')).toBe('normal');
    await scenario.do(['spend', '0.000000001']);
    expect(scenario.view).toMatchObject({
      posture: 'preferLocal',
      budget: { status: 'SoftLimit' },
    });
    expect(newsOf(scenario)).toEqual([
      'budget-reconciler totals.changed "softLimit"',
      'scheduler-reconciler budget status changed "preferLocal"',
    ]);
    await scenario.do(['spend', '25']);
    expect(scenario.view).toMatchObject({ posture: 'localOnly', budget: { status: 'HardLimit' } });
    await scenario.do(['month']);
    expect(scenario.view).toMatchObject({
      posture: 'open',
      budget: { status: 'Normal', billingMonth: '2026-12' },
      totals: { settled: 0, month: '2026-12' },
      nowMs: Date.parse('2026-12-01T00:00:00Z'),
    });
    expect(newsOf(scenario)).toEqual([
      'month-clock clock.ticked "withinMonth"',
      'budget-reconciler month.turned "normal"',
      'scheduler-reconciler budget status changed "open"',
    ]);
  });

  it('turns each month once when the clock jumps over several', async () => {
    const scenario = await play(['spend', '90'], ['jump', '2027-02-10T00:00:00Z']);
    const turns = scenario.view.records.filter(({ announced }: Json) =>
      announced.includes('month turned'),
    );
    expect(turns).toHaveLength(3);
    expect(scenario.view.budget.billingMonth).toBe('2027-02');
  });

  it('opens no month again when the clock goes back', async () => {
    const scenario = await play(['month'], ['spend', '5'], ['jump', '2026-11-20T00:00:00Z']);
    expect(scenario.view).toMatchObject({
      nowMs: Date.parse('2026-11-20T00:00:00Z'),
      budget: { billingMonth: '2026-12' },
      totals: { settled: 5_000_000_000 },
    });
  });

  it('routes and admits requests as the gateway does', async () => {
    const scenario = await play(
      ['request', 'mixtral', '0.50'],
      ['use', '80'],
      ['request', 'mixtral', '0.50'],
      ['request', 'gpt-4-turbo', '19'],
      ['request', 'gpt-4-turbo', '19'],
      ['request', 'gpt-4-turbo', '0.99995'],
      ['request', 'gpt-4-turbo', '0.01'],
      ['request', 'llama3', '1'],
      ['request', 'unheard-of', '1'],
    );
    const answers = scenario.view.answers.toReversed();
    expect(
      answers.map(({ backend, code, reason }: Json) => (backend && `${backend} ${reason}`) || code),
    ).toEqual([
      'local capability-match',
      'local budget-soft-limit',
      'cloud capability-match',
      'budget_exhausted',
      'cloud capability-match',
      'budget_exhausted',
      'local capability-match',
      'model_not_found',
    ]);
    expect(answers[3].message).toContain('would cost at least 19 USD');
    // The dear one that does not fit closes nothing; the ordinary one that does not fit does.
    scenario.goTo(5);
    expect(scenario.view.budget.status).toBe('SoftLimit');
    scenario.goTo(7);
    expect(scenario.view.budget.status).toBe('HardLimit');
    expect(newsOf(scenario)[0]).toBe('budget-reconciler nothing fits "hardLimit"');
  });

  it('refuses nothing for money where the action is to warn', async () => {
    const scenario = await play(
      ['action', 'warn'],
      ['use', '150'],
      ['request', 'gpt-4-turbo', '9'],
    );
    expect(scenario.view).toMatchObject({
      posture: 'preferLocal',
      answers: [{ status: 200, backend: 'cloud' }],
      totals: { settled: 159_000_000_000 },
    });
  });

  it('ends a hard limit by another limit, and moves it by another percentage', async () => {
    const scenario = await play(['use', '100'], ['limit', '200'], ['soft', '50']);
    expect(scenario.view.budget.status).toBe('SoftLimit');
    scenario.goTo(2);
    expect(scenario.view.budget.status).toBe('Normal');
    expect(newsOf(scenario)[0]).toBe('budget-reconciler budget.changed "normal"');
  });

  it('takes a backend down by probes that fail, and back by probes that succeed', async () => {
    const scenario = await play(['down', 'local'], ['request', 'llama3', '1'], ['up', 'local']);
    scenario.goTo(2);
    expect(scenario.view.backends[0]).toMatchObject({
      health: 'unhealthy',
      healthReason: 'connection refused',
    });
    expect(scenario.view.answers[0]).toMatchObject({ status: 503, code: 'no_available_backend' });
    scenario.goTo(3);
    expect(stateOf(scenario.view, 'health.local')).toBe('healthy');
  });

  it('lives without a budget', async () => {
    const scenario = await Scenario.start({ ...DEFAULT_SETUP, limit: null });
    await scenario.do(['spend', '5']);
    await scenario.do(['month']);
    expect(scenario.view).toMatchObject({ budget: null, posture: 'open', totals: { settled: 0 } });
    await expect(scenario.do(['limit', '10'])).rejects.toThrow('There is no budget here');
  });

  it('says what is wrong with an action, and leaves everything as it was', async () => {
    const scenario = await play(['spend', '10']);
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [['spend', 'ten'], 'Write an amount such as 12.50'],
      [['limit', '0'], 'A limit is above 0'],
      [['soft', '101'], 'The soft limit is a number from 0.01 to 100'],
      [['use', ''], 'The utilisation is a number'],
      [['action', 'explode'], 'warn, block_cloud or block_all'],
      [['jump', 'someday'], '"someday" is not a date'],
      [['jump', '2040-01-01'], 'more than five years'],
      [['down', 'nobody'], 'There is no backend named "nobody"'],
      [['constructor'], 'Nobody knows how to "constructor"'],
    ];
    for (const [action, words] of wrong) {
      await expect(scenario.do(action)).rejects.toThrow(words);
      expect(scenario.view.totals.settled).toBe(10_000_000_000);
    }
    expect(scenario.actions).toEqual([['spend', '10']]);
    await scenario.do(['spend', '1']);
    expect(scenario.view.totals.settled).toBe(11_000_000_000);
  });
});

describe('steps in time', () => {
  it('show again what was to be seen, and forget what came after when something else is done', async () => {
    const scenario = await play(['spend', '80'], ['spend', '20'], ['month']);
    const last = scenario.view;
    scenario.goTo(1);
    expect(scenario.view.budget.status).toBe('SoftLimit');
    scenario.goTo(99);
    expect(scenario.view).toBe(last);
    scenario.goTo(1);
    await scenario.do(['spend', '1']);
    expect(scenario.actions).toEqual([
      ['spend', '80'],
      ['spend', '1'],
    ]);
    expect(scenario.view.totals.settled).toBe(81_000_000_000);
    scenario.goTo(-5);
    expect(scenario.at).toBe(0);
  });

  it('come to the same whenever they are played', async () => {
    const actions = [
      ['spend', '80'],
      ['down', 'cloud'],
      ['day'],
      ['request', 'mixtral', '2'],
      ['month'],
      ['up', 'cloud'],
    ];
    const [one, two] = await Promise.all([play(...actions), play(...actions)]);
    expect(one.view).toEqual(two.view);
  });

  it('have words', async () => {
    const words = [
      ['spend', '1234.5'],
      ['use', '80'],
      ['request', 'gpt-4-turbo', '0.5'],
      ['day'],
      ['month'],
      ['jump', '2026-12-24T00:00:00Z'],
      ['limit', '9'],
      ['soft', '50'],
      ['action', 'block_all'],
      ['down', 'a b'],
      ['up', 'a b'],
    ].map((action) => describeAction(action, 'UTC'));
    expect(words).toEqual([
      'Spend $1,234.50',
      'Set utilisation to 80 %',
      'Request to gpt-4-turbo, $0.50 in the cloud',
      'Next day',
      'Next month',
      'Jump to 24 December 2026, 00:00 UTC',
      'Limit $9.00',
      'Soft limit 50 %',
      'At the limit: block_all',
      'a b goes down',
      'a b comes back',
    ]);
  });
});

describe('a simulation from where a gateway stands', () => {
  it('begins with its budget, its spending and its backends, and with those down that are down', async () => {
    const there = await play(['use', '81'], ['soft', '60'], ['down', 'cloud']);
    const { setup, actions } = setupFrom(there.view);
    expect(setup).toMatchObject({ limit: '100', soft: 60, spent: '81', action: 'block_cloud' });
    const here = await Scenario.start(setup, actions);
    expect(here.view.backends).toEqual(there.view.backends);
    expect(here.view.budget).toEqual(there.view.budget);
  });
});
