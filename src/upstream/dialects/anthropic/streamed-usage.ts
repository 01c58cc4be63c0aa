/** Usage of a stream of the Messages API, which comes in parts: the input with its start, the output at its end. */
import type { JsonObject } from '../../../core/request.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { mergeAnthropicUsage, readAnthropicUsage } from './usage.ts';

export class StreamedUsage {
  /** All figures that were reported so far, the latest of each. */
  #reported: JsonObject = {};
  #final: TokenUsage | null = null;

  /** The usage of `message_start`. */
  start(usage: JsonObject): void {
    this.#reported = usage;
  }

  /** The usage of a `message_delta`. */
  add(usage: JsonObject): void {
    this.#reported = mergeAnthropicUsage(this.#reported, usage);
    if (usage['output_tokens'] !== undefined) {
      this.#final = readAnthropicUsage(this.#reported) ?? this.#final;
    }
  }

  /**
   * Null until the final figures: the output that `message_start` names is only that of the first piece, and to charge
   * a broken stream by it would give nearly all of it away.
   */
  final(): TokenUsage | null {
    return this.#final;
  }

  /** The figures so far: the input is the bill's, the output that of the first piece. */
  started(): TokenUsage | null {
    return readAnthropicUsage(this.#reported);
  }
}
