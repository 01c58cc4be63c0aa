/**
 * What tool definitions and tool calls cost in input tokens.
 *
 * OpenAI: the rule of the cookbook "How to count tokens with tiktoken", section 7, which gives the API's own figures
 * (105 for gpt-4, 101 for gpt-4o on its example) for flat schemas; what is nested in a property is counted as JSON
 * text, which is a little more than what the API renders. Anthropic: the system prompt for tool use, by model and
 * `tool_choice` (documentation "Tool use", pricing, read 2026-11); it has the frame of the first tool in it, as its example
 * "Token counting" shows: 403 tokens with one tool. The frame of each further one (53 for Claude, 6 for GPT-5) and the
 * system prompt of GPT-5 (24) are from the tables that Coder measured for `ai-tokenizer` 1.0.
 */
import type { JsonObject } from '../core/request.ts';
import { addHostedTool, isHosted } from './hosted-tools.ts';
import { isObject, jsonText, stringOf, type Prompt } from './prompt.ts';
import type { Reading } from './read-content.ts';
import { plainModelName } from './tokenizers.ts';

const OPENAI_FUNCTION_START = { cl100k_base: 10, o200k_base: 7 } as const;
const OPENAI_PROPERTIES_START = 3;
const OPENAI_PROPERTY = 3;
const OPENAI_ENUM_START = -3;
const OPENAI_ENUM_ITEM = 3;
const OPENAI_FUNCTIONS_END = 12;
/** Beyond the rule, for what it was not measured on: strict mode, parallel calls, nested schemas. */
const OPENAI_DOUBT = { request: 16, tool: 8 };
const CLAUDE_TOOL = 53;
/** Anthropic's words for a choice that must call a tool, then OpenAI's. */
const FORCED_CHOICES: ReadonlySet<unknown> = new Set(['any', 'tool', 'required', 'function']);
/** Claude's system prompt for tools: where the model may choose, and where it must call one. */
interface ClaudePrompt {
  readonly free: number;
  readonly forced: number;
}
const CLAUDE_PROMPTS: readonly (readonly [RegExp, ClaudePrompt])[] = [
  [/^claude-3-opus/, { free: 530, forced: 281 }],
  [/^claude-3-sonnet/, { free: 159, forced: 235 }],
  [/^claude-(3-haiku|3[-.]5-haiku)/, { free: 264, forced: 355 }],
  [/^claude-3[-.]5-sonnet/, { free: 346, forced: 313 }],
  [/^claude-3[-.]7/, { free: 346, forced: 313 }],
  [/^claude-(opus|sonnet)-4(-[01])?(-20\d{6})?(@|$)/, { free: 313, forced: 315 }],
  [/^claude-(opus|sonnet|haiku)-4[-.][56]/, { free: 497, forced: 589 }],
  [/^claude-opus-4[-.]7/, { free: 675, forced: 804 }],
  [/^claude-opus-(4[-.]8|5)/, { free: 290, forced: 410 }],
  [/^claude-sonnet-5/, { free: 354, forced: 474 }],
];
/** For models that came later: as the newest; the bound is the dearest of all. */
const LATER_CLAUDE: ClaudePrompt = { free: 354, forced: 474 };
const DEAREST_CLAUDE_PROMPT = 804;
/** Chat templates of open models describe the calling convention in 50 to 150 tokens. */
const OTHER = { request: 24, tool: 6, requestDoubt: 128, toolDoubt: 16 };

/** Name and frame of one call in an assistant's message; measured figures lie between 5 and 12. */
const CALL = { overhead: 8, doubt: 8 };

function definitionOf(tool: JsonObject): JsonObject {
  const inner = tool['function'];
  return isObject(inner) ? inner : tool;
}

function withoutFullStop(text: unknown): string {
  return typeof text === 'string' ? text.replace(/\.$/, '') : '';
}

function addProperty(prompt: Prompt, name: string, schema: unknown): void {
  prompt.overhead += OPENAI_PROPERTY;
  if (!isObject(schema)) return prompt.addText(`${name}:${jsonText(schema)}`);
  const { type, description, enum: choices, ...nested } = schema;
  prompt.addText(
    `${name}:${typeof type === 'string' ? type : jsonText(type)}:${withoutFullStop(description)}`,
  );
  if (Array.isArray(choices)) {
    prompt.overhead += Math.max(0, OPENAI_ENUM_START + OPENAI_ENUM_ITEM * choices.length);
    for (const choice of choices)
      prompt.addText(typeof choice === 'string' ? choice : jsonText(choice));
  }
  if (Object.keys(nested).length > 0) prompt.addText(jsonText(nested));
}

