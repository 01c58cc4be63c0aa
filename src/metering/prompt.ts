/** The countable content of a request: what a tokenizer must read, and what is known as a number already. */
import type { JsonObject } from '../core/request.ts';
import type { DearerService, PremiumRates, ServerToolBounds } from '../core/usage.ts';
import type { MediaTokens } from './image-tokens.ts';

export class Prompt {
  /** Counted for the estimate and for the bound. */
  readonly texts: string[] = [];
  /** Counted for the bound only: what a provider may or may not show to the model. */
  readonly doubtfulTexts: string[] = [];
  /** Overhead that the vendor's rule states: message frames, reply priming, tool frames. */
  overhead = 0;
  /** Overhead that may come on top where the vendor publishes no rule. Zero for requests of text only. */
  doubtfulOverhead = 0;
  /** Tokens that the client encoded itself. */
  tokenIds = 0;
  /** Text of the vendor's own whose size it states, in its own tokens: no factor applies. */
  statedTokens = 0;
  statedBound = 0;
  /** What is no text, or is not in the request: images, audio, documents, results of a provider's own tools. */
  mediaTokens = 0;
  mediaBound = 0;
  canWriteCache = false;
  hasAudio = false;
  hasImages = false;
  /** Null where the request names no tool that the provider runs itself. */
  serverTools: ServerToolBounds | null = null;
  service: DearerService = {};

  addText(text: string): void {
    if (text.length > 0) this.texts.push(text);
  }

  addDoubtful(value: unknown): void {
    const text = typeof value === 'string' ? value : jsonText(value);
    if (text.length > 0) this.doubtfulTexts.push(text);
  }

  addMedia(media: MediaTokens): void {
    this.mediaTokens += media.tokens;
    this.mediaBound += media.bound;
  }

  addStated(stated: MediaTokens): void {
    this.statedTokens += stated.tokens;
    this.statedBound += stated.bound;
  }

  premiums(): PremiumRates {
    return {
      cacheWrite: this.canWriteCache,
      audio: this.hasAudio,
      image: this.hasImages,
      ...this.service,
      ...(this.serverTools !== null && { serverTools: this.serverTools }),
    };
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function stringOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Compact JSON, empty for what has none. Throws on nesting that overflows the stack; the reader of a request catches it. */
export function jsonText(value: unknown): string {
  return value === undefined ? '' : (JSON.stringify(value) ?? '');
}
