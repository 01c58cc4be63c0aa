/** Events of a stream of the Responses API: their form, the text in them, and the one that says an error. */
import type { JsonObject } from '../../../core/request.ts';
import { objectAt, objectsAt, stringAt } from '../../json-values.ts';
import { eventsIn } from '../passing-bytes.ts';

/** The events that end a stream; each carries the whole response. */
export const LAST_EVENTS: readonly string[] = [
  'response.completed',
  'response.incomplete',
  'response.failed',
];

/** One event. Its type stands in front of it too, as SDKs look for it there. */
export function responsesEvent(type: string, members: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

/** The in-band error. The SDKs throw on its name; a stream that just ends is taken for a whole answer. */
export function responsesErrorEvent(
  message: string,
  code: string | null,
  sequenceNumber: number,
): string {
  return responsesEvent('error', {
    sequence_number: sequenceNumber,
    code,
    message,
    param: null,
  });
}

function textOfItem(item: JsonObject): string {
  let text = stringAt(item, 'name') + stringAt(item, 'arguments') + stringAt(item, 'input');
  for (const part of [...objectsAt(item, 'content'), ...objectsAt(item, 'summary')]) {
    text += stringAt(part, 'text') + stringAt(part, 'refusal');
  }
  return text;
}

/** All that the model wrote in a whole response: text, refusals, summaries of reasoning, tool names and arguments. */
export function textOfResponse(response: JsonObject): string {
  return objectsAt(response, 'output').map(textOfItem).join('');
}

/** What an event adds to the text. The events that say a part whole repeat its deltas, and add nothing. */
function textOfEvent(event: JsonObject): string {
  if (event['type'] === 'response.output_item.added') {
    return stringAt(objectAt(event, 'item'), 'name');
  }
  return stringAt(event, 'delta');
}

/** The text of the events in raw stream bytes. */
export function textOfResponsesEvents(bytes: Buffer): string {
  let text = '';
  for (const event of eventsIn(bytes)) text += textOfEvent(event);
  return text;
}
