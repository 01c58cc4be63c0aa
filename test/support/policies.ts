/** Published policies for tests: backends that can do everything, unless a test says otherwise. */
import type {
  BackendModel,
  BackendView,
  BudgetView,
  RoutingPolicy,
} from '../../src/core/policy.ts';

export function aModel(id: string, facts: Partial<BackendModel> = {}): BackendModel {
  return { id, contextLength: null, vision: null, tools: null, ...facts };
}

/** `models`: names, or models with facts. */
export function aBackend(
  name: string,
  {
    models = [],
    ...facts
  }: Partial<Omit<BackendView, 'models'>> & {
    readonly models?: readonly (string | BackendModel)[];
  } = {},
): BackendView {
  return {
    name,
    type: facts.kind === 'cloud' ? 'openai' : 'ollama',
    kind: 'local',
    priority: 50,
    tier: 1,
    health: 'healthy',
    healthReason: null,
    routes: ['chat', 'completions', 'embeddings'],
    latencyMs: null,
    lastCheckedAtMs: null,
    ...facts,
    models: models.map((model) => (typeof model === 'string' ? aModel(model) : model)),
  };
}

export function aBudget(facts: Partial<BudgetView> = {}): BudgetView {
  return {
    status: 'Normal',
    action: 'warn',
    limit: 100_000_000_000,
    billingMonth: '2026-11',
    ...facts,
  };
}

/** Ranks the backends as the control plane does. */
export function aPolicy({ backends = [], ...facts }: Partial<RoutingPolicy> = {}): RoutingPolicy {
  const ranked = backends.toSorted((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1));
  return { version: 1, posture: 'open', budget: null, backends: ranked, ...facts };
}
