/** Readers of answers in the client's own dialect: the bytes pass, the usage is seen on the way. */
import type { ModelRoute } from '../../core/policy.ts';
import type { JsonObject } from '../../core/request.ts';
import type { AnswerReader } from '../../core/upstream.ts';
import type { TokenUsage } from '../../core/usage.ts';
import { dataOf, endsWithBlankLine, EventSplitter } from '../event-stream.ts';
import { findLastMember, isNullMember, withoutMember } from '../json-bytes.ts';
import { isJsonObject, objectsAt, parseJsonObject } from '../json-values.ts';
import { KeptBytes } from '../kept-bytes.ts';
import { errorEvent } from './openai-errors.ts';
import {
  NATIVE_USAGE_KEYS,
  nativeUsageOf,
  readOpenAiUsage,
  usageOfDocument,
} from './openai-usage.ts';
import { textOfDocument, textOfEvents } from './openai-text.ts';
import { serviceOfTier } from './served-as.ts';

const EMPTY = Buffer.alloc(0);
const USAGE_KEY = '"usage"';
const JSON_KEYS: readonly string[] = [USAGE_KEY, ...Object.values(NATIVE_USAGE_KEYS)];
const END_MARKER = '[DONE]';
/** A JSON answer is parsed in one go, which is fast; beyond this its end is searched for the usage, and its text is judged. */
const KEPT_OF_JSON_BYTES = 8 * 1024 * 1024;
/** A stream is thousands of small texts of JSON: to read a megabyte of them takes a tenth of a second. */
const KEPT_OF_STREAM_BYTES = 512 * 1024;
/** Enough for any usage object and what providers write after it. */
const TAIL_BYTES = 16 * 1024;

/** A JSON answer. Its bytes pass as they are. */
export class OpenAiJsonReader implements AnswerReader {
  readonly #route: ModelRoute;
  readonly #kept = new KeptBytes(KEPT_OF_JSON_BYTES);
  #tail: Buffer = EMPTY;
  #isComplete = false;
  #usage: TokenUsage | null = null;

  constructor(route: ModelRoute) {
    this.#route = route;
  }

  push(chunk: Buffer): Buffer {
    this.#kept.add(chunk);
    if (!this.#kept.isWhole) {
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
    }
    return chunk;
  }

  end(): Buffer {
    this.#isComplete = true;
    this.#usage = this.#kept.isWhole ? usageOfBody(this.#kept.bytes()) : usageAtEnd(this.#tail);
    return EMPTY;
  }

  usage(): TokenUsage | null {
    return this.#usage;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    if (this.#route === 'embeddings') return '';
    const text = this.#kept.bytes().toString('utf8');
    const document = parseJsonObject(text);
    // Half an answer can not be parsed; counting its JSON syntax too errs on the side of the bill.
    return document ? textOfDocument(document) : this.#kept.extrapolate(text);
  }

  streamError(message: string, code: string): Buffer {
    return errorEvent(message, code);
  }
}

function memberAtEnd(bytes: Buffer, key: string): string {
  const member = findLastMember(bytes, key);
  return member ? bytes.toString('utf8', member.valueStart, member.valueEnd) : '';
}

function usageAtEnd(bytes: Buffer): TokenUsage | null {
  const usage = readOpenAiUsage(parseJsonObject(memberAtEnd(bytes, 'usage')));
  // A word in its quotes, near the usage: where there is none, all of a long answer would be searched for it.
  const tier = memberAtEnd(bytes.subarray(-TAIL_BYTES), 'service_tier').slice(1, -1);
  return usage && { ...usage, ...serviceOfTier(tier) };
}

function usageOfBody(bytes: Buffer): TokenUsage | null {
  const usage = usageAtEnd(bytes);
  if (usage || !JSON_KEYS.some((key) => bytes.includes(key))) return usage;
  const document = parseJsonObject(bytes.toString('utf8'));
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
  readonly #kept = new KeptBytes(KEPT_OF_STREAM_BYTES);
  readonly #splitter = new EventSplitter();
  #usage: TokenUsage | null = null;
  #nativeUsage: TokenUsage | null = null;
  #isComplete = false;
  #endedInBlock = false;
  /** What `outputText` found, until more comes. */
  #text: string | null = null;

  constructor(strips: boolean, nativeKeys: readonly string[] = []) {
    this.#strips = strips;
    this.#nativeKeys = nativeKeys;
  }

  push(chunk: Buffer): Buffer {
    this.#kept.add(chunk);
    this.#text = null;
    // Most pieces are whole events without a word about usage: two searches, no copy.
    if (this.#splitter.isAtBoundary && endsWithBlankLine(chunk) && !this.#isOfInterest(chunk)) {
      return chunk;
    }
    return join(this.#splitter.push(chunk).map((block) => this.#read(block)));
  }

  end(): Buffer {
    const rest = this.#splitter.rest();
    this.#endedInBlock = rest.length > 0;
    return rest.length > 0 ? this.#read(rest) : rest;
  }

  usage(): TokenUsage | null {
    return this.#usage ?? this.#nativeUsage;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  outputText(): string {
    this.#text ??= this.#readText();
    return this.#text;
  }

  streamError(message: string, code: string): Buffer {
    const event = errorEvent(message, code);
    return this.#endedInBlock ? Buffer.concat([Buffer.from('\n\n'), event]) : event;
  }

  #readText(): string {
    const bytes = this.#kept.bytes();
    const text = textOfEvents(bytes);
    // One event can be longer than what is kept. As for half a JSON answer, its syntax is counted too then.
    const isCutEvent = text === '' && !this.#kept.isWhole;
    return this.#kept.extrapolate(isCutEvent ? bytes.toString('utf8') : text);
  }

  #isOfInterest(bytes: Buffer): boolean {
    return (
      bytes.includes(USAGE_KEY) ||
      bytes.includes(END_MARKER) ||
      this.#nativeKeys.some((key) => bytes.includes(key))
    );
  }

  /** Also beside a `usage` that is null. */
  #readNative(block: Buffer): void {
    if (!this.#nativeKeys.some((key) => block.includes(key))) return;
    const document = parseJsonObject(dataOf(block) ?? '');
    this.#nativeUsage = (document && nativeUsageOf(document)) ?? this.#nativeUsage;
  }

  /** Client bytes of one block. */
  #read(block: Buffer): Buffer {
    if (!this.#isOfInterest(block)) return block;
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
  }
}

function isFinished({ finish_reason: reason }: JsonObject): boolean {
  return typeof reason === 'string';
}

/** The extra last chunk of `include_usage`. Azure's first chunk has no choices either, but no usage. */
function isUsageOnly(document: JsonObject): boolean {
  const { choices, usage } = document;
  return Array.isArray(choices) && choices.length === 0 && isJsonObject(usage);
}

function join(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces;
  if (!first) return EMPTY;
  return pieces.length === 1 ? first : Buffer.concat(pieces);
}
