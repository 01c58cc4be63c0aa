/**
 * What a provider multiplies its rates by for a call that is served faster, or in one region. The packaged list has
 * none of it.
 *
 * Sources, read 2026-11-29: OpenAI's page "Fast mode for API customers" (twice the list for all models but GPT-5.5, which
 * is at 2.5; a few older ones are below twice); Anthropic's guides "Fast mode" (6 times for Opus 4.6, twice for Opus 5)
 * and "Data residency" (1.1 times for inference in the US only). Where nothing is published the dearest is taken.
 */
import type { JsonObject } from '../core/request.ts';
import type { DearerService } from '../core/usage.ts';

const PLAIN_PERCENT = 100;
const DEAREST_PERCENT = 600;
const US_PERCENT = 110;

function speedPercent(speed: DearerService['speed'], model: string): number {
  if (speed === undefined) return PLAIN_PERCENT;
  if (speed === 'priority') return /gpt-5\.5/.test(model) ? 250 : 200;
  return speed === 'fast' && /opus-5/.test(model) ? 200 : DEAREST_PERCENT;
}

/** Percent of the listed rates; 100 for nearly every call. Fees of tools are not multiplied. */
export function servicePercent({ speed, region }: DearerService, model: string): number {
  const percent = speedPercent(speed, model.toLowerCase());
  return region === 'us' ? (percent * US_PERCENT) / PLAIN_PERCENT : percent;
}

/** The service that a request body asks for. Never throws. */
export function askedService(body: JsonObject): DearerService {
  const { service_tier: tier, speed, inference_geo: geo } = body;
  const region = geo === 'us' ? ({ region: geo } as const) : {};
  if (tier === 'ultrafast') return { speed: tier, ...region };
  if (speed === 'fast') return { speed, ...region };
  return { ...((tier === 'priority' || tier === 'fast') && { speed: 'priority' }), ...region };
}
