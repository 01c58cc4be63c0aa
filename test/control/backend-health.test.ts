import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../src/control/virtual-clock.ts';
import type { BackendView } from '../../src/core/policy.ts';
import type { ProbeResult } from '../../src/core/upstream.ts';
import {
  HEALTH_CHECK,
  aModel,
  aSimulatedBackend,
  rehearse,
} from '../support/rehearsed-control-plane.ts';

const NOON = '2026-11-23T12:00:00Z';
const OLLAMA = aSimulatedBackend('ollama');
const INTERVAL_MS = HEALTH_CHECK.intervalSeconds * 1000;

/** Lets probes that are answered reach the actors. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function backendOf({ plane }: ReturnType<typeof rehearse>, name = 'ollama'): BackendView {
  const view = plane.policy().backends.find((backend) => backend.name === name);
  if (!view) throw new Error(`${name} is not in the policy`);
  return view;
}

describe('probes', () => {
  it('begin at the start, and make a backend known with its models', async () => {
    const models = [aModel('llama3', { contextLength: 8192, tools: true })];
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] }, { ollama: models });
    expect(backendOf(rehearsal)).toMatchObject({ health: 'unknown', models: [], latencyMs: null });
    await rehearsal.plane.probeAll();
    expect(backendOf(rehearsal)).toEqual({
      name: 'ollama',
      type: 'simulated',
      kind: 'local',
      priority: 10,
      tier: 3,
      health: 'healthy',
      healthReason: null,
      models,
      routes: ['chat'],
      latencyMs: 5,
      lastCheckedAtMs: Date.parse(NOON),
    });
    expect(rehearsal.probed).toEqual(['ollama']);
  });

  it('are repeated at the interval, and move health at its thresholds', async () => {
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] });
    const { clock, answers, events, probed } = rehearsal;
    await settle();
    answers['ollama'] = new Error('connection refused');
    for (let i = 0; i < 3; i += 1) {
      expect(backendOf(rehearsal)).toMatchObject({ health: 'healthy', healthReason: null });
      clock.advance(INTERVAL_MS);
      await settle();
    }
    expect(backendOf(rehearsal)).toMatchObject({
      health: 'unhealthy',
      healthReason: 'connection refused',
      lastCheckedAtMs: clock.now(),
    });
    answers['ollama'] = [];
    for (let i = 0; i < 2; i += 1) {
      expect(backendOf(rehearsal).health).toBe('unhealthy');
      clock.advance(INTERVAL_MS);
      await settle();
    }
    expect(backendOf(rehearsal).health).toBe('healthy');
    expect(probed).toHaveLength(6);
    expect(events.filter(({ kind }) => kind === 'backend_changed')).toEqual([
      { kind: 'backend_changed', backend: 'ollama', from: 'unknown', to: 'healthy', reason: null },
      {
        kind: 'backend_changed',
        backend: 'ollama',
        from: 'healthy',
        to: 'unhealthy',
        reason: 'connection refused',
      },
      {
        kind: 'backend_changed',
        backend: 'ollama',
        from: 'unhealthy',
        to: 'healthy',
        reason: null,
      },
    ]);
  });

  it('never ask the same backend twice at a time, and do not wait for one another', async () => {
    const asked: string[] = [];
    let answerSlow: (result: ProbeResult) => void = () => {};
    const rehearsal = rehearse(NOON, {
      backends: [OLLAMA, aSimulatedBackend('slow')],
      probe: (name, timeoutMs) => {
        asked.push(`${name} ${timeoutMs}`);
        if (name === 'ollama') return Promise.resolve({ latencyMs: 1, models: null });
        return new Promise((resolve) => {
          answerSlow = resolve;
        });
      },
    });
    await settle();
    rehearsal.clock.advance(INTERVAL_MS);
    await settle();
    const all = rehearsal.plane.probeAll();
    expect(asked.filter((name) => name === 'slow 5000')).toHaveLength(1);
    expect(backendOf(rehearsal).health).toBe('healthy');
    expect(backendOf(rehearsal, 'slow').health).toBe('unknown');
    answerSlow({ latencyMs: 900, models: [] });
    await all;
    expect(backendOf(rehearsal, 'slow').latencyMs).toBe(900);
  });

  it('survive a probe that throws anything at once', async () => {
    const rehearsal = rehearse(NOON, {
      backends: [OLLAMA],
      probe: () => {
        // oxlint-disable-next-line typescript/only-throw-error -- libraries throw anything
        throw 'certificate expired';
      },
    });
    await rehearsal.plane.probeAll();
    expect(backendOf(rehearsal).healthReason).toBe('certificate expired');
  });

  it('end with the stop, and an answer that comes later is dropped', async () => {
    let answer: (result: ProbeResult) => void = () => {};
    const rehearsal = rehearse(NOON, {
      backends: [OLLAMA],
      probe: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    await rehearsal.plane.stop();
    answer({ latencyMs: 1, models: null });
    await settle();
    rehearsal.clock.advance(INTERVAL_MS);
    await rehearsal.plane.probeAll();
    expect(backendOf(rehearsal).health).toBe('unknown');
  });

  it('run on real time where the clock of months is moved by hand', async () => {
    const ioClock = new VirtualClock(0);
    const rehearsal = rehearse(NOON, { backends: [OLLAMA], ioClock });
    await settle();
    rehearsal.clock.advance(30 * 24 * 3600 * 1000);
    await settle();
    expect(rehearsal.probed).toHaveLength(1);
    ioClock.advance(INTERVAL_MS);
    await settle();
    expect(rehearsal.probed).toHaveLength(2);
    expect(backendOf(rehearsal).lastCheckedAtMs).toBe(rehearsal.clock.now());
  });
});

describe('the models of a backend', () => {
  it('are those of the file where it names some, with what the backend tells of them', async () => {
    const told = aModel('llama3', { contextLength: 8192, vision: false });
    const rehearsal = rehearse(
      NOON,
      { backends: [aSimulatedBackend('ollama', { models: ['llama3', 'phi4'] })] },
      { ollama: [told, aModel('qwen3')] },
    );
    expect(backendOf(rehearsal).models).toEqual([aModel('llama3'), aModel('phi4')]);
    await rehearsal.plane.probeAll();
    expect(backendOf(rehearsal).models).toEqual([told, aModel('phi4')]);
  });

  it('are kept when the backend lists none for a moment, or does not list at all', async () => {
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] }, { ollama: [aModel('llama3')] });
    for (const answer of [[], null, new Error('busy')]) {
      await rehearsal.plane.probeAll();
      rehearsal.answers['ollama'] = answer;
    }
    await rehearsal.plane.probeAll();
    expect(backendOf(rehearsal).models).toEqual([aModel('llama3')]);
  });
});

describe('live traffic', () => {
  const failed = { backend: 'ollama', outcome: 'failed', reason: '503', latencyMs: null } as const;
  const ok = { backend: 'ollama', outcome: 'ok', reason: null, latencyMs: 100 } as const;

  it('makes a backend unhealthy at the threshold, and probes bring it back', async () => {
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] });
    const { plane, clock } = rehearsal;
    await settle();
    plane.attemptEnded(failed);
    plane.attemptEnded(failed);
    expect(backendOf(rehearsal).health).toBe('healthy');
    plane.attemptEnded({ ...failed, reason: null });
    expect(backendOf(rehearsal)).toMatchObject({ health: 'unhealthy', healthReason: 'no answer' });
    for (let i = 0; i < 2; i += 1) {
      clock.advance(INTERVAL_MS);
      await settle();
    }
    expect(backendOf(rehearsal).health).toBe('healthy');
  });

  it('starts the count of failures anew with each success, and ignores a refusal', async () => {
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] });
    const { plane } = rehearsal;
    await settle();
    for (let i = 0; i < 5; i += 1) {
      plane.attemptEnded(failed);
      plane.attemptEnded(failed);
      plane.attemptEnded({ ...failed, outcome: 'refused' });
      plane.attemptEnded(ok);
    }
    expect(backendOf(rehearsal).health).toBe('healthy');
    for (let i = 0; i < 10; i += 1) plane.attemptEnded({ ...failed, outcome: 'refused' });
    expect(backendOf(rehearsal).health).toBe('healthy');
  });

  it('makes an unknown backend known by its first result', () => {
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] });
    rehearsal.plane.attemptEnded(ok);
    expect(backendOf(rehearsal)).toMatchObject({ health: 'healthy', latencyMs: 100 });
  });

  it('changes the latency of a steady backend a few times a second at most', async () => {
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] }, { ollama: [] });
    const { plane, clock, policies } = rehearsal;
    await settle();
    const before = policies.length;
    for (const latencyMs of [50, 60, 55, null]) plane.attemptEnded({ ...ok, latencyMs });
    expect(policies).toHaveLength(before);
    clock.advance(250);
    expect(policies).toHaveLength(before + 1);
    expect(backendOf(rehearsal).latencyMs).toBe(15);
    clock.advance(1000);
    expect(policies).toHaveLength(before + 1);
  });

  it('counts held successes before a failure that comes after them', async () => {
    const rehearsal = rehearse(NOON, { backends: [OLLAMA] });
    const { plane } = rehearsal;
    await settle();
    plane.attemptEnded(ok);
    plane.attemptEnded(failed);
    expect(backendOf(rehearsal).latencyMs).toBe(24);
    plane.attemptEnded(failed);
    plane.attemptEnded(failed);
    expect(backendOf(rehearsal).health).toBe('unhealthy');
  });

  it('of a backend that nobody configured is ignored', () => {
    const { plane } = rehearse(NOON, { backends: [OLLAMA] });
    const before = plane.policy();
    plane.attemptEnded({ ...failed, backend: 'stranger' });
    expect(plane.policy()).toBe(before);
  });
});

describe('with health checks switched off', () => {
  const options = {
    backends: [OLLAMA],
    healthCheck: { ...HEALTH_CHECK, enabled: false },
  };

  it('the models are asked for once, at the start', async () => {
    const rehearsal = rehearse(NOON, options, { ollama: [aModel('llama3')] });
    await settle();
    rehearsal.clock.advance(100 * INTERVAL_MS);
    await settle();
    expect(rehearsal.probed).toHaveLength(1);
    expect(backendOf(rehearsal).models).toEqual([aModel('llama3')]);
  });

  it('failures are not held against a backend, as nothing would bring it back', async () => {
    const rehearsal = rehearse(NOON, options, { ollama: new Error('connection refused') });
    await rehearsal.plane.probeAll();
    for (let i = 0; i < 5; i += 1) {
      rehearsal.plane.attemptEnded({
        backend: 'ollama',
        outcome: 'failed',
        reason: '503',
        latencyMs: null,
      });
    }
    expect(backendOf(rehearsal).health).toBe('unknown');
  });
});
