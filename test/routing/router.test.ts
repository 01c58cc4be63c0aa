import { describe, expect, it } from '@jest/globals';
import type { GatewayError } from '../../src/core/errors.ts';
import type { BackendView, HealthStatus, Posture, RoutingPolicy } from '../../src/core/policy.ts';
import type { Candidate, Decision } from '../../src/core/request.ts';
import type { RoutingPolicySettings, RoutingSettings, Strategy } from '../../src/core/settings.ts';
import { createRouter, type Router } from '../../src/routing/router.ts';
import { aBackend, aBudget, aModel, aPolicy } from '../support/policies.ts';

type DecideInput = Parameters<Router['decide']>[0];

function settings(facts: Partial<RoutingSettings> = {}): RoutingSettings {
  return {
    strategy: 'smart',
    maxRetries: 2,
    weights: { priority: 50, load: 30, latency: 20 },
    aliases: {},
    fallbacks: {},
    policies: [],
    budget: null,
    ...facts,
  };
}

function aRule(
  modelPattern: string,
  facts: Partial<RoutingPolicySettings> = {},
): RoutingPolicySettings {
  return {
    modelPattern,
    privacy: 'unrestricted',
    maxCostPerRequest: null,
    minTier: 1,
    fallbackAllowed: true,
    ...facts,
  };
}

interface Asked {
  readonly policy: RoutingPolicy;
  readonly model?: string;
  readonly strict?: boolean;
  readonly route?: DecideInput['request']['route'];
  readonly vision?: boolean;
  readonly tools?: boolean;
  readonly tokens?: number;
  readonly pending?: Readonly<Record<string, number>>;
  readonly turn?: number;
  readonly random?: () => number;
}

function decide(routing: RoutingSettings, asked: Asked): Decision {
  const { policy, model = 'gpt-4', strict = false, route = 'chat', pending = {}, turn = 0 } = asked;
  return createRouter(routing).decide({
    request: {
      model,
      route,
      strict,
      features: { vision: asked.vision ?? false, tools: asked.tools ?? false, jsonMode: false },
    },
    tokens: asked.tokens ?? 10,
    policy,
    pending: (backend) => pending[backend] ?? 0,
    turn,
    random: asked.random ?? (() => 0),
  });
}

function candidates(routing: RoutingSettings, asked: Asked): readonly Candidate[] {
  const decision = decide(routing, asked);
  if (decision.kind === 'refuse') throw decision.error;
  return decision.candidates;
}

/** `backend:model` in order. */
function order(routing: RoutingSettings, asked: Asked): readonly string[] {
  return candidates(routing, asked).map(({ backend, model }) => `${backend}:${model}`);
}

function refusal(routing: RoutingSettings, asked: Asked): GatewayError {
  const decision = decide(routing, asked);
  if (decision.kind === 'route') throw new Error('the request was routed');
  return decision.error;
}

