/**
 * The figures that all APIs of OpenAI's family report, each in its own words. `input` and `output` are totals; what the
 * details tell are parts of them.
 */
import type { JsonObject } from '../../../core/request.ts';
import type { TokenUsage } from '../../../core/usage.ts';
import { isJsonObject, objectAt } from '../../json-values.ts';
import { partFigure, tokenFigure, withConsistentParts } from '../../usage-values.ts';
import { reportedCost } from './reported-cost.ts';
import { serverToolCalls } from './server-tool-calls.ts';

export interface UsageWords {
  readonly input: string;
  readonly output: string;
  readonly inputDetails: string;
  readonly outputDetails: string;
}

interface Totals {
  readonly input: number;
  readonly output: number;
  /** Output that the field for it leaves out: reasoning at xAI and Gemini. */
  readonly hiddenOutput: number;
}

function hiddenOutputOf(usage: JsonObject, shown: number, output: number, reasoning: number) {
  const total = tokenFigure(usage['total_tokens']);
  if (total !== null) return Math.max(0, total - shown);
  // More reasoning than output, and no total that knows better: the output does not hold it.
  return reasoning > output ? reasoning : 0;
}

function totalsOf(usage: JsonObject, words: UsageWords): Totals | null {
  const input = tokenFigure(usage[words.input]);
  const written = usage[words.output];
  // Embeddings have no output, and some servers leave the field out of the first chunks.
  const output = written === undefined || written === null ? 0 : tokenFigure(written);
  if (input === null || output === null) return null;
  const reasoning = tokenFigure(objectAt(usage, words.outputDetails)['reasoning_tokens']) ?? 0;
  const hiddenOutput = hiddenOutputOf(usage, input + output, output, reasoning);
  return { input, output: output + hiddenOutput, hiddenOutput };
}

/** What was written to a cache. OpenAI's 12 hours are the longer of its two lives, as Anthropic's hour is. */
function cacheWrites(
  usage: JsonObject,
  details: JsonObject,
  input: number,
): Pick<TokenUsage, 'cacheWrite' | 'cacheWrite1h'> {
  const written = partFigure(
    details['cache_write_tokens'] ??
      details['cache_creation_tokens'] ??
      details['cache_creation_input_tokens'] ??
      usage['cache_creation_input_tokens'],
    input,
  );
  const longer = objectAt(details, 'cache_write_tokens_details')['ttl_12h_tokens'];
  const cacheWrite1h = partFigure(longer, written);
  return { cacheWrite: written - cacheWrite1h, cacheWrite1h };
}

/** Image tokens are told by few providers; where they are not, nothing is said about them. */
function imagePart(details: JsonObject, total: number): number | null {
  const figure = tokenFigure(details['image_tokens']);
  return figure === null || figure > total ? null : figure;
}

/** Normalises a `usage` object in these words; null when its totals are not credible. */
export function readUsageIn(words: UsageWords, usage: unknown): TokenUsage | null {
  if (!isJsonObject(usage)) return null;
  const totals = totalsOf(usage, words);
  if (!totals) return null;
  const { input, output, hiddenOutput } = totals;
  const inputDetails = objectAt(usage, words.inputDetails);
  const outputDetails = objectAt(usage, words.outputDetails);
  const inputImage = imagePart(inputDetails, input);
  const outputImage = imagePart(outputDetails, output);
  const cost = reportedCost(usage);
  return withConsistentParts({
    input,
    cachedInput: partFigure(
      inputDetails['cached_tokens'] ?? usage['prompt_cache_hit_tokens'] ?? usage['cached_tokens'],
      input,
    ),
    ...cacheWrites(usage, inputDetails, input),
    inputAudio: partFigure(inputDetails['audio_tokens'], input),
    output,
    reasoning: Math.max(partFigure(outputDetails['reasoning_tokens'], output), hiddenOutput),
    outputAudio: partFigure(outputDetails['audio_tokens'], output),
    ...(inputImage !== null && { inputImage }),
    ...(outputImage !== null && { outputImage }),
    ...serverToolCalls(usage),
    ...(cost !== null && { reportedCostUsd: cost }),
  });
}
