/**
 * Calls of the tools that a provider runs itself and bills by the call, where its usage tells them:
 * - Anthropic, and OpenRouter in the same words: `server_tool_use`.
 * - xAI: `server_side_tool_usage_details`, and `num_sources_used` for its older live search.
 * - Perplexity: `num_search_queries`.
 * OpenAI's usage does not tell them; they are the items of a response's `output`.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { objectAt, objectsAt } from '../../json-values.ts';
import { tokenFigure } from '../../usage-values.ts';

export type ServerToolCalls = Pick<
  TokenUsage,
  'webSearches' | 'fileSearches' | 'searchSources' | 'webFetches' | 'codeExecutions'
>;

function sum(figures: readonly unknown[]): number {
  return figures.reduce((total: number, figure) => total + (tokenFigure(figure) ?? 0), 0);
}

/** Only what was called: most answers called nothing, and their usage stays as short as it was. */
function called(calls: Required<ServerToolCalls>): ServerToolCalls {
  return Object.fromEntries(Object.entries(calls).filter(([, count]) => count > 0));
}

/** The calls that a `usage` object tells of. */
export function serverToolCalls(usage: JsonObject): ServerToolCalls {
  const anthropic = objectAt(usage, 'server_tool_use');
  const xai = objectAt(usage, 'server_side_tool_usage_details');
  return called({
    webSearches: sum([
      anthropic['web_search_requests'],
      xai['web_search_calls'],
      xai['x_search_calls'],
      usage['num_search_queries'],
    ]),
    fileSearches: sum([xai['file_search_calls'], xai['document_search_calls']]),
    searchSources: sum([usage['num_sources_used']]),
    webFetches: sum([anthropic['web_fetch_requests']]),
    codeExecutions: sum([
      anthropic['code_execution_requests'],
      xai['code_interpreter_calls'],
      xai['code_execution_calls'],
    ]),
  });
}

/** A call of web search that only opened a page or looked for text in one; OpenAI bills the searches. */
function isSearch({ action }: JsonObject): boolean {
  if (typeof action !== 'object' || action === null || !('type' in action)) return true;
  return action.type !== 'open_page' && action.type !== 'find_in_page' && action.type !== 'find';
}

/** The calls among the output items of a response. */
export function outputToolCalls(response: JsonObject): ServerToolCalls {
  const items = objectsAt(response, 'output');
  const count = (type: string): number => items.filter((item) => item['type'] === type).length;
  return called({
    webSearches: items.filter((item) => item['type'] === 'web_search_call' && isSearch(item))
      .length,
    fileSearches: count('file_search_call'),
    searchSources: 0,
    webFetches: 0,
    codeExecutions: count('code_interpreter_call'),
  });
}
