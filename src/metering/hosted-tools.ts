/**
 * Tools that a vendor defines, runs, or both: they are a line in a request, and hundreds of tokens of definition, or whole
 * pages of results, in what is billed as input.
 *
 * Sources, read 2026-11: Anthropic's documentation of the single tools (bash: 244 tokens, 325 from Opus 4.7 on; text editor:
 * 700; computer use: 735 and up to 499 of system prompt; web search and web fetch: what pages of usual size take);
 * OpenAI's pages "Web search" and "File search" (up to 20 chunks of 800 tokens for a call). Where a vendor states nothing,
 * the estimate is a definition of usual size.
 */
import type { JsonObject } from '../core/request.ts';
import type { MediaTokens } from './image-tokens.ts';
import { isObject, stringOf, type Prompt } from './prompt.ts';

interface HostedTool {
  /** What stands in the prompt for the tool, called or not. */
  readonly definition: MediaTokens;
  /** What one call of the provider's own can add to the input; 0 for tools that the client runs. */
  readonly call: MediaTokens;
}

const NOTHING: MediaTokens = { tokens: 0, bound: 0 };

const client = (tokens: number, bound: number): HostedTool => ({
  definition: { tokens, bound },
  call: NOTHING,
});
const server = (tokens: number, bound: number, call: MediaTokens): HostedTool => ({
  definition: { tokens, bound },
  call,
});

/** By the start of `type`: vendors put a date behind it. */
const HOSTED: readonly (readonly [RegExp, HostedTool])[] = [
  [/^bash_/, client(325, 400)],
  [/^text_editor_/, client(700, 1000)],
  [/^computer(_|$)/, client(1234, 2000)],
  [/^browser_/, client(2500, 5000)],
  [/^memory_/, client(600, 1200)],
  [/^(local_shell|shell|apply_patch)$/, client(300, 1000)],
  [/^web_search/, server(600, 2500, { tokens: 0, bound: 12_000 })],
  [/^web_fetch/, server(600, 2500, { tokens: 0, bound: 32_000 })],
  [/^file_search/, server(200, 1000, { tokens: 0, bound: 16_000 })],
  [/^mcp$/, server(2000, 32_000, { tokens: 0, bound: 8000 })],
  [/^(code_execution|code_interpreter)/, server(600, 2500, { tokens: 0, bound: 8000 })],
  [/^tool_search/, server(300, 1500, { tokens: 0, bound: 4000 })],
  [/^image_generation/, server(300, 1500, { tokens: 0, bound: 8000 })],
];
/** A tool of which not even the name is known. */
const UNKNOWN_TOOL = server(600, 5000, { tokens: 0, bound: 16_000 });
/** Calls in one request where it sets no maximum of its own. */
const USUAL_MOST_CALLS = 5;

/** True for a definition that only names a tool of the vendor's; a client's own has no type, or one of these. */
export function isHosted(tool: JsonObject): boolean {
  const type = stringOf(tool['type']);
  return type !== null && type !== 'function' && type !== 'custom' && type !== 'namespace';
}

function callsOf(tool: JsonObject): number {
  const most = tool['max_uses'];
  return typeof most === 'number' && Number.isSafeInteger(most) && most >= 0
    ? Math.min(most, 100)
    : USUAL_MOST_CALLS;
}

/** Adds a tool of the vendor's: its definition, and in the bound what its calls can bring in. */
export function addHostedTool(prompt: Prompt, tool: JsonObject): void {
  const type = stringOf(tool['type']) ?? '';
  const hosted = HOSTED.find(([pattern]) => pattern.test(type))?.[1] ?? UNKNOWN_TOOL;
  prompt.addStated(hosted.definition);
  if (hosted.call.bound === 0) return;
  prompt.addMedia({ tokens: hosted.call.tokens, bound: hosted.call.bound * callsOf(tool) });
}

/** Adds servers whose tools the provider fetches by itself (`mcp_servers`): how many they have is not in the request. */
export function addRemoteTools(prompt: Prompt, servers: unknown): void {
  if (!Array.isArray(servers)) return;
  for (const remote of servers as readonly unknown[])
    addHostedTool(prompt, { ...(isObject(remote) && remote), type: 'mcp' });
}
