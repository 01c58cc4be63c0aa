/**
 * What a provider multiplies its rates by for a call that is served faster, or in one region. The packaged list has
 * none of it.
 *
 * Sources, read 2026-11-29: OpenAI's page "Fast mode for API customers" (twice the list for all models but GPT-5.5, which
 * is at 2.5; a few older ones are below twice); Anthropic's guides "Fast mode" (6 times for Opus 4.6, twice for Opus 5)
 * and "Data residency" (1.1 times for inference in the US only). Where nothing is published the dearest is taken.
 */
import type { Price, ServicePercents } from '../core/prices.ts';
import type { JsonObject } from '../core/request.ts';
import type { DearerService } from '../core/usage.ts';

const PLAIN_PERCENT = 100;
const DEAREST_PERCENT = 600;
const US_PERCENT = 110;

/** What is known today of a model. A price takes it along, so that a charge can be made again when this has changed. */
export function servicePercentsOf(model: string): ServicePercents {
  const name = model.toLowerCase();
  const priority = /gpt-5\.5/.test(name) ? 250 : 200;
  const fast = /opus-5/.test(name) ? 200 : DEAREST_PERCENT;
  return Object.freeze({ priority, fast, ultrafast: DEAREST_PERCENT, us: US_PERCENT });
}

/** Percent of the rates; 100 for nearly every call. */
export function servicePercent(
  { speed, region }: DearerService,
  { model, servicePercents }: Pick<Price, 'model' | 'servicePercents'>,
): number {
  if (speed === undefined && region === undefined) return PLAIN_PERCENT;
  const percents = servicePercents ?? servicePercentsOf(model);
  const percent = speed === undefined ? PLAIN_PERCENT : percents[speed];
  return region === 'us' ? (percent * percents.us) / PLAIN_PERCENT : percent;
}

/** The service that a request body asks for. Never throws. */
export function askedService(body: JsonObject): DearerService {
  const { service_tier: tier, speed, inference_geo: geo } = body;
  const region = geo === 'us' ? ({ region: geo } as const) : {};
  if (tier === 'ultrafast') return { speed: tier, ...region };
  if (speed === 'fast') return { speed, ...region };
  return { ...((tier === 'priority' || tier === 'fast') && { speed: 'priority' }), ...region };
}
