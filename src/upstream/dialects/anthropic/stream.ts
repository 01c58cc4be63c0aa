/** A stream of the Anthropic Messages API as a stream of OpenAI chat chunks. */
import type { JsonObject } from '../../../core/request.ts';
import type { AnswerReader } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { dataOf, EventSplitter } from '../../event-stream.ts';
import { objectAt, parseJsonObject, stringAt } from '../../json-values.ts';
import { finishReason, translateError } from './answers.ts';
import { StreamedUsage } from './streamed-usage.ts';
import { toOpenAiUsage } from './usage.ts';
import { errorDocument, errorEvent } from '../openai/errors.ts';

const MAX_TEXT_CHARS = 8 * 1024 * 1024;

/** A tool call in progress. */
interface OpenCall {
  /** Its place among the tool calls of the answer; Anthropic counts all blocks. */
  readonly index: number;
  readonly input: JsonObject;
  hasArguments: boolean;
}

export class AnthropicStreamReader implements AnswerReader {
  readonly #createdAtS: number;
  readonly #wantsUsageChunk: boolean;
  readonly #splitter = new EventSplitter();
  readonly #calls = new Map<unknown, OpenCall>();
  readonly #usage = new StreamedUsage();
  #callCount = 0;
  #id = '';
  #model = '';
  #text = '';
  #isComplete = false;

  constructor(createdAtS: number, wantsUsageChunk: boolean) {
    this.#createdAtS = createdAtS;
    this.#wantsUsageChunk = wantsUsageChunk;
  }

  push(chunk: Buffer): Buffer {
    return this.#translate(this.#splitter.push(chunk));
  }

  end(): Buffer {
    return this.#translate([this.#splitter.rest()]);
  }

  usage(): TokenUsage | null {
    return this.#usage.final();
  }

  startedUsage(): TokenUsage | null {
    return this.#usage.started();
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    return this.#text;
  }

  streamError(message: string, code: string): Buffer {
    return errorEvent(message, code);
  }

  #translate(blocks: readonly Buffer[]): Buffer {
    let said = '';
    for (const block of blocks) {
      const event = parseJsonObject(dataOf(block) ?? '');
      if (event) said += this.#event(event);
    }
    return Buffer.from(said);
  }

  #event(event: JsonObject): string {
    switch (event['type']) {
      case 'message_start':
        return this.#messageStart(objectAt(event, 'message'));
      case 'content_block_start':
        return this.#blockStart(event['index'], objectAt(event, 'content_block'));
      case 'content_block_delta':
        return this.#blockDelta(event['index'], objectAt(event, 'delta'));
      case 'content_block_stop':
        return this.#blockStop(event['index']);
      case 'message_delta':
        return this.#messageDelta(event);
      case 'message_stop':
        return this.#messageStop();
      case 'ping':
        return ': ping\n\n';
      case 'error':
        return `data: ${errorDocument(translateError(objectAt(event, 'error')))}\n\n`;
      default:
        return '';
    }
  }

  #messageStart(message: JsonObject): string {
    this.#id = stringAt(message, 'id');
    this.#model = stringAt(message, 'model');
    this.#usage.start(objectAt(message, 'usage'));
    return this.#delta({ role: 'assistant', content: '' });
  }

  #blockStart(at: unknown, block: JsonObject): string {
    if (block['type'] === 'text') return this.#content('content', stringAt(block, 'text'));
    if (block['type'] !== 'tool_use') return '';
    const index = this.#callCount;
    this.#callCount += 1;
    this.#calls.set(at, { index, input: objectAt(block, 'input'), hasArguments: false });
    const name = stringAt(block, 'name');
    this.#remember(name);
    const call = { index, id: stringAt(block, 'id'), type: 'function' };
    return this.#delta({ tool_calls: [{ ...call, function: { name, arguments: '' } }] });
  }

  #blockDelta(at: unknown, delta: JsonObject): string {
    switch (delta['type']) {
      case 'text_delta':
        return this.#content('content', stringAt(delta, 'text'));
      case 'thinking_delta':
        return this.#content('reasoning_content', stringAt(delta, 'thinking'));
      case 'input_json_delta':
        return this.#arguments(at, stringAt(delta, 'partial_json'));
      default:
        return '';
    }
  }

  /** A call without a single piece of arguments still needs a JSON text that clients can parse. */
  #blockStop(at: unknown): string {
    const call = this.#calls.get(at);
    if (!call || call.hasArguments) return '';
    return this.#arguments(at, JSON.stringify(call.input));
  }

  #messageDelta(event: JsonObject): string {
    this.#usage.add(objectAt(event, 'usage'));
    const { stop_reason: stopReason } = objectAt(event, 'delta');
    return typeof stopReason === 'string' ? this.#delta({}, finishReason(stopReason)) : '';
  }

  #messageStop(): string {
    this.#isComplete = true;
    const usage = this.#usage.final();
    const last = this.#wantsUsageChunk && usage ? this.#chunk([], toOpenAiUsage(usage)) : '';
    return `${last}data: [DONE]\n\n`;
  }

  #content(field: 'content' | 'reasoning_content', text: string): string {
    if (text === '') return '';
    this.#remember(text);
    return this.#delta({ [field]: text });
  }

  #arguments(at: unknown, text: string): string {
    const call = this.#calls.get(at);
    if (!call || text === '') return '';
    call.hasArguments = true;
    this.#remember(text);
    return this.#delta({ tool_calls: [{ index: call.index, function: { arguments: text } }] });
  }

  #delta(delta: JsonObject, finish: string | null = null): string {
    return this.#chunk([{ index: 0, delta, logprobs: null, finish_reason: finish }], null);
  }

  #chunk(choices: readonly JsonObject[], usage: JsonObject | null): string {
    const chunk = {
      id: this.#id,
      object: 'chat.completion.chunk',
      created: this.#createdAtS,
      model: this.#model,
      choices,
      // As OpenAI does: a null on every chunk but the last, once the client asked for usage.
      ...(this.#wantsUsageChunk ? { usage } : {}),
    };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }

  #remember(text: string): void {
    if (this.#text.length < MAX_TEXT_CHARS) this.#text += text;
  }
}
