/**
 * Which of the provider's own tools a request names, and how often they can be called at most: their fees and what
 * their results add to the input belong to the hold. A request bounds the calls itself (`max_uses` of a tool at
 * Anthropic, `max_tool_calls` at OpenAI, `max_search_results` of xAI's live search); for one that does not, this many
 * are allowed for, and what a provider bills beyond them is excess.
 */
import type { JsonObject } from '../core/request.ts';
import type { ServerToolBounds } from '../core/usage.ts';
import { isObject, stringOf } from './prompt.ts';

/** Calls of one tool that are held for where the request names no maximum. Most answers make one to three. */
const UNBOUNDED_CALLS = 5;
/** Sources of one live search at xAI that are held for where the request names no maximum. */
const UNBOUNDED_SOURCES = 20;
/** A larger maximum bounds nothing. */
const MOST_CALLS = 1000;
/** Anthropic stops after so many rounds of calls and answers `pause_turn`; of others nothing is published. */
const MOST_ROUNDS = 10;

interface ServerTool {
  /** What its calls are billed as; null for none. */
  readonly billed: 'webSearches' | 'fileSearches' | 'codeExecutions' | null;
  /** What one call can put before the model: pages of results, a fetched page, the output of a program. */
  readonly resultTokens: number;
}

/**
 * By the `type` of a tool, dated or not: `web_search_20260318`, `web_search_preview`, `x_search`. Results by Anthropic's
 * guides "Web search tool" and "Web fetch tool" (pages of usual size), OpenAI's "File search" (20 chunks of 800 tokens).
 */
const SERVER_TOOLS: readonly (readonly [RegExp, ServerTool])[] = [
  [
    /^(web_search|x_search|browser_search|live_search|google_search)/,
    { billed: 'webSearches', resultTokens: 12_000 },
  ],
  [
    /^(file_search|collections_search|document_search|attachment_search)/,
    { billed: 'fileSearches', resultTokens: 16_000 },
  ],
  [/^(code_interpreter|code_execution)/, { billed: 'codeExecutions', resultTokens: 8000 }],
  [/^(web_fetch|url_context)/, { billed: null, resultTokens: 32_000 }],
  [/^(mcp$|image_generation)/, { billed: null, resultTokens: 8000 }],
];

function serverToolOf(tool: JsonObject): ServerTool | null {
  const type = stringOf(tool['type']) ?? '';
  return SERVER_TOOLS.find(([pattern]) => pattern.test(type))?.[1] ?? null;
}

function countOf(value: unknown, most = MOST_CALLS): number | null {
  return typeof value === 'number' && value >= 0 ? Math.min(Math.ceil(value), most) : null;
}

/** Sources of xAI's live search, which is a field of its own. OpenAI's search models bill each request instead. */
function sourcesOf({ search_parameters: live }: JsonObject): number {
  if (!isObject(live) || live['mode'] === 'off') return 0;
  return countOf(live['max_search_results']) ?? UNBOUNDED_SOURCES;
}

/** A live search reads excerpts of its sources once. */
const SOURCE_TOKENS = 1000;

/** The bounds for a request body of any route; null where it names no such tool. Never throws. */
export function serverToolsOf(body: JsonObject): ServerToolBounds | null {
  const billed = { webSearches: 0, fileSearches: 0, codeExecutions: 0 };
  const most = countOf(body['max_tool_calls']);
  const tools: readonly unknown[] = Array.isArray(body['tools']) ? body['tools'] : [];
  const searchSources = sourcesOf(body);
  // A live search is one call, whatever it reads.
  let calls = searchSources > 0 ? 1 : 0;
  let resultTokens = searchSources * SOURCE_TOKENS;
  for (const tool of tools.filter(isObject)) {
    const known = serverToolOf(tool);
    if (known === null) continue;
    const named = countOf(tool['max_uses']) ?? most ?? UNBOUNDED_CALLS;
    const uses = Math.min(named, most ?? named);
    if (known.billed !== null) billed[known.billed] += uses;
    calls += uses;
    const size = countOf(tool['max_content_tokens'], known.resultTokens) ?? known.resultTokens;
    resultTokens += uses * size;
  }
  return calls === 0 ? null : { ...billed, searchSources, calls, resultTokens };
}

/**
 * The most input tokens of a request whose own are `inputBound`, when the provider calls its tools: the model is asked
 * again after each round of calls, and reads the request again and the results of all rounds so far. Both Anthropic and
 * OpenAI sum this up in one `input_tokens`.
 */
export function grownInput(inputBound: number, tools: ServerToolBounds): number {
  const asked = Math.min(tools.calls, MOST_ROUNDS) + 1;
  return inputBound * asked + Math.ceil(((tools.resultTokens ?? 0) * asked) / 2);
}
