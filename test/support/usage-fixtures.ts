/**
 * The golden files of `test/fixtures/usage/`: what a provider answered, the prices of the day, and what it cost to the
 * nano-dollar. The cost is recomputed here with fractions, from the prices as they are written there: nothing of this
 * comes from the gateway's own arithmetic.
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';

/** Whose words the answer is in. */
export type Api = 'chat' | 'completions' | 'embeddings' | 'messages' | 'responses';
type FixtureBackend = 'openai' | 'anthropic' | 'google' | 'ollama' | 'vllm' | 'llamacpp';

/** The route of the gateway over which each API is asked. */
export const ROUTES: Readonly<Record<Api, string>> = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
  messages: '/v1/messages',
  responses: '/v1/responses',
};

/** What is asked over a route, beside the model; the fixture is the answer, whatever it is. */
export const QUESTIONS: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'Hello' }] },
  '/v1/completions': { prompt: 'Hello' },
  '/v1/embeddings': { input: 'Hello' },
  '/v1/messages': { max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] },
  '/v1/responses': { input: 'Hello' },
};

/** USD as decimal text: for a million tokens, or for one call; named as in a configuration. */
type PriceName =
  | 'input'
  | 'cached_input'
  | 'cache_write'
  | 'cache_write_1h'
  | 'input_audio'
  | 'input_image'
  | 'output'
  | 'reasoning'
  | 'output_audio'
  | 'output_image'
  | 'per_request'
  | 'web_search'
  | 'file_search'
  | 'code_execution'
  | 'search_source'
  /** What the rates of tokens are multiplied by. */
  | 'times';

export interface UsageFixture {
  readonly name: string;
  readonly what: string;
  readonly backend: FixtureBackend;
  readonly api: Api;
  readonly model: string;
  /** From the packaged list, or said in the file; a rate that no token of the fixture has is left out. */
  readonly prices: Readonly<Partial<Record<PriceName, string>>> & {
    readonly from: 'list' | 'file';
  };
  /** Kinds that are not named are none. */
  readonly tokens: Partial<TokenUsage>;
  readonly costNanoUsd: number;
  /** Pieces in which the provider writes its stream. */
  readonly pieceBytes?: number;
  /** A JSON answer, or else the text of a stream in parts to be put together. */
  readonly answer?: object;
  readonly stream?: readonly string[];
}

const FOLDER = path.join(import.meta.dirname, '../fixtures/usage');

export const USAGE_FIXTURES: readonly UsageFixture[] = globSync('*.json', { cwd: FOLDER })
  .toSorted()
  .map((file) => {
    const text = readFileSync(path.join(FOLDER, file), 'utf8');
    return { name: path.basename(file, '.json'), ...(JSON.parse(text) as object) } as UsageFixture;
  });

/** The bytes that the provider answered. */
export function bytesOf({ answer, stream }: UsageFixture): Buffer {
  return Buffer.from(stream === undefined ? JSON.stringify(answer) : stream.join(''));
}

export function usageOfFixture({ tokens }: UsageFixture): TokenUsage {
  return { ...NO_USAGE, ...tokens };
}

interface Fraction {
  readonly top: bigint;
  readonly bottom: bigint;
}

function fraction(decimal: string): Fraction {
  const [whole = '0', digits = ''] = decimal.split('.');
  return { top: BigInt(whole + digits), bottom: 10n ** BigInt(digits.length) };
}

function plus(a: Fraction, b: Fraction): Fraction {
  return { top: a.top * b.bottom + b.top * a.bottom, bottom: a.bottom * b.bottom };
}

function times(a: Fraction, count: number, unit: bigint): Fraction {
  return { top: a.top * BigInt(count), bottom: a.bottom * unit };
}

function product(a: Fraction, b: Fraction): Fraction {
  return { top: a.top * b.top, bottom: a.bottom * b.bottom };
}

const MILLION = 1_000_000n;
const NANO = 1_000_000_000n;

/** Each kind of token or call with its price: no token is in two of them. */
function billedParts({ tokens, prices }: UsageFixture): readonly [PriceName, number, bigint][] {
  const { input = 0, cachedInput = 0, cacheWrite = 0, cacheWrite1h = 0, inputAudio = 0 } = tokens;
  const { output = 0, reasoning = 0, outputAudio = 0 } = tokens;
  // Images without a price of their own are text.
  const inputImage = prices.input_image === undefined ? 0 : (tokens.inputImage ?? 0);
  const outputImage = prices.output_image === undefined ? 0 : (tokens.outputImage ?? 0);
  const fresh = input - cachedInput - cacheWrite - cacheWrite1h - inputAudio - inputImage;
  return [
    ['input', fresh, MILLION],
    ['cached_input', cachedInput, MILLION],
    ['cache_write', cacheWrite, MILLION],
    ['cache_write_1h', cacheWrite1h, MILLION],
    ['input_audio', inputAudio, MILLION],
    ['input_image', inputImage, MILLION],
    ['output', output - reasoning - outputAudio - outputImage, MILLION],
    ['reasoning', reasoning, MILLION],
    ['output_audio', outputAudio, MILLION],
    ['output_image', outputImage, MILLION],
    ['per_request', prices.per_request === undefined ? 0 : 1, 1n],
    ['web_search', tokens.webSearches ?? 0, 1n],
    ['file_search', tokens.fileSearches ?? 0, 1n],
    ['code_execution', tokens.codeExecutions ?? 0, 1n],
    ['search_source', tokens.searchSources ?? 0, 1n],
  ];
}

/** A call without a fee costs its tokens; a token without a rate is a fault of the fixture. */
function priceOfPart({ name, prices }: UsageFixture, part: PriceName, unit: bigint): Fraction {
  const price = prices[part];
  if (unit === 1n) return fraction(price ?? '0');
  if (price === undefined) throw new Error(`${name} has no price of ${part}`);
  return product(fraction(price), fraction(prices.times ?? '1'));
}

/** The cost of a fixture in nano-dollars, rounded up once. */
export function costOfFixture(fixture: UsageFixture): number {
  const { reportedCostUsd } = fixture.tokens;
  let sum = fraction(reportedCostUsd ?? '0');
  if (reportedCostUsd === undefined) {
    for (const [part, count, unit] of billedParts(fixture)) {
      if (count < 0) throw new Error(`${fixture.name} has parts beyond their total`);
      if (count > 0) sum = plus(sum, times(priceOfPart(fixture, part, unit), count, unit));
    }
  }
  const { top, bottom } = sum;
  return Number((top * NANO + bottom - 1n) / bottom);
}
