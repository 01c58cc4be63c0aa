/** The router's refusals: what is wrong, in words that say what to do. */
import { GatewayError } from '../core/errors.ts';
import type { RoutingPolicy } from '../core/policy.ts';

/** Long lists help nobody, and an error must stay small however many backends there are. */
const MAX_NAMES = 20;
const MAX_REASONS_IN_MESSAGE = 5;
const MAX_NAME_LENGTH = 100;

/** A name from a client, short enough to be repeated to it. */
function quote(model: string): string {
  return JSON.stringify(
    model.length > MAX_NAME_LENGTH ? `${model.slice(0, MAX_NAME_LENGTH)}...` : model,
  );
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}

export function modelNotFound(asked: string, policy: RoutingPolicy): GatewayError {
  const served = [
    ...new Set(policy.backends.flatMap(({ models }) => models.map(({ id }) => id))),
  ].toSorted();
  const advice =
    served.length === 0
      ? 'No backend has told its models yet; look at GET /health.'
      : `These are served: ${listNames(served)}. GET /v1/models lists them all.`;
  return new GatewayError(
    'model_not_found',
    `No backend serves the model ${quote(asked)}. ${advice}`,
    { param: 'model' },
  );
}

/** The posture alone stands in the way: without the budget there would be something to try. */
export function budgetExhausted(asked: string, policy: RoutingPolicy): GatewayError {
  const why =
    policy.posture === 'closed'
      ? `the hard limit of the monthly budget is reached and hard_limit_action "block_all" stops every request`
      : `the hard limit of the monthly budget is reached, hard_limit_action "block_cloud" stops cloud backends, and no local one can serve it`;
  return new GatewayError(
    'budget_exhausted',
    `${quote(asked)} is not served: ${why}. Wait for the next billing month or raise [routing.budget] monthly_limit_usd.`,
  );
}

/** `reasons`: why each backend that lists the model, or a fallback of it, was left out. */
export function noAvailableBackend(
  asked: string,
  policy: RoutingPolicy,
  reasons: ReadonlyMap<string, string>,
): GatewayError {
  const words = [...reasons]
    .slice(0, MAX_REASONS_IN_MESSAGE)
    .map(([name, why]) => `${name} (${why})`);
  const more = reasons.size > words.length ? ` and ${reasons.size - words.length} more` : '';
  const available = policy.backends
    .filter(({ health }) => health !== 'unhealthy')
    .map(({ name }) => name);
  return new GatewayError(
    'no_available_backend',
    `No backend can serve ${quote(asked)} now: ${words.join(', ')}${more}. GET /health shows the state of each; try again when one is back, or ask for another model.`,
    {
      context: {
        available_backends: available.slice(0, MAX_NAMES),
        reasons: Object.fromEntries([...reasons].slice(0, MAX_NAMES)),
      },
    },
  );
}
