/** What a model wrote in an answer of the Messages API, for counting it when the final usage did not come. */
import type { JsonObject } from '../../../core/request.ts';
import { objectAt, objectsAt, stringAt } from '../../json-values.ts';
import { eventsIn } from '../passing-bytes.ts';

/** A word that every tokenizer in use counts as one token, and the characters of English text for which it stands. */
const THOUGHT = ' thought';
const CHARS_PER_TOKEN = 4;
/** Four characters of base64 stand for three bytes. */
const BASE64_CHARS_PER_TOKEN = (CHARS_PER_TOKEN * 4) / 3;
/**
 * Thinking is billed in full, also where the client sees a summary of it or nothing at all: then all of it comes
 * encrypted as the signature (documentation, "Extended thinking"). As many words as its length allows stand for it.
 */
function thought(visible: string, encrypted: string): string {
  const hidden = Math.floor(encrypted.length / BASE64_CHARS_PER_TOKEN);
  return visible.length / CHARS_PER_TOKEN >= hidden ? visible : THOUGHT.repeat(hidden);
}

function textOfBlock(block: JsonObject): string {
  switch (block['type']) {
    case 'text':
      return stringAt(block, 'text');
    case 'thinking':
      return thought(stringAt(block, 'thinking'), stringAt(block, 'signature'));
    case 'redacted_thinking':
      return thought('', stringAt(block, 'data'));
    case 'tool_use':
    case 'server_tool_use':
      return stringAt(block, 'name') + JSON.stringify(objectAt(block, 'input'));
    default:
      return '';
  }
}

/** The text of a whole answer. */
export function textOfMessage(message: JsonObject): string {
  return objectsAt(message, 'content').map(textOfBlock).join('');
}

/** The text of a stream, event by event. */
class StreamText {
  #text = '';
  #thinking = '';
  #encrypted = '';

  add(event: JsonObject): void {
    if (event['type'] === 'content_block_start') this.#start(objectAt(event, 'content_block'));
    if (event['type'] === 'content_block_delta') this.#delta(objectAt(event, 'delta'));
  }

  whole(): string {
    this.#endThought();
    return this.#text;
  }

  #start(block: JsonObject): void {
    this.#endThought();
    const { type } = block;
    // Its input comes in pieces.
    if (type === 'tool_use' || type === 'server_tool_use') this.#text += stringAt(block, 'name');
    else this.#text += textOfBlock(block);
  }

  #delta(delta: JsonObject): void {
    this.#text += stringAt(delta, 'text') + stringAt(delta, 'partial_json');
    this.#thinking += stringAt(delta, 'thinking');
    this.#encrypted += stringAt(delta, 'signature');
  }

  #endThought(): void {
    this.#text += thought(this.#thinking, this.#encrypted);
    this.#thinking = '';
    this.#encrypted = '';
  }
}

/** The text of the events in raw stream bytes; what is no JSON event adds nothing. */
export function textOfMessageEvents(bytes: Buffer): string {
  const text = new StreamText();
  for (const event of eventsIn(bytes)) text.add(event);
  return text.whole();
}
