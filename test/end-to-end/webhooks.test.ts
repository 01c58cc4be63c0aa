import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, TWO_BACKENDS, type TestGateway } from '../support/test-gateway.ts';
import { isSigned, WebhookReceiver } from '../support/webhook-receiver.ts';

const SECRET = 'hush-hush';

let folder: string;
let receiver: WebhookReceiver;
let nexus: TestGateway | null;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-webhooks-'));
  receiver = await new WebhookReceiver().start();
  nexus = null;
});

afterEach(async () => {
  await nexus?.stop();
  await receiver.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A gateway whose budget takes ten chats of about 0.0007 USD. */
async function start(startAtMs = Date.parse('2026-11-10T12:00:00Z')): Promise<TestGateway> {
  const toml = `${TWO_BACKENDS}
[routing.budget]
monthly_limit_usd = 0.007
hard_limit_action = "warn"
[[alerts.webhooks]]
name = "on-call"
url = "${receiver.url}"
secret_env = "ALERT_SECRET"
thresholds_percent = [50, 80, 100]
`;
  nexus = await startTestGateway(toml, { folder, startAtMs, env: { ALERT_SECRET: SECRET } });
  return nexus;
}

async function spend(gateway: TestGateway, chats: number): Promise<void> {
  for (let i = 0; i < chats; i += 1) {
    const strict = { 'X-Nexus-Strict': 'true' };
    expect((await gateway.chat('gpt-4-turbo', 'Hello', {}, strict)).status).toBe(200);
  }
}

function said(): readonly string[] {
  return receiver.taken.map(({ json }) =>
    [json['type'], json['threshold_percent'], json['billing_month']]
      .filter((part) => part !== undefined)
      .map(String)
      .join(' '),
  );
}

async function untilSaid(expected: readonly string[]): Promise<void> {
  await eventually(() => expect(said()).toEqual(expected), 15_000);
}

describe('a gateway with a webhook', () => {
  it('tells each threshold once in a month, over failures of the receiver, restarts and the turn', async () => {
    receiver.steps.push(503);
    const first = await start();
    await spend(first, 15);
    const november = [
      'threshold 50 2026-11',
      'threshold 80 2026-11',
      'threshold 100 2026-11',
      'hard_limit 2026-11',
    ];
    await eventually(() => expect(said().toSorted()).toEqual(november.toSorted()), 15_000);

    const key = Buffer.from(SECRET);
    expect(receiver.all.every((alert) => isSigned(alert, key, Date.now()))).toBe(true);
    expect(
      await first.metric('nexus_webhook_deliveries_total{webhook="on-call",outcome="delivered"}'),
    ).toBe(4);
    expect(
      await first.metric('nexus_webhook_deliveries_total{webhook="on-call",outcome="retried"}'),
    ).toBe(1);
    const text = JSON.stringify(receiver.all) + JSON.stringify(await first.logLines());
    expect(text).not.toMatch(/hush-hush|Hello/);
    expect(JSON.stringify(await first.logLines())).not.toContain('hidden-path');

    await first.stop();
    receiver.all.length = 0;
    const second = await start();
    await spend(second, 3);
    const moved = await second.post('/admin/clock', { to: '2026-12-01T00:00:00Z' });
    expect(moved.status).toBe(200);
    await spend(second, 6);
    await untilSaid(['month_rollover 2026-12', 'threshold 50 2026-12']);
    expect(receiver.taken[0]?.json).toMatchObject({
      previous_month: '2026-11',
      previous_spending_usd: expect.any(Number),
      forecast: { status: 'insufficient_data' },
    });
  });

  it('tells a turn that came while it was stopped, once', async () => {
    await (await start()).stop();
    const december = Date.parse('2026-12-03T08:00:00Z');
    const second = await start(december);
    await untilSaid(['month_rollover 2026-12']);
    await second.stop();
    const third = await start(december);
    await spend(third, 6);
    await untilSaid(['month_rollover 2026-12', 'threshold 50 2026-12']);
    expect(receiver.taken[0]?.json).toMatchObject({ previous_month: '2026-11' });
  });

  it('answers as before while the receiver hangs, and stops in bounded time', async () => {
    receiver.steps.push(...Array.from({ length: 20 }, () => 'hang' as const));
    const gateway = await start();
    await spend(gateway, 15);
    await receiver.received(1);
    const before = performance.now();
    await spend(gateway, 20);
    expect(performance.now() - before).toBeLessThan(5000);
    const stopping = performance.now();
    await gateway.gateway.stop();
    expect(performance.now() - stopping).toBeLessThan(6000);
    const given = (await gateway.logLines()).filter(({ level }) => level === 'error');
    expect(given.length).toBeGreaterThan(0);
    expect(given.every(({ message }) => message === 'alert given up, no webhook took it')).toBe(
      true,
    );
  });
});
