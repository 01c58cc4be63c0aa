import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startQuickstart, type Quickstart } from '../support/quickstart.ts';

let nexus: Quickstart;
beforeAll(async () => {
  nexus = await startQuickstart('quickstart-scenario-1.toml');
});
afterAll(() => nexus.stop());

it('enforces nothing without a [routing.budget] section', async () => {
  await nexus.loop(5, 'Hello');
  const { data, response } = await nexus.openai.chat.completions
    .create({ model: 'gpt-4-turbo', messages: [{ role: 'user', content: 'Hello' }] })
    .withResponse();
  expect(data.choices[0]?.message.content).toBeTruthy();
  expect([...response.headers.keys()].filter((name) => name.startsWith('x-nexus-budget'))).toEqual(
    [],
  );
  expect(response.headers.get('x-nexus-backend')).toBeTruthy();
});

it('has no budget in /v1/stats and no budget series in /metrics', async () => {
  expect(await nexus.getJson('/v1/stats')).not.toHaveProperty('budget');
  expect(await (await nexus.get('/metrics')).text()).not.toContain('nexus_budget_');
  expect((await nexus.get('/v1/budget')).status).toBe(404);
});
