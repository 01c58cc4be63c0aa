/** What runs, in lines for the person who started it. */
import type { RoutingPolicy } from '../core/policy.ts';
import type { Settings } from '../core/settings.ts';

interface SummaryInput {
  readonly version: string;
  readonly settings: Settings;
  readonly policy: RoutingPolicy;
  /** `YYYY-MM`. */
  readonly month: string;
  readonly url: string;
  readonly metricsUrl: string | null;
  readonly statelyUrl: string | null;
}

function inspectorLines({ settings, url, statelyUrl }: SummaryInput): readonly string[] {
  return [
    ...(settings.control.inspector ? [`Inspector        ${url}/inspector`] : []),
    ...(statelyUrl === null
      ? []
      : [
          `Stately          ${statelyUrl} frames stately.ai/inspect, which draws it in your browser`,
        ]),
  ];
}

export function summaryLines(input: SummaryInput): readonly string[] {
  const { version, settings, policy, month, url, metricsUrl } = input;
  const { budget } = settings.routing;
  const { workers } = settings.server;
  const backends = policy.backends.map(
    ({ name, type, kind, health }) => `${name} (${type}, ${kind}, ${health})`,
  );
  return [
    `Nexus ${version} listens on ${url}`,
    `Dashboard        ${url}/`,
    ...inspectorLines(input),
    `Metrics          ${metricsUrl ?? url}/metrics`,
    ...(workers === 1 ? [] : [`Workers          ${workers}, one budget`]),
    `Backends         ${backends.join(', ') || 'none: add [[backends]], or start Ollama'}`,
    budget === null
      ? 'Budget           none: nothing is enforced'
      : `Budget           ${policy.budget?.status}, month ${month}, action ${budget.hardLimitAction}`,
    settings.ledger.path === ':memory:'
      ? 'Ledger           in memory: spending is forgotten when this process ends'
      : `Ledger           ${settings.ledger.path}`,
  ];
}
