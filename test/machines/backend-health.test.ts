import { describe, expect, it } from '@jest/globals';
import { createActor, initialTransition } from 'xstate';
import type { EmittedFrom, EventFromLogic, EventObject, InputFrom } from 'xstate';
import { createTestModel, getShortestPaths } from 'xstate/graph';
import { backendHealthMachine, isSteady } from '../../machines/backend-health.machine.ts';
import { ChartCoverage } from '../support/chart-coverage.ts';

type HealthEvent = EventFromLogic<typeof backendHealthMachine>;
type HealthInput = InputFrom<typeof backendHealthMachine>;

const START: HealthInput = {
  backend: 'ollama',
  failureThreshold: 3,
  recoveryThreshold: 2,
  health: 'unknown',
  reason: null,
  latencyMs: null,
  models: [],
  lastCheckedAtMs: null,
};

const MODEL = { id: 'llama3', contextLength: 8192, vision: null, tools: true };
const GOOD_PROBE: HealthEvent = {
  type: 'probe succeeded',
  latencyMs: 10,
  models: [MODEL],
  atMs: 1,
};
const BAD_PROBE: HealthEvent = { type: 'probe failed', reason: 'connection refused', atMs: 2 };
const GOOD_ATTEMPT: HealthEvent = { type: 'attempt succeeded', latencyMs: 10 };
const BAD_ATTEMPT: HealthEvent = { type: 'attempt failed', reason: '503' };
const EVENTS = [GOOD_PROBE, BAD_PROBE, GOOD_ATTEMPT, BAD_ATTEMPT];

function started(input: Partial<HealthInput> = {}, coverage?: ChartCoverage) {
  const actor = createActor(backendHealthMachine, {
    input: { ...START, ...input },
    ...(coverage && { inspect: coverage.inspect }),
  });
  const emitted: EmittedFrom<typeof backendHealthMachine>[] = [];
  actor.on('*', (event) => emitted.push(event));
  actor.start();
  return {
    actor,
    emitted,
    health: (...events: readonly HealthEvent[]) => {
      for (const event of events) actor.send(event);
      return actor.getSnapshot().value;
    },
  };
}

describe('a backend', () => {
  it('is unknown until the first result, which decides', () => {
    expect(started().health()).toBe('unknown');
    expect(started().health(GOOD_PROBE)).toBe('healthy');
    expect(started().health(BAD_PROBE)).toBe('unhealthy');
    expect(started().health(GOOD_ATTEMPT)).toBe('healthy');
    expect(started().health(BAD_ATTEMPT)).toBe('unhealthy');
  });

  it('becomes unhealthy at the failure threshold, by probes and traffic together', () => {
    const { health } = started();
    expect(health(GOOD_PROBE, BAD_PROBE, BAD_ATTEMPT)).toBe('healthy');
    expect(health(BAD_PROBE)).toBe('unhealthy');
  });

  it('starts counting anew after a success', () => {
    const { health } = started();
    expect(health(GOOD_PROBE, BAD_PROBE, BAD_PROBE, GOOD_ATTEMPT, BAD_PROBE, BAD_PROBE)).toBe(
      'healthy',
    );
  });

  it('becomes healthy again at the recovery threshold, in a row', () => {
    const { health } = started();
    expect(health(BAD_PROBE, GOOD_PROBE)).toBe('unhealthy');
    expect(health(BAD_PROBE, GOOD_PROBE)).toBe('unhealthy');
    expect(health(GOOD_PROBE)).toBe('healthy');
  });

  it('says why it is unhealthy, and forgets it when it is healthy', () => {
    const { actor, emitted, health } = started();
    health(BAD_PROBE);
    expect(actor.getSnapshot().context.reason).toBe('connection refused');
    health(GOOD_PROBE, GOOD_PROBE);
    expect(actor.getSnapshot().context.reason).toBeNull();
    expect(emitted).toEqual([
      {
        type: 'health changed',
        backend: 'ollama',
        from: 'unknown',
        to: 'unhealthy',
        reason: 'connection refused',
      },
      { type: 'health changed', backend: 'ollama', from: 'unhealthy', to: 'healthy', reason: null },
    ]);
  });

  it('smooths its latency, and leaves it alone when there is no sample', () => {
    const { actor, health } = started();
    health({ type: 'attempt succeeded', latencyMs: null });
    expect(actor.getSnapshot().context.latencyMs).toBeNull();
    health({ type: 'attempt succeeded', latencyMs: 100 });
    expect(actor.getSnapshot().context.latencyMs).toBe(100);
    health({ type: 'attempt succeeded', latencyMs: 200 });
    expect(actor.getSnapshot().context.latencyMs).toBe(120);
    health({ type: 'attempt succeeded', latencyMs: null });
    expect(actor.getSnapshot().context.latencyMs).toBe(120);
  });

  it('keeps its models when it lists none for a moment', () => {
    const { actor, health } = started();
    health(GOOD_PROBE, { type: 'probe succeeded', latencyMs: 1, models: [], atMs: 9 });
    expect(actor.getSnapshot().context.models).toEqual([MODEL]);
    expect(actor.getSnapshot().context.lastCheckedAtMs).toBe(9);
  });

  it.each(['unknown', 'healthy', 'unhealthy'] as const)(
    'goes on as %s after a restart of its actor, and announces nothing',
    (health) => {
      const { actor, emitted } = started({ health });
      expect(actor.getSnapshot().value).toBe(health);
      expect(emitted).toEqual([]);
    },
  );

  it('is steady only while another success could change nothing but its latency', () => {
    const { actor, health } = started();
    expect(isSteady(actor.getSnapshot())).toBe(false);
    health(GOOD_PROBE);
    expect(isSteady(actor.getSnapshot())).toBe(true);
    health(BAD_PROBE);
    expect(isSteady(actor.getSnapshot())).toBe(false);
  });
});

