/** The text of an answer of the OpenAI dialect, for counting it when the backend sent no usage. */
import type { JsonObject } from '../../../core/request.ts';
import { objectAt, objectsAt, stringAt } from '../../json-values.ts';
import { eventsIn } from '../passing-bytes.ts';

const TEXT_FIELDS = ['reasoning_content', 'reasoning', 'content', 'refusal'] as const;

function textOfMessage(message: JsonObject): string {
  let text = '';
  for (const field of TEXT_FIELDS) text += stringAt(message, field);
  for (const part of objectsAt(message, 'content')) text += stringAt(part, 'text');
  const calls = objectsAt(message, 'tool_calls').map((call) => objectAt(call, 'function'));
  for (const call of [...calls, objectAt(message, 'function_call')]) {
    text += stringAt(call, 'name') + stringAt(call, 'arguments');
  }
  return text;
}

/** All that the model wrote in one answer or chunk: content, reasoning, refusals, tool names and arguments. */
export function textOfDocument(document: JsonObject): string {
  let text = '';
  for (const choice of objectsAt(document, 'choices')) {
    text += textOfMessage(objectAt(choice, 'message'));
    text += textOfMessage(objectAt(choice, 'delta'));
    text += stringAt(choice, 'text');
  }
  return text;
}

/** The text of the events in raw stream bytes; what is no JSON event adds nothing. */
export function textOfEvents(bytes: Buffer): string {
  let text = '';
  for (const event of eventsIn(bytes)) text += textOfDocument(event);
  return text;
}
