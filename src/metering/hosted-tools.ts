/**
 * Tools that a vendor defines, runs, or both: they are a line in a request, and hundreds of tokens of definition in what is
 * billed as input. What their calls bring in is bounded elsewhere (`server-tools.ts`).
 *
 * Sources, read 2026-11: Anthropic's documentation of the single tools (bash: 244 tokens, 325 from Opus 4.7 on; text editor:
 * 700; computer use: 735 and up to 499 of system prompt). Where a vendor states nothing, the estimate is a definition of
 * usual size.
 */
import type { JsonObject } from '../core/request.ts';
import type { MediaTokens } from './image-tokens.ts';
import { stringOf, type Prompt } from './prompt.ts';

/** Definitions by the start of `type`: vendors put a date behind it. */
const DEFINITIONS: readonly (readonly [RegExp, MediaTokens])[] = [
  [/^bash_/, { tokens: 325, bound: 400 }],
  [/^text_editor_/, { tokens: 700, bound: 1000 }],
  [/^computer(_|$)/, { tokens: 1234, bound: 2000 }],
  [/^browser_/, { tokens: 2500, bound: 5000 }],
  [/^memory_/, { tokens: 600, bound: 1200 }],
  [/^(local_shell|shell|apply_patch)$/, { tokens: 300, bound: 1000 }],
  [/^(web_search|web_fetch|code_execution|code_interpreter)/, { tokens: 600, bound: 2500 }],
  [/^file_search/, { tokens: 200, bound: 1000 }],
  [/^(tool_search|image_generation)/, { tokens: 300, bound: 1500 }],
];
/** A tool of which not even the name is known. */
const UNKNOWN_TOOL: MediaTokens = { tokens: 600, bound: 5000 };
/** A server of tools: how many it has is not in the request. */
const REMOTE_TOOLS: MediaTokens = { tokens: 2000, bound: 32_000 };

/** True for a definition that only names a tool of the vendor's; a client's own has no type, or one of these. */
export function isHosted(tool: JsonObject): boolean {
  const type = stringOf(tool['type']);
  return type !== null && type !== 'function' && type !== 'custom' && type !== 'namespace';
}

/** Adds the definition of a tool of the vendor's. */
export function addHostedTool(prompt: Prompt, tool: JsonObject): void {
  const type = stringOf(tool['type']) ?? '';
  if (type === 'mcp') return prompt.addMedia(REMOTE_TOOLS);
  prompt.addStated(DEFINITIONS.find(([pattern]) => pattern.test(type))?.[1] ?? UNKNOWN_TOOL);
}

/** Adds what servers whose tools the provider fetches by itself (`mcp_servers`) may bring along. */
export function addRemoteTools(prompt: Prompt, servers: unknown): void {
  if (!Array.isArray(servers)) return;
  const { tokens, bound } = REMOTE_TOOLS;
  prompt.addMedia({ tokens: tokens * servers.length, bound: bound * servers.length });
}
