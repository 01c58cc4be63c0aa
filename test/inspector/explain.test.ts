import { describe, expect, it } from '@jest/globals';
import { ERRORS } from '../../src/core/errors.ts';
import { pageModule } from '../support/inspector-page.ts';
import type { Json } from '../support/test-gateway.ts';

const { Scenario } = await pageModule('scenario');
const { DEFAULT_SETUP } = await pageModule('scenario-link');
const { explain, explainAnswer } = await pageModule('explain');

async function explained(setup: object, ...actions: readonly (readonly string[])[]): Promise<Json> {
  const { view } = await Scenario.start({ ...DEFAULT_SETUP, ...setup }, actions);
  return { ...explain(view), answer: view.answers[0] && explainAnswer(view.answers[0]) };
}

function uses(explanation: Json): readonly string[] {
  return explanation.backends.map(({ name, use }: Json) => `${name} ${use.word}: ${use.why}`);
}

describe('the words for what happens to a request now', () => {
  it('say how far the soft limit is while all is normal', async () => {
    const words = await explained({}, ['spend', '12.5']);
    expect(words).toMatchObject({
      tone: 'good',
      verdict: 'Requests are served by the best backend, local or cloud.',
      why: [
        'In the billing month 2026-11, $12.50 of $100.00 is spent: 12.5 %.',
        'That is below the soft limit of $75.00 (75 % of the limit).',
        'At the limit the action is "block_cloud": cloud backends are no longer used, local ones are.',
      ],
    });
    expect(words.changes[0]).toMatch(/^\$62\.50 more spending leads to the soft limit\..*\$87\.50/);
    expect(words.changes[1]).toBe(
      'At 1 December 2026, 00:00 UTC the next billing month begins with nothing spent. That is in 20 days.',
    );
  });

  it('say who goes first when money is short, and which limit would end it', async () => {
    const words = await explained({}, ['use', '80']);
    expect(words.tone).toBe('warning');
    expect(words.verdict).toContain('Local backends go first');
    expect(words.changes).toContain('With a limit above $106.67 it would be Normal again.');
    expect(uses(words)).toEqual([
      'local first: money is short, and it is local',
      'cloud last: only where no local backend can serve',
    ]);
    // The limit that is named is a true one.
    expect((await explained({}, ['use', '80'], ['limit', '106.67'])).tone).toBe('good');
    expect((await explained({}, ['use', '80'], ['limit', '106.66'])).tone).toBe('warning');
  });

  it('say what is refused and how it ends when cloud backends are blocked', async () => {
    const words = await explained({}, ['use', '100'], ['request', 'gpt-4-turbo', '1']);
    expect(words.tone).toBe('error');
    expect(words.verdict).toContain('refused with budget_exhausted');
    expect(words.why).toContain('That has reached the limit of $100.00.');
    expect(words.changes[0]).toContain('A limit above $100.00 ends the hard limit at once');
    expect(words.changes[1]).toContain('hard_limit_action = "warn"');
    expect(uses(words)).toEqual([
      'local used: the budget blocks cloud backends only',
      'cloud blocked: by the budget: block_cloud',
    ]);
    expect(words.answer).toMatchObject({ tone: 'error', title: '503 budget_exhausted' });
    expect(words.answer.text).toContain('"block_cloud" stops cloud backends');
  });

  it('say why a request is refused although the limit is not reached', async () => {
    const words = await explained({}, ['spend', '99.95'], ['request', 'gpt-4-turbo', '0.06']);
    expect(words.why[1]).toBe(
      'That is below the limit, but at $99.95 an ordinary request was refused although no other was in flight: the rest is too small to be used.',
    );
  });

  it('say that everything is refused, and what would let local backends serve', async () => {
    const words = await explained({ action: 'block_all' }, ['use', '100']);
    expect(words.verdict).toBe(
      'Every request is refused with budget_exhausted: the budget is used up.',
    );
    expect(words.changes.join(' ')).toContain(
      'With hard_limit_action = "block_cloud" local backends would serve.',
    );
    expect(uses(words).every((use) => use.includes('blocked: by the budget: block_all'))).toBe(
      true,
    );
  });

  it('say that nothing is refused where the action is to warn', async () => {
    const words = await explained({ action: 'warn' }, ['use', '120']);
    expect(words.verdict).toContain('Requests are served, although the budget is used up');
    expect(words.changes.join(' ')).not.toContain('nothing would be refused');
  });

  it('tell a backend that is down from one that is blocked', async () => {
    const words = await explained({}, ['down', 'cloud']);
    expect(uses(words)[1]).toBe('cloud not used: unhealthy: connection refused');
    expect(words.changes.at(-1)).toContain('cloud is used again when its probes succeed');
    const none = await explained({}, ['down', 'cloud'], ['down', 'local']);
    expect(none).toMatchObject({
      tone: 'error',
      verdict: 'Every request is refused with 503 no_available_backend: no backend is healthy.',
    });
  });

  it('say that there is no budget', async () => {
    const words = await explained({ limit: null }, ['spend', '3']);
    expect(words).toMatchObject({ tone: 'plain', changes: [] });
    expect(words.verdict).toContain('No budget is configured');
    expect(words.why).toEqual([
      '$3.00 was spent in 2026-11. Without a limit there is nothing to compare it with.',
    ]);
  });

  it('count holds and suspense where there are some', async () => {
    const { view } = await Scenario.start(DEFAULT_SETUP);
    const totals = { ...view.totals, held: 2_000_000_000, openHolds: 3, suspense: 1_000_000_000 };
    const { why } = explain({ ...view, totals });
    expect(why.join(' ')).toContain('$2.00 more is set aside for 3 requests in flight');
    expect(why.join(' ')).toContain('$1.00 of the spending is in suspense');
  });
});

describe('the words for an answer', () => {
  const refused = {
    status: 503,
    message: null,
    backend: null,
    backendKind: null,
    reason: null,
    model: 'm',
    modelServed: null,
    costNano: 0,
  };

  it.each(
    Object.keys(ERRORS).filter(
      (code) => !['not_found', 'method_not_allowed', 'internal_error'].includes(code),
    ),
  )('explain %s also where the message was not kept', (code) => {
    expect(explainAnswer({ ...refused, code }).text).not.toBe('');
  });

  it('name the backend, the reason and the cost of what was served', () => {
    const served = {
      ...refused,
      status: 200,
      code: null,
      backend: 'local',
      backendKind: 'local',
      reason: 'budget-soft-limit',
      modelServed: 'llama3',
    };
    expect(explainAnswer(served)).toMatchObject({
      tone: 'good',
      title: '200 by local (local) with llama3',
      text: 'money is short, so a local backend went first; it cost $0.00',
    });
    expect(explainAnswer({ ...refused, status: 499, code: null }).title).toBe('499');
  });
});
