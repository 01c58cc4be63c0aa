import { afterEach, expect, it } from '@jest/globals';
import { APIError } from 'openai';
import { startQuickstart, type Quickstart } from '../support/quickstart.ts';
import { expectBooksToBalance } from '../support/test-gateway.ts';

let nexus: Quickstart;
afterEach(() => nexus.stop());

const ask = (model: string) =>
  nexus.openai.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Test after limit' }],
  });

/** As the loop of the quickstart does: what is refused is refused. */
async function spendAll(): Promise<void> {
  for (let i = 0; i < 200; i += 1) await ask('gpt-4-turbo').catch(() => undefined);
}

it('blocks the cloud at 100 USD, never spends a cent more, and goes on serving locally', async () => {
  nexus = await startQuickstart('quickstart-strict.toml');
  await spendAll();
  const { budget } = await nexus.getJson('/v1/stats');
  expect(budget.status).toBe('HardLimit');
  expect(budget.current_spending_usd).toBeLessThanOrEqual(100);
  // What is left pays for no further answer.
  expect(budget.current_spending_usd).toBeGreaterThan(99);
  expect(budget.hard_limit_action).toBe('BlockCloud');

  const refusal = await ask('gpt-4-turbo').catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(APIError);
  expect(refusal).toMatchObject({ status: 503, code: 'budget_exhausted' });
  const local = await ask('llama3');
  expect(local.choices[0]?.message.content).toBeTruthy();
  await expectBooksToBalance(nexus);
});

it('refuses every model with block_all', async () => {
  nexus = await startQuickstart('quickstart-strict.toml', {
    NEXUS_ROUTING__BUDGET__HARD_LIMIT_ACTION: 'block_all',
  });
  await spendAll();
  for (const model of ['gpt-4-turbo', 'llama3'])
    await expect(ask(model)).rejects.toMatchObject({ status: 503, code: 'budget_exhausted' });
  expect((await nexus.getJson('/v1/stats')).budget.hard_limit_action).toBe('BlockAll');
  await expectBooksToBalance(nexus);
});

it('warns and refuses nothing with warn, the default', async () => {
  nexus = await startQuickstart('quickstart-basic.toml');
  await spendAll();
  const { budget } = await nexus.getJson('/v1/stats');
  // From the soft limit on a local backend goes first where one can serve; here nothing else can.
  expect(budget.hard_limit_action).toBe('Warn');
  await expect(ask('gpt-4-turbo')).resolves.toBeTruthy();
  await expect(ask('llama3')).resolves.toBeTruthy();
  await expectBooksToBalance(nexus);
});