describe('aliases and fallbacks', () => {
  const router = createRouter(
    settings({
      aliases: { best: 'better', better: 'gpt-4', cheap: 'llama3', round: 'about', about: 'round' },
      fallbacks: {
        'gpt-4': ['cheap', 'mistral', 'llama3', 'best'],
        better: ['never'],
        cheap: ['phi'],
      },
    }),
  );

  it('follows a chain of aliases, and fallbacks through theirs, each once', () => {
    expect(router.resolve('best')).toEqual({ model: 'gpt-4', fallbacks: ['llama3', 'mistral'] });
    expect(router.resolve('gpt-4')).toEqual({ model: 'gpt-4', fallbacks: ['llama3', 'mistral'] });
  });

  it('takes fallbacks that are written for the alias when its model has none', () => {
    expect(router.resolve('cheap')).toEqual({ model: 'llama3', fallbacks: ['phi'] });
    expect(router.resolve('llama3')).toEqual({ model: 'llama3', fallbacks: [] });
  });

  it('leaves other names as they are, whatever they are called', () => {
    for (const model of ['other', 'constructor', '__proto__', '']) {
      expect(router.resolve(model)).toEqual({ model, fallbacks: [] });
    }
  });

  it('comes to an end even in a circle', () => {
    expect(router.resolve('round')).toEqual({ model: 'about', fallbacks: [] });
  });

  it('serves the asked model before its fallbacks, in their order', () => {
    const policy = aPolicy({
      backends: [
        aBackend('a', { models: ['mistral', 'llama3'] }),
        aBackend('b', { models: ['gpt-4', 'llama3'] }),
      ],
    });
    const routing = settings({ fallbacks: { 'gpt-4': ['llama3', 'mistral'] } });

    expect(candidates(routing, { policy })).toEqual([
      {
        backend: 'b',
        kind: 'local',
        model: 'gpt-4',
        isFallback: false,
        reason: 'capability-match',
        maxCostPerRequest: null,
      },
      {
        backend: 'a',
        kind: 'local',
        model: 'llama3',
        isFallback: true,
        reason: 'capability-match',
        maxCostPerRequest: null,
      },
      {
        backend: 'b',
        kind: 'local',
        model: 'llama3',
        isFallback: true,
        reason: 'capability-match',
        maxCostPerRequest: null,
      },
      {
        backend: 'a',
        kind: 'local',
        model: 'mistral',
        isFallback: true,
        reason: 'capability-match',
        maxCostPerRequest: null,
      },
    ]);
  });

  it('serves a fallback of a model that nobody lists', () => {
    const policy = aPolicy({ backends: [aBackend('a', { models: ['llama3'] })] });
    const routing = settings({ fallbacks: { 'gpt-4': ['llama3'] } });

    expect(order(routing, { policy })).toEqual(['a:llama3']);
    expect(refusal(routing, { policy, strict: true }).code).toBe('model_not_found');
  });
});

describe('strategies', () => {
  const three = aPolicy({
    backends: [
      aBackend('a', { models: ['gpt-4'], priority: 10, latencyMs: 900 }),
      aBackend('b', { models: ['gpt-4'], priority: 20, latencyMs: 100 }),
      aBackend('c', { models: ['gpt-4'], priority: 20, latencyMs: 100 }),
    ],
  });
  const names = (strategy: Strategy, asked: Partial<Asked> = {}): readonly string[] =>
    order(settings({ strategy }), { policy: three, ...asked }).map((name) => name.slice(0, 1));

  it('smart weighs priority, load and latency, and breaks ties by priority and name', () => {
    expect(names('smart')).toEqual(['b', 'c', 'a']);
    expect(names('smart', { pending: { b: 1 } })).toEqual(['c', 'b', 'a']);
    expect(names('smart', { pending: { b: 60, c: 60 } })).toEqual(['a', 'b', 'c']);
  });

  it('smart takes a latency that is not known yet for none, so that it is soon known', () => {
    const policy = aPolicy({
      backends: [
        aBackend('a', { models: ['gpt-4'], latencyMs: 50 }),
        aBackend('b', { models: ['gpt-4'] }),
      ],
    });

    expect(order(settings(), { policy })).toEqual(['b:gpt-4', 'a:gpt-4']);
  });

  it('smart bounds what it weighs, so that one terrible figure does not drown the others', () => {
    const policy = aPolicy({
      backends: [
        aBackend('slow', { models: ['gpt-4'], priority: 10, latencyMs: 1_000_000 }),
        aBackend('fast', { models: ['gpt-4'], priority: 100, latencyMs: 0 }),
      ],
    });

    expect(order(settings(), { policy })[0]).toBe('slow:gpt-4');
    expect(order(settings(), { policy, pending: { slow: 1_000_000 } })[0]).toBe('fast:gpt-4');
  });

  it('round_robin starts one further with every turn', () => {
    expect(names('round_robin', { turn: 0 })).toEqual(['a', 'b', 'c']);
    expect(names('round_robin', { turn: 1 })).toEqual(['b', 'c', 'a']);
    expect(names('round_robin', { turn: 5 })).toEqual(['c', 'a', 'b']);
  });

  it('priority_only looks at nothing else', () => {
    expect(names('priority_only', { pending: { a: 99 } })).toEqual(['a', 'b', 'c']);
  });

  it('random draws a lot for each', () => {
    const lots = [0.9, 0.1, 0.5];
    expect(names('random', { random: () => lots.shift() ?? 0 })).toEqual(['b', 'c', 'a']);
  });

  it.each<Strategy>(['smart', 'round_robin', 'priority_only', 'random'])(
    '%s tries backends of unknown health after the healthy ones',
    (strategy) => {
      const policy = aPolicy({
        backends: [
          aBackend('new', { models: ['gpt-4'], priority: 0, health: 'unknown' }),
          aBackend('old', { models: ['gpt-4'], priority: 90 }),
        ],
      });

      expect(order(settings({ strategy }), { policy })).toEqual(['old:gpt-4', 'new:gpt-4']);
    },
  );

  it('tries backends of unknown health when there is no other', () => {
    const policy = aPolicy({
      backends: [aBackend('new', { models: ['gpt-4'], health: 'unknown' })],
    });

    expect(order(settings(), { policy })).toEqual(['new:gpt-4']);
  });

  it('ranks by priority, then name, also where the policy does not', () => {
    const backends = ['c', 'a', 'b'].map((name) =>
      aBackend(name, { models: ['gpt-4'], priority: name === 'c' ? 9 : 5 }),
    );

    expect(order(settings(), { policy: { ...aPolicy(), backends } })).toEqual([
      'a:gpt-4',
      'b:gpt-4',
      'c:gpt-4',
    ]);
  });
});

