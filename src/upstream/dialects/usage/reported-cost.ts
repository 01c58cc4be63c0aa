/**
 * What a provider says a call cost, in its own words:
 * - OpenRouter: `cost` in USD. With a key of the user's own it is the fee alone (`is_byok`), and what the provider behind
 *   it bills the user is `cost_details.upstream_inference_cost`. That figure is also there without such a key, where
 *   adding it would count the call twice.
 * - xAI: `cost_in_usd_ticks`, 10,000,000,000 to the dollar, tools and discounts included.
 * - Perplexity: `cost.total_cost` in USD, the request's fee included.
 */
import type { JsonObject } from '../../../core/request.ts';
import { isJsonObject, objectAt } from '../../json-values.ts';
import { addUsd, reportedUsd, ticksToUsd } from '../../usage-values.ts';

/** USD as plain decimal text; null where the provider says nothing that can be read. */
export function reportedCost(usage: JsonObject): string | null {
  const { cost } = usage;
  if (isJsonObject(cost)) return reportedUsd(cost['total_cost']);
  const charged = reportedUsd(cost);
  if (charged === null) return ticksToUsd(usage['cost_in_usd_ticks']);
  if (usage['is_byok'] !== true) return charged;
  const behind = reportedUsd(objectAt(usage, 'cost_details')['upstream_inference_cost']);
  // The fee alone is not the cost. Without the other part the tokens are priced.
  return behind === null ? null : addUsd(charged, behind);
}
