/** `POST /admin/clock`: who may move the clock, to which instants, and what is true when it stands again. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { budgetToml, NO_PROBES } from '../support/cloud-toml.ts';
import {
  NOVEMBER,
  startTestGateway,
  TWO_BACKENDS,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const KEY = 'a-client-key-of-this-test';
let nexus: TestGateway;
afterEach(() => nexus.stop());

async function move(body: unknown): Promise<{ status: number; body: Json }> {
  const answer = await nexus.post('/admin/clock', body);
  return { status: answer.status, body: await answer.json() };
}

describe('the clock of the system', () => {
  it('is not to be found, and the answer says what to set', async () => {
    nexus = await startTestGateway(`[control]\nclock = "system"\n${TWO_BACKENDS}`);

    const { status, body } = await move({ advance_seconds: 60 });

    expect(status).toBe(404);
    expect(body.error).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('clock = "injected"'),
    });
  });
});

describe('an injected clock', () => {
  it('is moved by nobody without the key, where one is configured', async () => {
    nexus = await startTestGateway(`[server]\nport = 0\napi_key_env = "KEY"\n${TWO_BACKENDS}`, {
      env: { KEY },
    });

    expect(await move({ advance_seconds: 60 })).toMatchObject({
      status: 401,
      body: { error: { code: 'unauthorized' } },
    });
    const allowed = await nexus.post(
      '/admin/clock',
      { advance_seconds: 60 },
      { authorization: `Bearer ${KEY}` },
    );
    expect(await allowed.json()).toEqual({
      now: new Date(NOVEMBER + 60_000).toISOString(),
      billing_month: '2026-11',
    });
  });

  it('refuses what is no instant, no length of time, or in the past, and stands still', async () => {
    nexus = await startTestGateway(TWO_BACKENDS);
    const refused: readonly [unknown, RegExp][] = [
      [{}, /either/],
      [{ to: '2026-12-01T00:00:00Z', advance_seconds: 1 }, /either/],
      [{ to: '2026-12-01' }, /RFC 3339/],
      [{ to: '2026-11-31T00:00:00Z' }, /RFC 3339/],
      [{ to: '2027-02-29T12:00:00+02:00' }, /RFC 3339/],
      [{ to: 5 }, /RFC 3339/],
      [{ to: '2026-11-01T00:00:00Z' }, /forward/],
      [{ advance_seconds: -1 }, /0 or more/],
      [{ advance_seconds: '60' }, /0 or more/],
      [{ advance_seconds: 1e12 }, /ten years/],
    ];

    for (const [asked, message] of refused) {
      const { status, body } = await move(asked);
      expect({ asked, status }).toEqual({ asked, status: 400 });
      expect(body.error.message).toMatch(message);
    }
    expect((await move({ advance_seconds: 0 })).body.now).toBe(new Date(NOVEMBER).toISOString());
  });

  it('leaves freshly reconciled books wherever it stops, also soon after a jump over weeks', async () => {
    nexus = await startTestGateway(`${NO_PROBES}${budgetToml(10)}${TWO_BACKENDS}`);
    for (const to of ['2026-12-01T00:00:00Z', '2026-12-01T00:01:00Z']) {
      await move({ to });
      const { budget } = await nexus.getJson('/v1/stats');
      expect(Date.parse(budget.last_reconciliation)).toBe(Date.parse(to));
    }
  });
});