describe('what a backend can do', () => {
  const able = aBackend('able', {
    models: [aModel('gpt-4', { vision: true, tools: true, contextLength: 1000 })],
    priority: 90,
  });
  const silent = aBackend('silent', { models: ['gpt-4'], priority: 80 });
  const unable = aBackend('unable', {
    models: [aModel('gpt-4', { vision: false, tools: false, contextLength: 100 })],
    priority: 1,
  });
  const policy = aPolicy({ backends: [able, silent, unable] });

  it.each<[string, Partial<Asked>]>([
    ['images', { vision: true }],
    ['tools', { tools: true }],
    ['more tokens than its context', { tokens: 101 }],
  ])('leaves out who says no to %s, not who says nothing', (_what, asked) => {
    expect(order(settings(), { policy, ...asked })).toEqual(['silent:gpt-4', 'able:gpt-4']);
  });

  it('takes a prompt that just fits', () => {
    expect(order(settings(), { policy, tokens: 100 })[0]).toBe('unable:gpt-4');
  });

  it('leaves out who does not serve the route', () => {
    const chatOnly = aBackend('chat-only', { models: ['gpt-4'], routes: ['chat'], priority: 1 });

    expect(
      order(settings(), { policy: aPolicy({ backends: [chatOnly, silent] }), route: 'embeddings' }),
    ).toEqual(['silent:gpt-4']);
  });

  it('says of each backend why it can not serve', () => {
    const backends = [
      aBackend('down', {
        models: ['gpt-4'],
        health: 'unhealthy',
        healthReason: 'connection refused',
      }),
      aBackend('gone', { models: ['gpt-4'], health: 'unhealthy' }),
      aBackend('chat-only', { models: ['gpt-4'], routes: ['completions'] }),
      aBackend('blind', { models: [aModel('gpt-4', { vision: false })] }),
      aBackend('toolless', { models: [aModel('gpt-4', { tools: false })] }),
      aBackend('short', { models: [aModel('gpt-4', { contextLength: 5 })] }),
      aBackend('small', { models: ['llama3'], tier: 1 }),
      aBackend('cloud', { models: ['llama3'], tier: 3, kind: 'cloud' }),
      aBackend('other', { models: ['phi'] }),
    ];
    const routing = settings({
      fallbacks: { 'gpt-4': ['llama3'] },
      policies: [aRule('llama3', { privacy: 'restricted', minTier: 3 })],
    });
    const error = refusal(routing, { policy: aPolicy({ backends }), vision: true, tools: true });

    expect(error.code).toBe('no_available_backend');
    expect(error.status).toBe(503);
    expect(error.context).toEqual({
      available_backends: ['blind', 'chat-only', 'cloud', 'other', 'short', 'small', 'toolless'],
      reasons: {
        down: 'unhealthy: connection refused',
        gone: 'unhealthy: no reason is known',
        'chat-only': 'does not serve /v1/chat/completions',
        blind: 'its gpt-4 does not take images',
        toolless: 'its gpt-4 does not call tools',
        short: 'its gpt-4 takes 5 tokens, and the request has about 10',
        small: 'tier 1, and a routing policy asks for 3 or better',
        cloud: 'a cloud backend, and a routing policy keeps the model on local ones',
      },
    });
    expect(error.message).toMatch(
      /^No backend can serve "gpt-4" now: blind \(its gpt-4 does not take images\), .* and 3 more\. GET \/health/,
    );
  });

  it('gives one reason for a backend that lists the asked model and its fallback', () => {
    const backends = [
      aBackend('down', {
        models: ['gpt-4', 'llama3'],
        health: 'unhealthy',
        healthReason: 'timeout',
      }),
    ];
    const error = refusal(settings({ fallbacks: { 'gpt-4': ['llama3'] } }), {
      policy: aPolicy({ backends }),
    });

    expect(error.message).toBe(
      'No backend can serve "gpt-4" now: down (unhealthy: timeout). GET /health shows the state of each; try again when one is back, or ask for another model.',
    );
  });
});

