/** Events of a stream of the Responses API: their form, the text in them, and the one that says an error. */
import type { JsonObject } from '../../../core/request.ts';
import { dataOf, EventSplitter } from '../../event-stream.ts';
import { objectAt, objectsAt, parseJsonObject, stringAt } from '../../json-values.ts';

/** The events that end a stream; each carries the whole response. */
export const LAST_EVENTS: readonly string[] = [
  'response.completed',
  'response.incomplete',
  'response.failed',
];

/** Bytes that are cut into blocks at a time: a block can be a single byte, and each becomes an object. */
const SLICE_BYTES = 64 * 1024;

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

function textOfBlock(block: Buffer): string {
  const event = parseJsonObject(dataOf(block) ?? '');
  return event ? textOfEvent(event) : '';
}

/** The text of the events in raw stream bytes. */
export function textOfResponsesEvents(bytes: Buffer): string {
  const splitter = new EventSplitter();
  let text = '';
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    for (const block of splitter.push(bytes.subarray(at, at + SLICE_BYTES)))
      text += textOfBlock(block);
  }
  return text + textOfBlock(splitter.rest());
}
