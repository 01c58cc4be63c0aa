/**
 * Reads the body of Anthropic's `/v1/messages` (and `/v1/messages/count_tokens`): `system` as a text or as blocks, messages of
 * content blocks, tools with an `input_schema` and tools that Anthropic runs itself.
 */
import type { JsonObject } from '../core/request.ts';
import { addRemoteTools } from './hosted-tools.ts';
import { isObject } from './prompt.ts';
import { addInstructions, addMessages, addResponseFormat } from './read-chat-prompt.ts';
import type { Reading } from './read-content.ts';
import { addTools } from './tool-tokens.ts';

export function addMessagesBody(reading: Reading, body: JsonObject): void {
  const { prompt } = reading;
  addInstructions(reading, body['system']);
  addMessages(reading, body['messages']);
  addTools(reading, body['tools'], body['tool_choice']);
  addRemoteTools(prompt, body['mcp_servers']);
  const { output_config: output, output_format: format } = body;
  addResponseFormat(prompt, isObject(output) ? output['format'] : format);
  if (isObject(body['tool_choice'])) prompt.addDoubtful(body['tool_choice']);
  if (isObject(body['cache_control'])) prompt.canWriteCache = true;
}