describe('a model that nobody serves', () => {
  it('is not found, and the message lists what is served', () => {
    const policy = aPolicy({
      backends: [aBackend('a', { models: ['phi', 'llama3'] }), aBackend('b', { models: ['phi'] })],
    });
    const error = refusal(settings(), { policy });

    expect(error.code).toBe('model_not_found');
    expect(error.param).toBe('model');
    expect(error.message).toBe(
      'No backend serves the model "gpt-4". These are served: llama3, phi. GET /v1/models lists them all.',
    );
  });

  it('is named as it was asked for, also when an alias led elsewhere', () => {
    const policy = aPolicy({ backends: [aBackend('a', { models: ['phi'] })] });

    expect(
      refusal(settings({ aliases: { best: 'gpt-9' } }), { policy, model: 'best' }).message,
    ).toMatch('"best"');
  });

  it('gets a bounded answer, however long its name and the list', () => {
    const models = Array.from({ length: 1000 }, (_, at) => `model-${String(at).padStart(4, '0')}`);
    const error = refusal(settings(), {
      policy: aPolicy({ backends: [aBackend('a', { models })] }),
      model: 'x'.repeat(100_000),
    });

    expect(error.message).toMatch(/model-0019 and 980 more\. GET/);
    expect(error.message.length).toBeLessThan(500);
  });

  it('is told when no backend has said what it serves', () => {
    expect(refusal(settings(), { policy: aPolicy() }).message).toBe(
      'No backend serves the model "gpt-4". No backend has told its models yet; look at GET /health.',
    );
  });

  it('is not found under a closed budget either', () => {
    expect(refusal(settings(), { policy: aPolicy({ posture: 'closed' }) }).code).toBe(
      'model_not_found',
    );
  });
});

describe('routing policies', () => {
  const backends = [
    aBackend('cloud', { models: ['gpt-4', 'llama3'], kind: 'cloud', priority: 1, tier: 3 }),
    aBackend('local', { models: ['gpt-4', 'llama3'], priority: 90, tier: 2 }),
  ];
  const policy = aPolicy({ backends });

  it('keep a restricted model on local backends, and say so', () => {
    const routing = settings({ policies: [aRule('gpt-*', { privacy: 'restricted' })] });

    expect(candidates(routing, { policy })).toMatchObject([
      { backend: 'local', reason: 'privacy-requirement' },
    ]);
  });

  it('do not speak of privacy where it removed nothing', () => {
    const routing = settings({ policies: [aRule('gpt-*', { privacy: 'restricted' })] });
    const down = aPolicy({
      backends: [
        { ...aBackend('cloud', { models: ['gpt-4'], kind: 'cloud' }), health: 'unhealthy' },
        aBackend('local', { models: ['gpt-4'] }),
      ],
    });

    expect(candidates(routing, { policy: down })).toMatchObject([
      { backend: 'local', reason: 'capability-match' },
    ]);
  });

  it('bind what answers in place of a restricted model too', () => {
    const routing = settings({
      fallbacks: { 'gpt-4': ['llama3'] },
      policies: [
        aRule('gpt-4', { privacy: 'restricted', minTier: 2, maxCostPerRequest: 500 }),
        aRule('llama3', { maxCostPerRequest: 900 }),
      ],
    });

    expect(candidates(routing, { policy })).toMatchObject([
      { backend: 'local', model: 'gpt-4', maxCostPerRequest: 500 },
      { backend: 'local', model: 'llama3', maxCostPerRequest: 500, reason: 'privacy-requirement' },
    ]);
  });

  it('of the answering model bind as well', () => {
    const routing = settings({
      fallbacks: { 'gpt-4': ['llama3'] },
      policies: [aRule('llama3', { privacy: 'restricted', maxCostPerRequest: 900 })],
    });

    expect(candidates(routing, { policy })).toMatchObject([
      { backend: 'cloud', model: 'gpt-4', maxCostPerRequest: null },
      { backend: 'local', model: 'gpt-4' },
      { backend: 'local', model: 'llama3', maxCostPerRequest: 900 },
    ]);
  });

  it('apply to the name after aliases, the first match only', () => {
    const routing = settings({
      aliases: { best: 'gpt-4' },
      policies: [
        aRule('best', { minTier: 5 }),
        aRule('gpt-[0-9]', { minTier: 3 }),
        aRule('*', { minTier: 5 }),
      ],
    });

    expect(order(routing, { policy, model: 'best' })).toEqual(['cloud:gpt-4']);
  });

  it('leave models alone that no pattern matches', () => {
    expect(order(settings({ policies: [aRule('phi', { minTier: 5 })] }), { policy })).toEqual([
      'cloud:gpt-4',
      'local:gpt-4',
    ]);
  });

  it('can forbid another model', () => {
    const routing = settings({
      fallbacks: { 'gpt-4': ['llama3'] },
      policies: [aRule('gpt-4', { fallbackAllowed: false })],
    });

    expect(order(routing, { policy })).toEqual(['cloud:gpt-4', 'local:gpt-4']);
  });
});

