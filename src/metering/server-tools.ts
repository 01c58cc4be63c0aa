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
/** What one call puts before the model: a page of search results or an excerpt; the examples of the guides have 7,300. */
const RESULT_TOKENS = 8192;
/** The model is asked again after each round of calls, and reads everything again. Anthropic stops after 10 rounds. */
const MOST_ROUNDS = 10;

type ToolKind = 'webSearches' | 'fileSearches' | 'codeExecutions' | 'other';

/** By the `type` of a tool, dated or not: `web_search_20260318`, `web_search_preview`, `x_search`. */
const KINDS: readonly (readonly [RegExp, ToolKind])[] = [
  [/^(web_search|x_search|browser_search|live_search|google_search)/, 'webSearches'],
  [/^(file_search|collections_search|document_search|attachment_search)/, 'fileSearches'],
  [/^(code_interpreter|code_execution)/, 'codeExecutions'],
  [/^(web_fetch|mcp|url_context|image_generation)/, 'other'],
];

function kindOf(tool: unknown): ToolKind | null {
  const type = isObject(tool) ? stringOf(tool['type']) : null;
  if (type === null || type === 'function') return null;
  return KINDS.find(([pattern]) => pattern.test(type))?.[1] ?? null;
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 ? Math.min(Math.ceil(value), MOST_CALLS) : null;
}

/** Sources of xAI's live search, which is a field of its own. OpenAI's search models bill each request instead. */
function sourcesOf({ search_parameters: live }: JsonObject): number {
  if (!isObject(live) || live['mode'] === 'off') return 0;
  return countOf(live['max_search_results']) ?? UNBOUNDED_SOURCES;
}

/** The bounds for a request body of any route; null where it names no such tool. Never throws. */
export function serverToolsOf(body: JsonObject): ServerToolBounds | null {
  const named = { webSearches: 0, fileSearches: 0, codeExecutions: 0, other: 0 };
  const most = countOf(body['max_tool_calls']);
  const tools: readonly unknown[] = Array.isArray(body['tools']) ? body['tools'] : [];
  for (const tool of tools) {
    const kind = kindOf(tool);
    if (kind === null || !isObject(tool)) continue;
    const uses = countOf(tool['max_uses']) ?? most ?? UNBOUNDED_CALLS;
    named[kind] += Math.min(uses, most ?? uses);
  }
  const { other, ...billed } = named;
  const sum = billed.webSearches + billed.fileSearches + billed.codeExecutions + other;
  const searchSources = sourcesOf(body);
  // OpenAI's maximum is one for all tools together; a live search is one call, whatever it reads.
  const calls = Math.min(sum, most ?? sum) + (searchSources > 0 ? 1 : 0);
  return calls === 0 ? null : { ...billed, searchSources, calls };
}

/**
 * The most input tokens of a request whose own are `inputBound`, when the provider calls its tools: each round reads
 * the request again, and the results of all rounds before it.
 */
export function grownInput(inputBound: number, { calls }: ServerToolBounds): number {
  const rounds = Math.min(calls, MOST_ROUNDS);
  const results = Math.ceil((calls * RESULT_TOKENS * (rounds + 1)) / 2);
  return inputBound * (rounds + 1) + results;
}
