/**
 * What an enforced budget can not hold: fields by which a provider bills more than tokens of this request at its list
 * price, so that no worst case is known before it is sent. Without an enforced budget they pass, and are charged as the
 * provider reports them.
 */
import { GatewayError } from '../core/errors.ts';
import type { JsonObject, ModelRequest } from '../core/request.ts';
import type { Settings } from '../core/settings.ts';
import { isObject } from './body-fields.ts';

interface Unholdable {
  readonly field: string;
  /** Completes "`field` ...". */
  readonly why: string;
}

/** Tiers that a provider bills above its list, by a factor that it does not publish. */
const PREMIUM_TIERS: readonly unknown[] = ['scale', 'ultrafast'];

function premiumTier({ service_tier: tier }: JsonObject): Unholdable | null {
  if (!PREMIUM_TIERS.includes(tier)) return null;
  return {
    field: 'service_tier',
    why: `"${String(tier)}" is billed by a factor that is not published, which an enforced budget can not hold. Leave it out, or use "default", "flex" or "priority".`,
  };
}

/** Tools that the client runs itself: a call of one is output, and its result is the input of the next request. */
const CLIENT_TOOLS: readonly unknown[] = [
  'function',
  'custom',
  'local_shell',
  'apply_patch',
  'computer',
  'computer_use_preview',
];

/** All others run at the provider: it bills calls beside tokens, and reads the whole input again after each. */
function isRunByClient(tool: unknown): boolean {
  if (!isObject(tool)) return false;
  if (tool['type'] === 'namespace')
    return Array.isArray(tool['tools']) && tool['tools'].every(isRunByClient);
  if (tool['type'] === 'shell')
    return isObject(tool['environment']) && tool['environment']['type'] === 'local';
  if (tool['type'] === 'tool_search') return tool['execution'] === 'client';
  return CLIENT_TOOLS.includes(tool['type']);
}

/** Searches cost a known fee, so that a request which bounds its calls has a worst case. */
const SEARCH = /^(web_search|file_search)/;

function isBoundedSearch(tool: unknown, { max_tool_calls: most }: JsonObject): boolean {
  const isBounded = typeof most === 'number' && Number.isInteger(most) && most >= 0;
  return isBounded && isObject(tool) && SEARCH.test(String(tool['type']));
}

function hostedTool(tools: unknown, at: string, body: JsonObject): Unholdable | null {
  if (!Array.isArray(tools)) return null;
  const index = tools.findIndex((tool) => !isRunByClient(tool) && !isBoundedSearch(tool, body));
  if (index < 0) return null;
  const tool: unknown = tools[index];
  const type = isObject(tool) ? JSON.stringify(tool['type']) : 'which is no object';
  return {
    field: `${at}[${index}]`,
    why: `${type} runs at the provider, which bills calls and input that the gateway can not see before: an enforced budget can not hold them. Use tools of type "function", a search with max_tool_calls, or set hard_limit_action = "warn".`,
  };
}

/** Items may bring tools with them. */
function hostedToolOfItems(body: JsonObject): Unholdable | null {
  const { input } = body;
  if (!Array.isArray(input)) return null;
  for (const [index, item] of input.entries()) {
    const found = isObject(item) ? hostedTool(item['tools'], `input[${index}].tools`, body) : null;
    if (found !== null) return found;
  }
  return null;
}

function compaction({ context_management: management }: JsonObject): Unholdable | null {
  if (!Array.isArray(management) || management.length === 0) return null;
  return {
    field: 'context_management',
    why: 'lets the provider read the input more than once, which an enforced budget can not hold. Leave it out, or set hard_limit_action = "warn".',
  };
}

function template({ prompt }: JsonObject): Unholdable | null {
  if (prompt === undefined || prompt === null) return null;
  return {
    field: 'prompt',
    why: 'names a template that the provider keeps, with tools that the gateway can not see: an enforced budget can not hold them. Send its text as `instructions` and `input`, or set hard_limit_action = "warn".',
  };
}

function unholdableOf({ route, body }: Pick<ModelRequest, 'route' | 'body'>): Unholdable | null {
  const tier = premiumTier(body);
  if (tier !== null || route !== 'responses') return tier;
  return (
    hostedTool(body['tools'], 'tools', body) ??
    hostedToolOfItems(body) ??
    compaction(body) ??
    template(body)
  );
}

/** Throws a 400 that names the field, when a budget is enforced and can not hold what the request asks for. */
export function refuseUnholdable(
  { routing: { budget } }: Pick<Settings, 'routing'>,
  request: Pick<ModelRequest, 'route' | 'body'>,
): void {
  if (budget === null || budget.hardLimitAction === 'warn') return;
  const found = unholdableOf(request);
  if (found === null) return;
  throw new GatewayError('invalid_request_error', `\`${found.field}\` ${found.why}`, {
    param: found.field,
  });
}