function addOpenAiTool(prompt: Prompt, tool: JsonObject, start: number): void {
  const {
    name,
    description,
    parameters: ownShape,
    input_schema: messagesShape,
    format,
  } = definitionOf(tool);
  // Anthropic's name for the same; a free-form tool (`custom`) has a grammar instead.
  const parameters = ownShape ?? messagesShape;
  if (isObject(format)) prompt.addText(jsonText(format));
  prompt.overhead += start;
  prompt.doubtfulOverhead += OPENAI_DOUBT.tool;
  prompt.addText(`${stringOf(name) ?? ''}:${withoutFullStop(description)}`);
  if (!isObject(parameters)) return;
  const {
    properties,
    type: _type,
    required: _required,
    additionalProperties: _additional,
    ...rest
  } = parameters;
  if (isObject(properties)) {
    const entries = Object.entries(properties);
    if (entries.length > 0) prompt.overhead += OPENAI_PROPERTIES_START;
    for (const [key, schema] of entries) addProperty(prompt, key, schema);
  }
  if (Object.keys(rest).length > 0) prompt.addText(jsonText(rest));
}

function addClaudePrompt(prompt: Prompt, model: string, choice: unknown): void {
  const name = plainModelName(model);
  const known = CLAUDE_PROMPTS.find(([pattern]) => pattern.test(name))?.[1];
  const { free, forced } = known ?? LATER_CLAUDE;
  const kind = isObject(choice) ? choice['type'] : choice;
  const tokens = FORCED_CHOICES.has(kind) ? forced : free;
  const most = known === undefined ? DEAREST_CLAUDE_PROMPT : Math.max(free, forced);
  prompt.addStated({ tokens: tokens - CLAUDE_TOOL, bound: most });
}

function addToolFrames({ prompt, tokenizer, model }: Reading, choice: unknown): void {
  switch (tokenizer.family) {
    case 'openai':
      prompt.overhead += OPENAI_FUNCTIONS_END;
      prompt.doubtfulOverhead += OPENAI_DOUBT.request;
      return;
    case 'claude':
      return addClaudePrompt(prompt, model, choice);
    case 'gemini':
    case 'other':
      prompt.overhead += OTHER.request;
      prompt.doubtfulOverhead += OTHER.requestDoubt;
  }
}

function addTool(reading: Reading, tool: JsonObject): void {
  const { prompt, tokenizer } = reading;
  if (tool['cache_control'] !== undefined) prompt.canWriteCache = true;
  if (isHosted(tool)) return addHostedTool(prompt, tool);
  if (tool['type'] === 'namespace' && Array.isArray(tool['tools'])) {
    prompt.addText(`${stringOf(tool['name']) ?? ''}:${stringOf(tool['description']) ?? ''}`);
    return addDefinitions(reading, tool['tools']);
  }
  if (tokenizer.tier === 'exact')
    return addOpenAiTool(prompt, tool, OPENAI_FUNCTION_START[tokenizer.encoding]);
  if (tokenizer.family === 'claude') prompt.addStated({ tokens: CLAUDE_TOOL, bound: CLAUDE_TOOL });
  else prompt.overhead += OTHER.tool;
  prompt.doubtfulOverhead += OTHER.toolDoubt;
  prompt.addText(jsonText(definitionOf(tool)));
}

function addDefinitions(reading: Reading, tools: readonly unknown[]): void {
  for (const tool of tools) {
    if (isObject(tool)) addTool(reading, tool);
    else reading.prompt.addText(jsonText(tool));
  }
}

/**
 * Adds the definitions in `tools` or the older `functions`, in OpenAI's nested or flat shape or Anthropic's; anything else
 * than a list of objects costs its JSON text. `choice`: the request's `tool_choice`.
 */
export function addTools(reading: Reading, tools: unknown, choice: unknown): void {
  if (tools === undefined || tools === null) return;
  if (!Array.isArray(tools)) return reading.prompt.addText(jsonText(tools));
  if (tools.length === 0) return;
  addToolFrames(reading, choice);
  addDefinitions(reading, tools as readonly unknown[]);
}

/** Adds one call that the model made earlier: its name and its arguments. */
export function addToolCall(prompt: Prompt, name: unknown, args: unknown): void {
  prompt.overhead += CALL.overhead;
  prompt.doubtfulOverhead += CALL.doubt;
  prompt.addText(stringOf(name) ?? '');
  prompt.addText(typeof args === 'string' ? args : jsonText(args));
}
