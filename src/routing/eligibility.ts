/** Whether a backend that lists a model can serve one request, and in words why not. */
import type { ModelRoute } from '../core/policy.ts';
import type { RequestFeatures } from '../core/request.ts';
import type { Listing } from './model-index.ts';
import type { ModelRules } from './model-rules.ts';

export interface Need {
  readonly route: ModelRoute;
  readonly features: RequestFeatures;
  /** Input tokens, best estimate. */
  readonly tokens: number;
}

export type Obstacle = 'route' | 'unhealthy' | 'vision' | 'tools' | 'context' | 'tier' | 'privacy';

const ROUTE_PATHS: Readonly<Record<ModelRoute, string>> = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
  messages: '/v1/messages',
  responses: '/v1/responses',
};

/**
 * The first obstacle, or null. What a backend does not tell is no obstacle: it may well be able to.
 * Privacy comes last, so that it is named only where it alone decided.
 */
export function obstacleOf(
  { backend, model }: Listing,
  need: Need,
  rules: ModelRules,
): Obstacle | null {
  if (!backend.routes.includes(need.route)) return 'route';
  if (backend.health === 'unhealthy') return 'unhealthy';
  if (need.features.vision && model.vision === false) return 'vision';
  if (need.features.tools && model.tools === false) return 'tools';
  if (model.contextLength !== null && need.tokens > model.contextLength) return 'context';
  if (backend.tier < rules.minTier) return 'tier';
  if (rules.isRestricted && backend.kind === 'cloud') return 'privacy';
  return null;
}

type Describe = (listing: Listing, need: Need, rules: ModelRules) => string;

const DESCRIPTIONS: Readonly<Record<Obstacle, Describe>> = {
  route: (_listing, { route }) => `does not serve ${ROUTE_PATHS[route]}`,
  unhealthy: ({ backend }) => `unhealthy: ${backend.healthReason ?? 'no reason is known'}`,
  vision: ({ model }) => `its ${model.id} does not take images`,
  tools: ({ model }) => `its ${model.id} does not call tools`,
  context: ({ model }, { tokens }) =>
    `its ${model.id} takes ${model.contextLength} tokens, and the request has about ${tokens}`,
  tier: ({ backend }, _need, { minTier }) =>
    `tier ${backend.tier}, and a routing policy asks for ${minTier} or better`,
  privacy: () => 'a cloud backend, and a routing policy keeps the model on local ones',
};

/** An obstacle in words for people. */
export function describeObstacle(
  obstacle: Obstacle,
  listing: Listing,
  need: Need,
  rules: ModelRules,
): string {
  return DESCRIPTIONS[obstacle](listing, need, rules);
}
