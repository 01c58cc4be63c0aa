/**
 * What tool definitions and tool calls cost in input tokens.
 *
 * OpenAI: the rule of the cookbook "How to count tokens with tiktoken", section 7, which gives the API's own figures
 * (105 for gpt-4, 101 for gpt-4o on its example) for flat schemas; what is nested in a property is counted as JSON
 * text, which is a little more than what the API renders. Anthropic: the system prompt for tool use (346 tokens with
 * `tool_choice` auto, Claude 4; documentation "Tool use", pricing). The frame of a tool (53 for Claude, 6 for GPT-5) and
 * the dearest measured system prompts (549 and 24) are from the tables that Coder measured for `ai-tokenizer` 1.0.
 */
import type { JsonObject } from '../core/request.ts';
import { isObject, jsonText, stringOf, type Prompt } from './prompt.ts';
import type { Tokenizer } from './tokenizers.ts';

const OPENAI_FUNCTION_START = { cl100k_base: 10, o200k_base: 7 } as const;
const OPENAI_PROPERTIES_START = 3;
const OPENAI_PROPERTY = 3;
const OPENAI_ENUM_START = -3;
const OPENAI_ENUM_ITEM = 3;
const OPENAI_FUNCTIONS_END = 12;
/** Beyond the rule, for what it was not measured on: strict mode, parallel calls, nested schemas. */
const OPENAI_DOUBT = { request: 16, tool: 8 };
const CLAUDE = { request: 346, tool: 53, doubt: 204 };
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
  const { name, description, parameters } = definitionOf(tool);
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

function addToolFrames(prompt: Prompt, tokenizer: Tokenizer): void {
  switch (tokenizer.family) {
    case 'openai':
      prompt.overhead += OPENAI_FUNCTIONS_END;
      prompt.doubtfulOverhead += OPENAI_DOUBT.request;
      return;
    case 'claude':
      prompt.overhead += CLAUDE.request;
      prompt.doubtfulOverhead += CLAUDE.doubt;
      return;
    case 'gemini':
    case 'other':
      prompt.overhead += OTHER.request;
      prompt.doubtfulOverhead += OTHER.requestDoubt;
  }
}

/** Adds the definitions in `tools` or the older `functions`; anything else than a list of objects costs its JSON text. */
export function addTools(prompt: Prompt, tools: unknown, tokenizer: Tokenizer): void {
  if (tools === undefined || tools === null) return;
  if (!Array.isArray(tools)) return prompt.addText(jsonText(tools));
  if (tools.length === 0) return;
  addToolFrames(prompt, tokenizer);
  for (const tool of tools as readonly unknown[]) {
    if (!isObject(tool)) prompt.addText(jsonText(tool));
    else {
      if (tool['cache_control'] !== undefined) prompt.canWriteCache = true;
      if (tokenizer.tier === 'exact')
        addOpenAiTool(prompt, tool, OPENAI_FUNCTION_START[tokenizer.encoding]);
      else {
        prompt.overhead += tokenizer.family === 'claude' ? CLAUDE.tool : OTHER.tool;
        prompt.doubtfulOverhead += OTHER.toolDoubt;
        prompt.addText(jsonText(definitionOf(tool)));
      }
    }
  }
}

/** Adds one call that the model made earlier: its name and its arguments. */
export function addToolCall(prompt: Prompt, name: unknown, args: unknown): void {
  prompt.overhead += CALL.overhead;
  prompt.doubtfulOverhead += CALL.doubt;
  prompt.addText(stringOf(name) ?? '');
  prompt.addText(typeof args === 'string' ? args : jsonText(args));
}
