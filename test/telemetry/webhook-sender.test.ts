import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { WebhookSettings } from '../../src/core/settings.ts';
import { makeAlert, type Alert } from '../../src/telemetry/alert.ts';
import { WebhookSender, type WebhookOutcome } from '../../src/telemetry/webhook-sender.ts';
import { eventually } from '../support/eventually.ts';
import { HandClock } from '../support/hand-clock.ts';
import { recordingLog } from '../support/recording-log.ts';
import { isSigned, WebhookReceiver } from '../support/webhook-receiver.ts';

const SECRET = 'a secret of the on-call desk';

let receiver: WebhookReceiver;
let clock: HandClock;
let log: ReturnType<typeof recordingLog>;
let outcomes: WebhookOutcome[];

beforeEach(async () => {
  receiver = await new WebhookReceiver().start();
  clock = new HandClock();
  log = recordingLog();
  outcomes = [];
});

afterEach(() => receiver.stop());

function senderWith(facts: Partial<WebhookSettings> = {}, random = 1): WebhookSender {
  const webhook: WebhookSettings = {
    name: 'on-call',
    url: receiver.url,
    secretEnv: 'ALERT_SECRET',
    secret: SECRET,
    thresholdsPercent: [],
    events: [],
    timeoutSeconds: 10,
    maxAttempts: 12,
    ...facts,
  };
  return new WebhookSender({
    webhook,
    clock,
    log,
    count: (outcome) => outcomes.push(outcome),
    random: () => random,
  });
}

function anAlert(percent = 80): Alert {
  return makeAlert(
    'threshold',
    {
      version: '1.2.3',
      nowMs: Date.parse('2026-11-10T12:00:00Z'),
      month: '2026-11',
      spending: 8_000_000_001,
      limit: 10_000_000_000,
      status: 'SoftLimit',
      forecast: null,
    },
    { threshold_percent: percent },
  );
}

/** Waits until the alert is waiting for its next try, and returns how long it will. */
async function pauseAfter(failures: number): Promise<number> {
  return eventually(() => {
    const retries = log.lines.filter(({ message }) => message === 'alert not taken by a webhook');
    expect(retries).toHaveLength(failures);
    expect(clock.pending).toBe(1);
    return Number(retries.at(-1)?.fields?.['retryInMs']);
  });
}

async function settled(count: number): Promise<void> {
  await eventually(() => {
    expect(outcomes.filter((outcome) => outcome !== 'retried')).toHaveLength(count);
  });
}

