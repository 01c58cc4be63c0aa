/** What the Anthropic Messages API refuses with 400, as far as a translator could be to blame for it. */
import type { RecordedRequest } from './provider-server.ts';

type Fields = Readonly<Record<string, unknown>>;

const ARGUMENTS: ReadonlySet<string> = new Set(
  'model messages max_tokens system metadata stop_sequences stream temperature top_k top_p tools tool_choice thinking output_config service_tier container context_management mcp_servers cache_control'.split(
    ' ',
  ),
);
/** Gone from version 2026-10-21 on. */
const SAMPLING = ['temperature', 'top_p', 'top_k'];
const BLOCKS: Readonly<Record<string, ReadonlySet<string>>> = {
  user: new Set(['text', 'image', 'document', 'tool_result']),
  assistant: new Set(['text', 'thinking', 'redacted_thinking', 'tool_use']),
};
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/;
const TOOL_ID = /^[a-zA-Z0-9_-]+$/;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function blocksOf(message: Fields): readonly Fields[] {
  const { content } = message;
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content.filter(isFields) : [];
}

function complaintOfBlock(block: Fields, role: string, at: string): string | null {
  const type = String(block['type']);
  if (BLOCKS[role]?.has(type) !== true) {
    return `${at}: Input tag '${type}' found using 'type' does not match any of the expected tags`;
  }
  if (type === 'text' && block['text'] === '')
    return `${at}: text content blocks must be non-empty`;
  const id = type === 'tool_use' ? block['id'] : block['tool_use_id'];
  const hasId = type === 'tool_use' || type === 'tool_result';
  if (hasId && !TOOL_ID.test(String(id))) {
    return `${at}.${type}.id: String should match pattern '${TOOL_ID.source}'`;
  }
  if (type === 'tool_use' && !isFields(block['input'])) {
    return `${at}.tool_use.input: Input should be a valid dictionary`;
  }
  return null;
}

function idsOf(blocks: readonly Fields[], type: string, field: string): readonly unknown[] {
  return blocks.filter((block) => block['type'] === type).map((block) => block[field]);
}

/** Results stand at the head of the message right after their calls. */
function complaintOfTools(messages: readonly Fields[]): string | null {
  let open: readonly unknown[] = [];
  for (const [at, message] of messages.entries()) {
    const blocks = blocksOf(message);
    const results = idsOf(blocks, 'tool_result', 'tool_use_id');
    const head = idsOf(blocks.slice(0, results.length), 'tool_result', 'tool_use_id');
    const missing = open.filter((id) => !head.includes(id));
    if (missing.length > 0) {
      return `messages.${at - 1}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;
    }
    const strangers = results.filter((id) => !open.includes(id));
    if (strangers.length > 0) {
      return `messages.${at}.content.0: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${strangers.join(', ')}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
    }
    open = idsOf(blocks, 'tool_use', 'id');
  }
  return open.length === 0 ? null : `messages: \`tool_use\` ids were left without a result`;
}

function complaintOfMessages(messages: readonly Fields[]): string | null {
  if (messages.length === 0) return 'messages: at least one message is required';
  if (messages[0]?.['role'] !== 'user') return 'messages: first message must use the "user" role';
  for (const [at, message] of messages.entries()) {
    const role = String(message['role']);
    if (BLOCKS[role] === undefined) {
      return `messages: Unexpected role "${role}". The Messages API accepts a top-level \`system\` parameter, not "system" as an input message role.`;
    }
    const blocks = blocksOf(message);
    if (blocks.length === 0) return `messages.${at}: all messages must have non-empty content`;
    for (const [index, block] of blocks.entries()) {
      const wrong = complaintOfBlock(block, role, `messages.${at}.content.${index}`);
      if (wrong !== null) return wrong;
    }
  }
  return complaintOfTools(messages);
}

function complaintOfTool(tool: Fields, at: number): string | null {
  if (!TOOL_NAME.test(String(tool['name']))) {
    return `tools.${at}.custom.name: String should match pattern '${TOOL_NAME.source}'`;
  }
  const schema = tool['input_schema'];
  if (!isFields(schema) || schema['type'] !== 'object') {
    return `tools.${at}.custom.input_schema.type: Field required`;
  }
  return null;
}

/** A schema for the answer must say that its objects have nothing else. */
function complaintOfFormat(config: unknown): string | null {
  const format = isFields(config) ? config['format'] : undefined;
  const schema = isFields(format) ? format['schema'] : undefined;
  if (!isFields(schema) || schema['type'] !== 'object') return null;
  if (schema['additionalProperties'] === false) return null;
  return "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false";
}

/** The words of the 400; null for a call that is in order. */
export function complaintOfAnthropic({ json, headers }: RecordedRequest): string | null {
  if (!isFields(json)) return 'The request body is not valid JSON';
  const sampling = SAMPLING.find((name) => json[name] !== undefined);
  if (sampling !== undefined && headers['anthropic-version'] !== '2023-06-01')
    return `${sampling}: sampling parameters are not supported in this API version`;
  const unknown = Object.keys(json).find((name) => !ARGUMENTS.has(name));
  if (unknown !== undefined) return `${unknown}: Extra inputs are not permitted`;
  if (!Number.isInteger(json['max_tokens'])) return 'max_tokens: Field required';
  const messages = Array.isArray(json['messages']) ? json['messages'].filter(isFields) : [];
  const tools = Array.isArray(json['tools']) ? json['tools'].filter(isFields) : [];
  if (tools.length === 0 && json['tool_choice'] !== undefined) {
    return 'tool_choice: may only be specified while providing tools';
  }
  return (
    complaintOfMessages(messages) ??
    tools.map(complaintOfTool).find((wrong) => wrong !== null) ??
    complaintOfFormat(json['output_config'])
  );
}
