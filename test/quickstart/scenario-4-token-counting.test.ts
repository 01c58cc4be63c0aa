import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { NotFoundError } from 'openai';
import { startQuickstart, type Quickstart } from '../support/quickstart.ts';
import { clientOf } from '../support/test-gateway.ts';

const FOX = 'The quick brown fox jumps over the lazy dog';

let nexus: Quickstart;
beforeAll(async () => {
  nexus = await startQuickstart('quickstart-scenario-4.toml');
});
afterAll(() => nexus.stop());

it('counts each request once, in the tier of its model, also one for a model that nobody serves', async () => {
  await nexus.loop(1, FOX, 'gpt-4-turbo');
  await nexus.loop(1, FOX, 'claude-3-opus-20240229');
  await expect(nexus.loop(1, FOX, 'unknown-model-v1')).rejects.toThrow(NotFoundError);

  // The quickstart reads these from the second listener.
  const metrics = clientOf(nexus.gateway.metricsUrl ?? '');
  expect(
    await metrics.metric('nexus_token_count_tier_total{tier="exact",model="gpt_4_turbo"}'),
  ).toBe(1);
  expect(
    await metrics.metric(
      'nexus_token_count_tier_total{tier="approximation",model="claude_3_opus_20240229"}',
    ),
  ).toBe(1);
  expect(
    await metrics.metric('nexus_token_count_tier_total{tier="heuristic",model="unknown_model_v1"}'),
  ).toBe(1);
  expect(
    await metrics.metric(
      'nexus_token_count_duration_seconds_count{tier="exact",model="gpt_4_turbo"}',
    ),
  ).toBe(1);
});

it('serves nothing but metrics on the second listener', async () => {
  const metrics = clientOf(nexus.gateway.metricsUrl ?? '');
  expect((await metrics.get('/v1/stats')).status).toBe(404);
});
