/** What only the dashboard shows reaches it from a running gateway: tiers of counting, and events. */
import { afterEach, expect, it } from '@jest/globals';
import {
  startTestGateway,
  TWO_BACKENDS,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

let nexus: TestGateway;
afterEach(() => nexus.stop());

/** The frame that a dashboard gets when it is opened. */
async function firstFrame(): Promise<Json> {
  const leave = new AbortController();
  const response = await fetch(`${nexus.url}/dashboard/events`, { signal: leave.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('\n\n')) text += (await reader?.read())?.value ?? '\n\n';
  leave.abort();
  return JSON.parse(text.slice(text.indexOf('{'), text.indexOf('\n\n')));
}

it('counts how inputs were counted, and lists what the actors announced, newest first', async () => {
  nexus = await startTestGateway(
    `${TWO_BACKENDS}[routing.budget]\nmonthly_limit_usd = 0.0012\nsoft_limit_percent = 50\n`,
  );
  await (await nexus.chat('gpt-4-turbo', 'Hello')).arrayBuffer();
  await (await nexus.chat('llama3', 'Hello')).arrayBuffer();
  await (await nexus.chat('nobody-serves-this', 'Hello')).arrayBuffer();
  await nexus.post('/admin/clock', { to: '2026-12-01T00:00:00Z' });

  const { tiers, events } = await firstFrame();

  expect(tiers).toEqual({ exact: 1, approximation: 1, heuristic: 1 });
  const texts = events.map(({ text }: Json) => text);
  expect(texts).toHaveLength(4);
  expect(texts[0]).toContain('2026-12');
  expect(texts[1]).toMatch(/soft limit/i);
  expect(texts.slice(2).toSorted()).toEqual([
    expect.stringContaining('cloud'),
    expect.stringContaining('local'),
  ]);
});