describe('the budget', () => {
  const fallbacks = { 'gpt-4': ['llama3'] };
  const cloud = aBackend('cloud', { models: ['gpt-4', 'llama3'], kind: 'cloud', priority: 1 });
  const local = aBackend('local', { models: ['gpt-4', 'llama3'], priority: 90 });
  const soft = aBudget({ status: 'SoftLimit' });
  const hard = aBudget({ status: 'HardLimit', action: 'block_cloud' });
  const reasons = (asked: Asked, routing = settings({ fallbacks })): readonly string[] =>
    candidates(routing, asked).map(({ backend, model, reason }) => `${backend}:${model} ${reason}`);

  it('open: the best backend wins, local or cloud', () => {
    expect(
      order(settings({ fallbacks }), {
        policy: aPolicy({ backends: [cloud, local], budget: aBudget() }),
      }),
    ).toEqual(['cloud:gpt-4', 'local:gpt-4', 'cloud:llama3', 'local:llama3']);
  });

  it('preferLocal: local ones of the model, of its fallbacks, then cloud ones of the model, of its fallbacks', () => {
    expect(
      reasons({
        policy: aPolicy({ backends: [cloud, local], posture: 'preferLocal', budget: soft }),
      }),
    ).toEqual([
      'local:gpt-4 budget-soft-limit',
      'local:llama3 budget-soft-limit',
      'cloud:gpt-4 capability-match',
      'cloud:llama3 capability-match',
    ]);
  });

  it('preferLocal: a local fallback goes before the cloud', () => {
    const onlyCloud = aBackend('cloud', { models: ['gpt-4'], kind: 'cloud', priority: 1 });
    const onlyLocal = aBackend('local', { models: ['llama3'], priority: 90 });
    const policy = aPolicy({
      backends: [onlyCloud, onlyLocal],
      posture: 'preferLocal',
      budget: soft,
    });

    expect(reasons({ policy })).toEqual([
      'local:llama3 budget-soft-limit',
      'cloud:gpt-4 capability-match',
    ]);
    expect(reasons({ policy, strict: true })).toEqual(['cloud:gpt-4 capability-match']);
  });

  it('preferLocal: names the budget also when the local one would have won, but a cloud one was there', () => {
    const near = aBackend('near', { models: ['gpt-4'], priority: 0 });
    const policy = aPolicy({ backends: [cloud, near], posture: 'preferLocal', budget: soft });

    expect(reasons({ policy }, settings())[0]).toBe('near:gpt-4 budget-soft-limit');
  });

  it('preferLocal: does not name the budget when it changed nothing', () => {
    const alone = aPolicy({ backends: [local], posture: 'preferLocal', budget: soft });
    const fallbackOnly = aPolicy({
      backends: [
        aBackend('local', { models: ['gpt-4'] }),
        aBackend('cloud', { models: ['llama3'], kind: 'cloud' }),
      ],
      posture: 'preferLocal',
      budget: soft,
    });

    expect(reasons({ policy: alone }, settings())).toEqual(['local:gpt-4 capability-match']);
    expect(reasons({ policy: fallbackOnly })).toEqual([
      'local:gpt-4 capability-match',
      'cloud:llama3 capability-match',
    ]);
  });

  it('preferLocal: names the budget for a fallback that the cloud ones of another fallback would have come before', () => {
    const backends = [
      aBackend('cloud', { models: ['a'], kind: 'cloud' }),
      aBackend('local', { models: ['b'] }),
    ];
    const policy = aPolicy({ backends, posture: 'preferLocal', budget: soft });

    expect(reasons({ policy }, settings({ fallbacks: { 'gpt-4': ['a', 'b'] } }))).toEqual([
      'local:b budget-soft-limit',
      'cloud:a capability-match',
    ]);
  });

  it('preferLocal past the hard limit, where the action only warns: says hard', () => {
    const budget = aBudget({ status: 'HardLimit', action: 'warn' });
    const policy = aPolicy({ backends: [cloud, local], posture: 'preferLocal', budget });

    expect(reasons({ policy }, settings())[0]).toBe('local:gpt-4 budget-hard-limit');
  });

  it('localOnly: no cloud at all', () => {
    const policy = aPolicy({ backends: [cloud, local], posture: 'localOnly', budget: hard });

    expect(reasons({ policy })).toEqual([
      'local:gpt-4 budget-hard-limit',
      'local:llama3 budget-hard-limit',
    ]);
  });

  it('localOnly: is exhausted when only the cloud could serve', () => {
    const error = refusal(settings(), {
      policy: aPolicy({ backends: [cloud], posture: 'localOnly', budget: hard }),
    });

    expect(error.code).toBe('budget_exhausted');
    expect(error.message).toBe(
      '"gpt-4" is not served: the hard limit of the monthly budget is reached, hard_limit_action "block_cloud" stops cloud backends, and no local one can serve it. Wait for the next billing month or raise [routing.budget] monthly_limit_usd.',
    );
  });

  it('localOnly: is exhausted for a strict request whose fallback is local', () => {
    const policy = aPolicy({
      backends: [
        aBackend('cloud', { models: ['gpt-4'], kind: 'cloud' }),
        aBackend('local', { models: ['llama3'] }),
      ],
      posture: 'localOnly',
      budget: hard,
    });

    expect(order(settings({ fallbacks }), { policy })).toEqual(['local:llama3']);
    expect(refusal(settings({ fallbacks }), { policy, strict: true }).code).toBe(
      'budget_exhausted',
    );
  });

  it('localOnly: blames health, not money, when nothing could have served anyway', () => {
    const down = { ...cloud, health: 'unhealthy' as const };

    expect(
      refusal(settings(), {
        policy: aPolicy({ backends: [down], posture: 'localOnly', budget: hard }),
      }).code,
    ).toBe('no_available_backend');
  });

  it('closed: nothing at all', () => {
    const error = refusal(settings(), {
      policy: aPolicy({ backends: [cloud, local], posture: 'closed', budget: hard }),
    });

    expect(error.code).toBe('budget_exhausted');
    expect(error.message).toMatch('hard_limit_action "block_all" stops every request');
  });

  it('closed: is about money, also where nothing is healthy', () => {
    const down = { ...cloud, health: 'unhealthy' as const };

    expect(
      refusal(settings(), {
        policy: aPolicy({ backends: [down], posture: 'closed', budget: hard }),
      }).code,
    ).toBe('budget_exhausted');
  });
});

