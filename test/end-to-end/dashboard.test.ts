import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import {
  startTestGateway,
  TWO_BACKENDS,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

let nexus: TestGateway;
afterEach(() => nexus.stop());

/** One frame, as a dashboard that was just opened gets it. */
async function frame(): Promise<Json> {
  const leave = new AbortController();
  const response = await fetch(`${nexus.url}/dashboard/events`, { signal: leave.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('\n\n')) text += (await reader?.read())?.value ?? '\n\n';
  leave.abort();
  return JSON.parse(text.slice(text.indexOf('{'), text.indexOf('\n\n')));
}

const SLOW = `
[[backends]]
name = "slow"
type = "simulated"
kind = "cloud"
models = ["slow-model"]
[backends.prices."*"]
input = 10
output = 30
[backends.simulation]
tokens_per_second = 40
output_tokens = 30
`;

describe('the dashboard of a running gateway', () => {
  it('shows what the ledger says of the month, and the status over it', async () => {
    nexus = await startTestGateway(
      `${TWO_BACKENDS}[routing.budget]\nmonthly_limit_usd = 0.0012\nsoft_limit_percent = 50\n`,
    );
    await nexus.chat('gpt-4-turbo', 'Hello');
    await nexus.post('/admin/clock', { to: '2026-11-11T09:00:00Z' });
    await nexus.chat('gpt-4-turbo', 'Hello');
    const { month, stats, posture, inspector, in_flight: inFlight } = await frame();

    expect(stats.budget.status).toBe('SoftLimit');
    expect([posture, inspector, inFlight]).toEqual([
      'preferLocal',
      true,
      { total: 0, requests: [] },
    ]);
    expect(month).toMatchObject({
      month: '2026-11',
      is_complete: true,
      not_itemised_usd: 0,
      bands: [
        { status: 'Normal', from_ms: Date.parse('2026-11-01T00:00:00Z') },
        { status: 'SoftLimit', from_ms: Date.parse('2026-11-10T12:00:00Z') },
      ],
      by_model: [
        { name: 'gpt-4-turbo', cost_usd: stats.budget.current_spending_usd, charges: 1 },
        { name: 'llama3', cost_usd: 0, charges: 1 },
      ],
      by_backend: [
        { name: 'cloud', kind: 'cloud', charges: 1 },
        { name: 'local', kind: 'local', cost_usd: 0, charges: 1 },
      ],
      by_day: [
        { name: '2026-11-10', charges: 1 },
        { name: '2026-11-11', charges: 1 },
      ],
    });
  });

  it('shows a request while it runs, with its route reason and what is held for it', async () => {
    nexus = await startTestGateway(
      `${TWO_BACKENDS}${SLOW}[routing.budget]\nmonthly_limit_usd = 1\n`,
    );
    const answer = await nexus.chat('slow-model', 'Hello', { stream: true, max_tokens: 100 });
    const during = await frame();

    expect(during.in_flight).toEqual({
      total: 1,
      requests: [
        {
          id: answer.headers.get('x-nexus-request-id'),
          model_requested: 'slow-model',
          model: 'slow-model',
          backend: 'slow',
          backend_type: 'cloud',
          route_reason: 'capability-match',
          attempt: 1,
          stream: true,
          held_usd: during.stats.budget.held_usd,
          seconds: 0,
        },
      ],
    });
    expect(during.stats.budget.held_usd).toBeGreaterThan(0.003);
    await answer.text();
    await eventually(async () => {
      expect((await frame()).in_flight).toEqual({ total: 0, requests: [] });
    });
  });

  it('works without a budget', async () => {
    nexus = await startTestGateway(TWO_BACKENDS);
    await nexus.chat('gpt-4-turbo', 'Hello');
    const { month, stats } = await frame();

    expect(stats).not.toHaveProperty('budget');
    expect(month).toMatchObject({ month: '2026-11', bands: [], by_model: [{ charges: 1 }] });
  });
});