it('changes nothing on an event that it does not know', () => {
  const { actor } = started();
  const before = actor.getSnapshot();
  actor.send({ type: 'ping' } as unknown as HealthEvent);
  expect(actor.getSnapshot()).toBe(before);
});

it('starts as a pure function, with a context that survives JSON', () => {
  const [snapshot] = initialTransition(backendHealthMachine, START);
  expect(snapshot.value).toBe('unknown');
  expect(JSON.parse(JSON.stringify(snapshot.context))).toEqual(snapshot.context);
});

describe('every path of the chart', () => {
  const options = (health: HealthInput['health']) => ({
    input: { ...START, health },
    events: EVENTS,
    limit: 10_000,
  });

  /** The rule said a second time: the run of equal results at the end, and the verdict so far. */
  class Oracle {
    verdict: string;
    #good = 0;
    #bad = 0;

    constructor(verdict: string) {
      this.verdict = verdict;
    }

    hear(event: EventObject): void {
      const isGood = event.type.endsWith('succeeded');
      this.#good = isGood ? this.#good + 1 : 0;
      this.#bad = isGood ? 0 : this.#bad + 1;
      if (this.verdict === 'unknown') this.verdict = isGood ? 'healthy' : 'unhealthy';
      if (this.verdict === 'healthy' && this.#bad >= 3) this.verdict = 'unhealthy';
      if (this.verdict === 'unhealthy' && this.#good >= 2) this.verdict = 'healthy';
    }
  }

  it('leads where counting leads', async () => {
    const model = createTestModel(backendHealthMachine);
    for (const health of ['unknown', 'healthy', 'unhealthy'] as const) {
      for (const path of model.getShortestPaths(options(health))) {
        const oracle = new Oracle(health);
        const hear = ({ event }: { readonly event: EventObject }): void => oracle.hear(event);
        await path.test({
          events: Object.fromEntries(EVENTS.map(({ type }) => [type, hear])),
          states: {
            unknown: () => expect(oracle.verdict).toBe('unknown'),
            healthy: () => expect(oracle.verdict).toBe('healthy'),
            unhealthy: () => expect(oracle.verdict).toBe('unhealthy'),
          },
        });
      }
    }
  });

  it('goes through every state and every transition', () => {
    const coverage = new ChartCoverage(backendHealthMachine);
    for (const health of ['unknown', 'healthy', 'unhealthy'] as const) {
      for (const { steps } of getShortestPaths(backendHealthMachine, options(health))) {
        for (const event of EVENTS) {
          const { actor } = started({ health }, coverage);
          const oracle = new Oracle(health);
          for (const heard of [...steps.slice(1).map((step) => step.event), event]) {
            actor.send(heard);
            oracle.hear(heard);
          }
          expect(actor.getSnapshot().value).toBe(oracle.verdict);
        }
      }
    }
    expect(coverage.missing()).toEqual([]);
  });
});