describe('the reason of the first choice', () => {
  const backends = [
    aBackend('a', { models: ['gpt-4'], priority: 10 }),
    aBackend('b', { models: ['gpt-4'], priority: 12 }),
  ];

  it('is capacity-overflow when load alone changed the winner', () => {
    expect(
      candidates(settings(), { policy: aPolicy({ backends }), pending: { a: 20 } }),
    ).toMatchObject([
      { backend: 'b', reason: 'capacity-overflow' },
      { backend: 'a', reason: 'capability-match' },
    ]);
  });

  it('is no overflow when the winner is loaded and wins all the same', () => {
    expect(
      candidates(settings(), { policy: aPolicy({ backends }), pending: { a: 1 } }),
    ).toMatchObject([{ backend: 'a', reason: 'capability-match' }, { backend: 'b' }]);
  });
});

describe('a published policy', () => {
  const input = (policy: RoutingPolicy): DecideInput => ({
    request: {
      model: 'gpt-4',
      route: 'chat',
      strict: false,
      features: { vision: false, tools: false, jsonMode: false },
    },
    tokens: 10,
    policy,
    pending: () => 0,
    turn: 0,
    random: () => 0,
  });

  it('is taken as it is until the next one, whose health and models count at once', () => {
    const router = createRouter(settings());
    const first = aPolicy({
      backends: [aBackend('a', { models: ['gpt-4'] }), aBackend('b', { models: ['phi'] })],
    });
    const next = aPolicy({
      version: 2,
      backends: [
        aBackend('a', { models: ['gpt-4'], health: 'unhealthy' }),
        aBackend('b', { models: ['phi', 'gpt-4'] }),
      ],
    });

    for (const policy of [first, first])
      expect(router.decide(input(policy))).toMatchObject({ candidates: [{ backend: 'a' }] });
    expect(router.decide(input(next))).toMatchObject({ candidates: [{ backend: 'b' }] });
  });
});

