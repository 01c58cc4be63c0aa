/** Readers of answers in the client's own dialect: the bytes pass, the usage is seen on the way. */
import type { ModelRoute } from '../../../core/policy.ts';
import type { JsonObject } from '../../../core/request.ts';
import type { AnswerReader } from '../../../core/upstream.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { dataOf } from '../../event-stream.ts';
import { findLastMember, isNullMember, withoutMember } from '../../json-bytes.ts';
import { isJsonObject, objectsAt, parseJsonObject } from '../../json-values.ts';
import { errorEvent } from './errors.ts';
import { NATIVE_USAGE_KEYS, nativeUsageOf, readOpenAiUsage, usageOfDocument } from './usage.ts';
import { textOfDocument, textOfEvents } from './text.ts';
import { PassingEvents, PassingJsonReader, type PassingJson } from '../passing-bytes.ts';
import { serviceOfTier } from '../usage/served-as.ts';

const EMPTY = Buffer.alloc(0);
const USAGE_KEY = '"usage"';
const JSON_KEYS: readonly string[] = [USAGE_KEY, ...Object.values(NATIVE_USAGE_KEYS)];
const END_MARKER = '[DONE]';
/** How far from its end an answer is searched for a single word. */
const NEAR_END_BYTES = 16 * 1024;

/** A JSON answer. Its bytes pass as they are. */
export class OpenAiJsonReader extends PassingJsonReader {
  constructor(route: ModelRoute) {
    super({ usageOf, textOf: route === 'embeddings' ? null : textOfDocument, errorEvent });
  }
}

function usageAtEnd(json: PassingJson): TokenUsage | null {
  const usage = readOpenAiUsage(json.lastObject('usage'));
  if (usage === null) return null;
  // A word in its quotes, near the usage: where there is none, all of a long answer would be searched for it.
  const end = json.searchable().subarray(-NEAR_END_BYTES);
  const tier = findLastMember(end, 'service_tier');
  const said = tier ? end.toString('utf8', tier.valueStart + 1, tier.valueEnd - 1) : '';
  return { ...usage, ...serviceOfTier(said) };
}

function usageOf(json: PassingJson): TokenUsage | null {
  const usage = usageAtEnd(json);
  if (usage || !JSON_KEYS.some((key) => json.searchable().includes(key))) return usage;
  const document = json.document();
  return document && (usageOfDocument(document) ?? nativeUsageOf(document));
}

/**
 * A server-sent event stream. Only whole blocks are given to the client, so that an error event after a sudden end
 * never lands in the middle of a line. With `strips`, what was caused by the injected `include_usage` is taken out
 * again; every other byte passes as it came.
 */
export class OpenAiStreamReader implements AnswerReader {
  readonly #strips: boolean;
  /** Keys of usage in the backend's own words, where it has some: looked for in every piece, so they are few. */
  readonly #nativeKeys: readonly string[];
  readonly #events = new PassingEvents();
  #usage: TokenUsage | null = null;
  #nativeUsage: TokenUsage | null = null;
  #isComplete = false;

  constructor(strips: boolean, nativeKeys: readonly string[] = []) {
    this.#strips = strips;
    this.#nativeKeys = nativeKeys;
  }

  push(chunk: Buffer): Buffer {
    return this.#events.push(chunk, this.#isOfInterest, this.#read);
  }

  end(): Buffer {
    return this.#events.end(this.#read);
  }

  usage(): TokenUsage | null {
    return this.#usage ?? this.#nativeUsage;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    return this.#events.outputText(textOfEvents);
  }

  streamError(message: string, code: string): Buffer {
    return this.#events.after(errorEvent(message, code));
  }

  readonly #isOfInterest = (bytes: Buffer): boolean =>
    bytes.includes(USAGE_KEY) ||
    bytes.includes(END_MARKER) ||
    this.#nativeKeys.some((key) => bytes.includes(key));

  /** Also beside a `usage` that is null. */
  #readNative(block: Buffer): void {
    if (!this.#nativeKeys.some((key) => block.includes(key))) return;
    const document = parseJsonObject(dataOf(block) ?? '');
    this.#nativeUsage = (document && nativeUsageOf(document)) ?? this.#nativeUsage;
  }

  /** Client bytes of one block. */
  readonly #read = (block: Buffer): Buffer => {
    this.#readNative(block);
    const member = findLastMember(block, 'usage');
    if (member && isNullMember(block, member)) {
      return this.#strips ? withoutMember(block, member) : block;
    }
    const data = dataOf(block);
    if (data?.trim() === END_MARKER) {
      this.#isComplete = true;
      return block;
    }
    const document = parseJsonObject(data ?? '');
    if (!document) return block;
    const usage = usageOfDocument(document);
    // Asked for usage, Ollama puts zeros on every chunk of a text completion but the last. Beside text that is still
    // coming they are no figure: taken for one, a stream that breaks off would cost nothing.
    const choices = objectsAt(document, 'choices');
    const isFiller = choices.length > 0 && usage?.input === 0 && usage.output === 0;
    if (!isFiller || choices.some(isFinished)) this.#usage = usage ?? this.#usage;
    if (!this.#strips) return block;
    if (isFiller && member) return withoutMember(block, member);
    return isUsageOnly(document) ? EMPTY : block;
  };
}

function isFinished({ finish_reason: reason }: JsonObject): boolean {
  return typeof reason === 'string';
}

/** The extra last chunk of `include_usage`. Azure's first chunk has no choices either, but no usage. */
function isUsageOnly(document: JsonObject): boolean {
  const { choices, usage } = document;
  return Array.isArray(choices) && choices.length === 0 && isJsonObject(usage);
}
