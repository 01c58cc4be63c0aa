import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { BackendView, RoutingPolicy } from '../../src/core/policy.ts';
import type { RoutingPolicySettings, RoutingSettings } from '../../src/core/settings.ts';
import { createRouter, type Router } from '../../src/routing/router.ts';

type DecideInput = Parameters<Router['decide']>[0];

const MODELS = ['gpt-4', 'llama3', 'phi', 'constructor'];

const model = fc.constantFrom(...MODELS);
const anyName = fc.oneof(model, fc.constantFrom('alias', 'other', '__proto__', ''), fc.string());
const known = fc.constantFrom(true, false, null);

const backend: fc.Arbitrary<BackendView> = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  type: fc.constant('generic' as const),
  kind: fc.constantFrom('local' as const, 'cloud' as const),
  priority: fc.integer({ min: 0, max: 100 }),
  tier: fc.integer({ min: 1, max: 5 }),
  health: fc.constantFrom('unknown' as const, 'healthy' as const, 'unhealthy' as const),
  healthReason: fc.constantFrom(null, 'connection refused'),
  models: fc.array(
    fc.record({
      id: model,
      contextLength: fc.option(fc.integer({ min: 1, max: 100 })),
      vision: known,
      tools: known,
    }),
    { maxLength: 5 },
  ),
  routes: fc.subarray(['chat' as const, 'completions' as const, 'embeddings' as const]),
  latencyMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true })),
  lastCheckedAtMs: fc.constant(null),
});

const policy: fc.Arbitrary<RoutingPolicy> = fc.record({
  version: fc.nat(),
  posture: fc.constantFrom(
    'open' as const,
    'preferLocal' as const,
    'localOnly' as const,
    'closed' as const,
  ),
  budget: fc.option(
    fc.record({
      status: fc.constantFrom('Normal' as const, 'SoftLimit' as const, 'HardLimit' as const),
      action: fc.constantFrom('warn' as const, 'block_cloud' as const, 'block_all' as const),
      limit: fc.constant(1),
      billingMonth: fc.constant('2026-11'),
    }),
  ),
  backends: fc.uniqueArray(backend, { selector: ({ name }) => name }),
});

const rule: fc.Arbitrary<RoutingPolicySettings> = fc.record({
  modelPattern: fc.constantFrom('*', 'gpt-*', '{llama3,phi}', '?hi'),
  privacy: fc.constantFrom('unrestricted' as const, 'restricted' as const),
  maxCostPerRequest: fc.option(fc.nat()),
  minTier: fc.integer({ min: 1, max: 5 }),
  fallbackAllowed: fc.boolean(),
});

const weight = fc.integer({ min: 0, max: 1000 });

const routing: fc.Arbitrary<RoutingSettings> = fc.record({
  strategy: fc.constantFrom(
    'smart' as const,
    'round_robin' as const,
    'priority_only' as const,
    'random' as const,
  ),
  maxRetries: fc.nat(),
  weights: fc.record({ priority: weight, load: weight, latency: weight }),
  aliases: fc.dictionary(fc.constantFrom('alias', 'other', 'gpt-4'), anyName),
  fallbacks: fc.dictionary(anyName, fc.array(anyName, { maxLength: 4 })),
  policies: fc.array(rule, { maxLength: 3 }),
  budget: fc.constant(null),
});

const asked = fc.record({
  request: fc.record({
    model: anyName,
    route: fc.constantFrom('chat' as const, 'completions' as const, 'embeddings' as const),
    features: fc.record({ vision: fc.boolean(), tools: fc.boolean(), jsonMode: fc.boolean() }),
    strict: fc.boolean(),
  }),
  tokens: fc.nat(200),
  load: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat(500)),
  turn: fc.nat(),
  lots: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
});

type Asked = typeof asked extends fc.Arbitrary<infer Value> ? Value : never;

function inputOf(
  { request, tokens, load, turn, lots }: Asked,
  published: RoutingPolicy,
): DecideInput {
  let drawn = 0;
  const random = (): number => {
    drawn += 1;
    return lots[drawn % lots.length] ?? 0;
  };
  return { request, tokens, policy: published, turn, random, pending: (name) => load[name] ?? 0 };
}

function check(
  holds: (settings: RoutingSettings, published: RoutingPolicy, given: Asked) => void,
): void {
  // On a failure fast-check prints the seed with which it can be repeated.
  fc.assert(fc.property(routing, policy, asked, holds), { numRuns: 500 });
}

describe('for any settings, policy and request', () => {
  it('there is a decision, and a second time it is the same', () => {
    check((settings, published, given) => {
      const first = createRouter(settings).decide(inputOf(given, published));
      const again = createRouter(settings).decide(inputOf(given, structuredClone(published)));

      expect(again).toEqual(first);
      expect(first.kind === 'refuse' || first.candidates.length > 0).toBe(true);
    });
  });

  it('no candidate is cloud under localOnly, and there is none under closed', () => {
    check((settings, published, given) => {
      const decision = createRouter(settings).decide(inputOf(given, published));
      if (decision.kind === 'refuse') return;

      expect(published.posture).not.toBe('closed');
      const isLocal = decision.candidates.every(({ kind }) => kind === 'local');
      expect(isLocal || published.posture !== 'localOnly').toBe(true);
    });
  });

  it('a strict request is never answered by another model', () => {
    check((settings, published, given) => {
      const router = createRouter(settings);
      const strict = { ...given, request: { ...given.request, strict: true } };
      const decision = router.decide(inputOf(strict, published));
      if (decision.kind === 'refuse') return;
      const { model: wanted } = router.resolve(given.request.model);

      expect(
        decision.candidates.every(
          (candidate) => candidate.model === wanted && !candidate.isFallback,
        ),
      ).toBe(true);
    });
  });

  it('no candidate comes twice, and each is a backend that lists a resolved name and is not known to be down', () => {
    check((settings, published, given) => {
      const router = createRouter(settings);
      const decision = router.decide(inputOf(given, published));
      if (decision.kind === 'refuse') return;
      const { model: wanted, fallbacks } = router.resolve(given.request.model);
      const keys = decision.candidates.map(
        (candidate) => `${candidate.backend} ${candidate.model}`,
      );

      expect(new Set(keys).size).toBe(keys.length);
      for (const candidate of decision.candidates) {
        const view = published.backends.find(({ name }) => name === candidate.backend);
        expect([wanted, ...fallbacks]).toContain(candidate.model);
        expect(view?.health).not.toBe('unhealthy');
        expect(view?.kind).toBe(candidate.kind);
        expect(view?.models.map(({ id }) => id)).toContain(candidate.model);
      }
    });
  });

  it('a posture takes away or reorders, and never adds', () => {
    check((settings, published, given) => {
      const router = createRouter(settings);
      const open = router.decide(inputOf(given, { ...published, posture: 'open' }));
      const decision = router.decide(inputOf(given, published));
      if (decision.kind === 'refuse') return;
      const free =
        open.kind === 'route'
          ? open.candidates.map(({ backend: name, model: id }) => `${name} ${id}`)
          : [];

      expect(free).toEqual(
        expect.arrayContaining(
          decision.candidates.map(({ backend: name, model: id }) => `${name} ${id}`),
        ),
      );
    });
  });

  it('preferLocal never puts a cloud candidate before a local one', () => {
    check((settings, published, given) => {
      const decision = createRouter(settings).decide(
        inputOf(given, { ...published, posture: 'preferLocal' }),
      );
      if (decision.kind === 'refuse') return;
      const kinds = decision.candidates.map(({ kind }) => kind);

      expect(kinds).toEqual(kinds.toSorted().toReversed());
    });
  });
});