describe('every combination of posture, strategy, health, strict and privacy', () => {
  const postures: readonly Posture[] = ['open', 'preferLocal', 'localOnly', 'closed'];
  const strategies: readonly Strategy[] = ['smart', 'round_robin', 'priority_only', 'random'];
  const healths: readonly HealthStatus[] = ['healthy', 'unknown', 'unhealthy'];
  const world = (cloudHealth: HealthStatus, localHealth: HealthStatus): readonly BackendView[] => [
    aBackend('cloud', { models: ['gpt-4'], kind: 'cloud', priority: 1, health: cloudHealth }),
    aBackend('local', { models: ['llama3'], priority: 90, health: localHealth }),
  ];

  /** What the contract says, written down once more and in another way than the router does it. */
  function expected(
    posture: Posture,
    cloudUp: boolean,
    localUp: boolean,
    strict: boolean,
    restricted: boolean,
  ): string {
    if (posture === 'closed') return 'budget_exhausted';
    const mayCloud = cloudUp && !restricted;
    const mayLocal = localUp && !strict;
    if (!mayCloud && !mayLocal) return 'no_available_backend';
    if (posture === 'localOnly') return mayLocal ? 'local:llama3' : 'budget_exhausted';
    if (!mayCloud) return 'local:llama3';
    if (!mayLocal) return 'cloud:gpt-4';
    return posture === 'open' ? 'cloud:gpt-4 local:llama3' : 'local:llama3 cloud:gpt-4';
  }

  const rows = postures.flatMap((posture) =>
    strategies.flatMap((strategy) =>
      healths.flatMap((cloudHealth) =>
        healths.flatMap((localHealth) =>
          [true, false].flatMap((strict) =>
            [true, false].map((restricted) => ({
              posture,
              strategy,
              cloudHealth,
              localHealth,
              strict,
              restricted,
            })),
          ),
        ),
      ),
    ),
  );

  it.each(rows)(
    '$posture, $strategy, cloud $cloudHealth, local $localHealth, strict $strict, restricted $restricted',
    ({ posture, strategy, cloudHealth, localHealth, strict, restricted }) => {
      const routing = settings({
        strategy,
        fallbacks: { 'gpt-4': ['llama3'] },
        policies: restricted ? [aRule('gpt-4', { privacy: 'restricted' })] : [],
      });
      const decision = decide(routing, {
        policy: aPolicy({ posture, backends: world(cloudHealth, localHealth), budget: aBudget() }),
        strict,
      });
      const found =
        decision.kind === 'refuse'
          ? decision.error.code
          : decision.candidates.map(({ backend, model }) => `${backend}:${model}`).join(' ');

      expect(found).toBe(
        expected(
          posture,
          cloudHealth !== 'unhealthy',
          localHealth !== 'unhealthy',
          strict,
          restricted,
        ),
      );
    },
  );
});
