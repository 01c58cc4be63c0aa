/**
 * How a provider says it served a call, where it bills that above its list: `service_tier` of an answer of OpenAI (where
 * `fast` is a newer name of `priority`), `speed` and `inference_geo` in the usage of Anthropic. Its own `service_tier`
 * tells of capacity that was paid before, and is no price.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { DearerService } from '../../../core/usage.ts';

/** From the `service_tier` of an answer of OpenAI. */
export function serviceOfTier(tier: unknown): DearerService {
  if (tier === 'priority' || tier === 'fast') return { speed: 'priority' };
  return tier === 'ultrafast' ? { speed: 'ultrafast' } : {};
}

/** From the `usage` of an answer of Anthropic. */
export function serviceOfAnthropic({ speed, inference_geo: geo }: JsonObject): DearerService {
  return { ...(speed === 'fast' && { speed }), ...(geo === 'us' && { region: geo }) };
}
