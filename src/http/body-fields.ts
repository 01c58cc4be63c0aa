/** Reading single fields of a body that came from outside: the value, or a 400 that names the field. */
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/request.ts';

const MAX_OUTPUT_TOKENS = 10_000_000;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The 400 of a body that is not what its route takes; `param` names the field. */
export function invalid(message: string, param?: string): GatewayError {
  return new GatewayError('invalid_request_error', message, param === undefined ? {} : { param });
}

/** A whole number from 1 to `most`; null when the field is absent. */
export function readWhole(body: JsonObject, field: string, most: number): number | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(`\`${field}\` must be a whole number from 1 to ${most}.`, field);
  }
  return value;
}

/** A maximum of output tokens; null when the field is absent. */
export function readOutputLimit(body: JsonObject, field: string): number | null {
  return readWhole(body, field, MAX_OUTPUT_TOKENS);
}

export function readFlag(body: JsonObject, field: string): boolean {
  const value = body[field];
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw invalid(`\`${field}\` must be true or false.`, field);
  return value;
}

/** Checks a list of messages: objects with a role, whose content is text or a list of parts. */
export function readMessages(body: JsonObject): readonly JsonObject[] {
  const { messages } = body;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('`messages` must be an array with at least one message.', 'messages');
  }
  messages.forEach((message: unknown, index) => {
    if (!isObject(message))
      throw invalid(`\`messages[${index}]\` must be an object.`, `messages[${index}]`);
    if (typeof message['role'] !== 'string') {
      throw invalid(
        `\`messages[${index}].role\` must be a string such as "user".`,
        `messages[${index}].role`,
      );
    }
    const content = message['content'];
    const isContent =
      content === undefined ||
      content === null ||
      typeof content === 'string' ||
      Array.isArray(content);
    if (!isContent) {
      throw invalid(
        `\`messages[${index}].content\` must be a string or an array of parts.`,
        `messages[${index}].content`,
      );
    }
  });
  return messages as readonly JsonObject[];
}