describe('a receiver that takes alerts', () => {
  it('gets the alert as JSON with a signature that it can check', async () => {
    const alert = anAlert();
    senderWith().add(alert);
    await settled(1);
    const [received] = receiver.all;
    if (received === undefined) throw new Error('nothing came');

    expect(received.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Nexus/1.2.3',
      'webhook-id': alert.id,
      'webhook-timestamp': String(clock.now() / 1000),
      'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    });
    expect(received.json).toEqual({
      id: expect.stringMatching(/^alert_[0-9a-f-]{36}$/),
      type: 'threshold',
      time: '2026-11-10T12:00:00.000Z',
      billing_month: '2026-11',
      threshold_percent: 80,
      spending_usd: 8.000000001,
      spending_usd_exact: '8.000000001',
      limit_usd: 10,
      utilization_percent: 80,
      status: 'SoftLimit',
      forecast: null,
      nexus_version: '1.2.3',
    });
    expect(isSigned(received, Buffer.from(SECRET), clock.now())).toBe(true);
    expect(isSigned(received, Buffer.from('another'), clock.now())).toBe(false);
    expect(
      isSigned({ ...received, body: `${received.body} ` }, Buffer.from(SECRET), clock.now()),
    ).toBe(false);
    expect(outcomes).toEqual(['delivered']);
    expect(clock.pending).toBe(0);
  });

  it('can use a secret of Standard Webhooks', async () => {
    // Key, id, time, body and signature as in the specification's own example.
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    senderWith({ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }).add(anAlert());
    await settled(1);

    expect(receiver.all.map((received) => isSigned(received, key, clock.now()))).toEqual([true]);
  });

  it('gets alerts in order, one at a time', async () => {
    const sender = senderWith();
    for (const percent of [50, 80, 100]) sender.add(anAlert(percent));
    await settled(3);

    expect(receiver.all.map(({ json }) => json['threshold_percent'])).toEqual([50, 80, 100]);
  });
});

describe('a receiver that fails first', () => {
  it('gets the same alert again after 503, a time-out and a refused connection, signed anew', async () => {
    receiver.steps.push(503, 'hang');
    senderWith({ timeoutSeconds: 7 }).add(anAlert());

    const pauses = [await pauseAfter(1)];
    clock.advance(1000);
    await receiver.received(2);
    clock.advance(7000);
    pauses.push(await pauseAfter(2));
    await receiver.stop();
    clock.advance(2000);
    pauses.push(await pauseAfter(3));
    await receiver.start();
    clock.advance(3999);
    expect(outcomes).toEqual(['retried', 'retried', 'retried']);
    clock.advance(1);
    await settled(1);

    expect(pauses).toEqual([1000, 2000, 4000]);
    expect(outcomes).toEqual(['retried', 'retried', 'retried', 'delivered']);
    expect(receiver.all.map(({ answered }) => answered)).toEqual([503, 'hang', 204]);
    expect(new Set(receiver.all.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.all.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(receiver.all.map(({ headers }) => headers['webhook-signature'])).size).toBe(3);
    expect(isSigned(receiver.taken[0] ?? never(), Buffer.from(SECRET), clock.now())).toBe(true);
    const reasons = log.lines.map(({ fields }) => fields?.['reason']);
    expect(reasons).toEqual(['answered 503', 'no answer in time', 'ECONNREFUSED', undefined]);
  });

  it('is given up after the last try, and the next alert still goes out', async () => {
    receiver.steps.push(500, 502, 504);
    const sender = senderWith({ maxAttempts: 3 });
    sender.add(anAlert(50));
    sender.add(anAlert(80));
    for (const failures of [1, 2]) clock.advance(await pauseAfter(failures));
    await settled(2);

    expect(outcomes).toEqual(['retried', 'retried', 'failed', 'delivered']);
    expect(receiver.taken.map(({ json }) => json['threshold_percent'])).toEqual([80]);
    expect(log.lines.find(({ level }) => level === 'error')).toEqual({
      level: 'error',
      message: 'alert given up, no webhook took it',
      fields: {
        webhook: 'on-call',
        alert: 'threshold',
        alertId: receiver.all[0]?.json['id'],
        attempt: 3,
        reason: 'answered 504',
      },
    });
  });

  it.each([400, 401, 404, 410, 302])('with %i is not asked again', async (status) => {
    receiver.steps.push(status);
    receiver.headers['location'] = receiver.url;
    senderWith().add(anAlert());
    await settled(1);

    expect(outcomes).toEqual(['failed']);
    expect(receiver.all).toHaveLength(1);
  });

  it('and says when to come back is given that time', async () => {
    receiver.steps.push(429);
    receiver.headers['retry-after'] = '30';
    senderWith().add(anAlert());

    expect(await pauseAfter(1)).toBe(30_000);
  });

  it('is asked after pauses that grow to ten minutes, half of them by chance', async () => {
    const tries = 14;
    receiver.steps.push(...Array.from({ length: tries }, () => 503));
    senderWith({ maxAttempts: 50 }, 0).add(anAlert());
    const pauses: number[] = [];
    for (let failures = 1; failures <= tries; failures += 1) {
      pauses.push(await pauseAfter(failures));
      clock.advance(pauses.at(-1) ?? 0);
    }
    await settled(1);

    expect(pauses.slice(0, 4)).toEqual([500, 1000, 2000, 4000]);
    expect(pauses.slice(-2)).toEqual([300_000, 300_000]);
  });

  it('never sees its URL or its secret in the log', async () => {
    await receiver.stop();
    senderWith({ maxAttempts: 2 }).add(anAlert());
    clock.advance(await pauseAfter(1));
    await settled(1);

    expect(JSON.stringify(log.lines)).not.toMatch(/hidden|secret of|127\.0\.0\.1/);
  });
});

describe('the queue', () => {
  it('is bounded: the oldest alert that waits makes room', async () => {
    receiver.steps.push(503);
    const sender = senderWith();
    sender.add(anAlert(1));
    const pause = await pauseAfter(1);
    for (let percent = 2; percent <= 103; percent += 1) sender.add(anAlert(percent));
    clock.advance(pause);
    await settled(103);

    expect(outcomes.filter((outcome) => outcome === 'dropped')).toHaveLength(3);
    const percents = receiver.taken.map(({ json }) => json['threshold_percent']);
    expect(percents).toEqual([1, ...Array.from({ length: 99 }, (_, i) => i + 5)]);
  });

  it('takes an alert without a wait, also while its receiver hangs', async () => {
    receiver.steps.push('hang');
    const sender = senderWith();
    const before = performance.now();
    for (let i = 0; i < 50; i += 1) sender.add(anAlert());

    expect(performance.now() - before).toBeLessThan(50);
    expect(receiver.all).toHaveLength(0);
    await receiver.received(1);
    const stopped = sender.stop(1000);
    clock.advance(1000);
    await stopped;
  });
});

describe('a stop', () => {
  it('sends what waits at once', async () => {
    receiver.steps.push(503);
    const sender = senderWith();
    sender.add(anAlert(50));
    sender.add(anAlert(80));
    await pauseAfter(1);
    await sender.stop(3000);

    expect(outcomes).toEqual(['retried', 'delivered', 'delivered']);
    expect(clock.pending).toBe(0);
  });

  it('gives up in its time when the receiver hangs', async () => {
    receiver.steps.push('hang');
    const sender = senderWith();
    sender.add(anAlert(50));
    sender.add(anAlert(80));
    await receiver.received(1);
    const stopped = sender.stop(3000);
    clock.advance(3000);
    await stopped;

    expect(outcomes).toEqual(['failed', 'failed']);
    expect(clock.pending).toBe(0);
  });

  it('does not try a receiver that is not there more than once for each alert', async () => {
    await receiver.stop();
    const sender = senderWith();
    sender.add(anAlert(50));
    sender.add(anAlert(80));
    await pauseAfter(1);
    await sender.stop(3000);

    expect(outcomes).toEqual(['retried', 'failed', 'failed']);
    sender.add(anAlert(100));
    expect(clock.pending).toBe(0);
  });

  it('is at once where nothing waits', async () => {
    await senderWith().stop(3000);

    expect(clock.pending).toBe(0);
  });
});

function never(): never {
  throw new Error('nothing came');
}
